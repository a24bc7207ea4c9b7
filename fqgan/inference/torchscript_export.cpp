#include "fqgan/inference/torchscript_export.h"

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/passes/constant_pooling.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/remove_mutation.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

namespace jit = torch::jit;
using Tensors = TraceRequest::Tensors;

jit::Stack as_stack(const Tensors& tensors) { return {tensors.begin(), tensors.end()}; }

Tensors as_tensors(const jit::Stack& stack) {
  Tensors tensors;
  for (const auto& value : stack) tensors.push_back(value.toTensor());
  return tensors;
}

std::shared_ptr<jit::Graph> recorded(const TraceRequest& request) {
  const auto compute = [&](jit::Stack inputs) -> jit::Stack {
    const auto outputs = request.compute(as_tensors(inputs));
    if (outputs.size() == 1) return {outputs[0]};
    return {c10::ivalue::Tuple::create(as_stack(outputs))};  // a method returns one value
  };
  const auto no_name = [](const torch::Tensor&) { return std::string(); };
  const auto [state, outputs] = jit::tracer::trace(as_stack(request.examples(2)), compute, no_name, /*strict=*/true,
                                                   /*force_outplace=*/false, /*self=*/nullptr, request.inputs);
  auto graph = state->graph;
  jit::RemoveTensorMutation(graph);  // in C++ `1 - x` is an empty tensor, filled and subtracted from in place
  jit::ConstantPropagation(graph);
  jit::EliminateDeadCode(graph);
  jit::ConstantPooling(graph);
  for (size_t i = 0; i < request.inputs.size(); ++i) graph->inputs()[i]->setDebugName(request.inputs[i]);
  return graph;
}

/// The network's name for this tensor, as a valid attribute name; "weight" for a computed one.
std::string buffer_name(const torch::Tensor& tensor, const TraceRequest& request, std::set<std::string>& taken) {
  std::string name = "weight";
  if (request.network)
    for (const auto& [known, value] : state_of(*request.network))
      if (value.data_ptr() == tensor.data_ptr() && value.numel() == tensor.numel()) name = known;
  std::replace(name.begin(), name.end(), '.', '_');
  auto unique = name;
  for (int64_t n = 2; !taken.insert(unique).second; ++n) unique = name + "_" + std::to_string(n);
  return unique;
}

/// Makes constants with at least one dimension to buffers; scalars stay in the graph, where they work on any device.
void keep_as_buffers(jit::Graph& graph, jit::Module& module, const TraceRequest& request) {
  auto* self = graph.insertInput(0, "self");
  self->setType(module._ivalue()->type());
  std::vector<jit::Node*> constants;
  for (auto* node : graph.nodes())
    if (node->kind() == jit::prim::Constant && node->output()->type()->isSubtypeOf(*c10::TensorType::get()) &&
        node->hasAttribute(jit::attr::value) && node->t(jit::attr::value).dim() > 0)
      constants.push_back(node);
  std::set<std::string> taken{"training", "forward"};
  for (auto* node : constants) {
    const auto& tensor = node->t(jit::attr::value);
    const auto name = buffer_name(tensor, request, taken);
    module.register_buffer(name, tensor.detach());
    const jit::WithInsertPoint here(node);
    auto* buffer = graph.insertGetAttr(self, name);
    node->output()->replaceAllUsesWith(buffer);
    node->destroy();
  }
}

jit::Module as_module(const std::shared_ptr<jit::Graph>& graph, const TraceRequest& request) {
  jit::Module module("Network");
  keep_as_buffers(*graph, module, request);
  graph->lint();
  auto unit = module._ivalue()->compilation_unit();
  auto* forward = unit->create_function(c10::QualifiedName(*module.type()->name(), "forward"), graph);
  module.type()->addMethod(forward);
  module.eval();
  return module;
}

Tensors outputs_of(jit::Module& module, const Tensors& inputs) {
  const auto result = module.forward(as_stack(inputs));
  if (result.isTensor()) return {result.toTensor()};
  return as_tensors(result.toTupleRef().elements().vec());
}

/// The reason of an error, without the interpreter's trace before it.
std::string last_line(const std::exception& error) {
  std::istringstream lines(error.what());
  std::string line, last;
  while (std::getline(lines, line))
    if (!line.empty()) last = line;
  return last;
}

/// Largest difference over several batch sizes; a size that was recorded as a constant fails for one of them.
double difference_from_the_computation(jit::Module& module, const TraceRequest& request, double tolerance) {
  double largest = 0;
  for (const int64_t batch : {1, 2, 3, 5}) {
    const auto inputs = request.examples(batch);
    const auto expected = request.compute(inputs);
    Tensors found;
    try {
      found = outputs_of(module, inputs);
    } catch (const std::exception& error) {
      FQGAN_CHECK(false, "the recorded graph fails for a batch of " + std::to_string(batch) + ": " + last_line(error));
    }
    FQGAN_CHECK(found.size() == expected.size(), "the recorded graph has another number of outputs");
    for (size_t i = 0; i < found.size(); ++i) {
      FQGAN_CHECK(found[i].sizes() == expected[i].sizes() && found[i].dtype() == expected[i].dtype(),
                  "the recorded graph gives another shape or type for a batch of " + std::to_string(batch));
      const auto difference = (found[i].to(torch::kDouble) - expected[i].to(torch::kDouble)).abs().max().item<double>();
      FQGAN_CHECK(difference <= tolerance, "the recorded graph differs by " + std::to_string(difference) +
                                               " for a batch of " + std::to_string(batch));
      largest = std::max(largest, difference);
    }
  }
  return largest;
}

/// [{"name": "z", "type": "Float", "shape": ["N", 128]}, ...]
nlohmann::json described(const std::vector<std::string>& names, const Tensors& of_two, const Tensors& of_three) {
  auto list = nlohmann::json::array();
  FQGAN_CHECK(names.size() == of_two.size(), "expected a name for each tensor");
  for (size_t i = 0; i < names.size(); ++i) {
    auto shape = nlohmann::json::array();
    for (int64_t d = 0; d < of_two[i].dim(); ++d) {
      if (of_two[i].size(d) != of_three[i].size(d))
        shape.push_back("N");
      else
        shape.push_back(of_two[i].size(d));
    }
    list.push_back({{"name", names[i]}, {"type", c10::toString(of_two[i].scalar_type())}, {"shape", shape}});
  }
  return list;
}

}  // namespace

Traced trace_torchscript(const TraceRequest& request, double tolerance) {
  torch::NoGradGuard no_grad;
  if (request.network)
    for (auto& parameter : request.network->parameters()) parameter.requires_grad_(false);
  Traced traced{as_module(recorded(request), request), {}, 0};
  traced.difference = difference_from_the_computation(traced.module, request, tolerance);
  auto json = nlohmann::json::parse(request.description.empty() ? "{}" : request.description);
  const auto two = request.examples(2), three = request.examples(3);
  json["inputs"] = described(request.inputs, two, three);
  json["outputs"] = described(request.outputs, request.compute(two), request.compute(three));
  traced.description = json.dump();
  return traced;
}

void save_torchscript(const std::string& path, const Traced& traced) {
  std::ostringstream file;
  traced.module.save(file, {{"fqgan.json", traced.description}});
  write_file_atomically(path, file.str());
}

}  // namespace fqgan
