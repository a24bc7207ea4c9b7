// Any computation becomes a TorchScript module: free batch, folded weights, no device in it, errors for what is frozen.
#include "fqgan/inference/torchscript_export.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/serialization/import.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "fqgan/core/error.h"
#include "fqgan/nn/layers.h"
#include "support/support.h"

namespace fqgan {
namespace {

using Tensors = TraceRequest::Tensors;

struct Toy : torch::nn::Module {
  explicit Toy(Streams& random)
      : linear(register_module("linear", Linear(3, 4, true, WeightOptions{}, random))),
        scale(register_parameter("scale", torch::full({4}, 2.))) {}
  Linear linear;
  torch::Tensor scale;
};

TraceRequest request_for(const std::shared_ptr<Toy>& toy) {
  TraceRequest request;
  request.network = toy;
  request.inputs = {"x", "shift"};
  request.outputs = {"y", "rows"};
  request.description = R"({"family": "toy"})";
  request.examples = [](int64_t batch) {
    return Tensors{torch::linspace(-1, 1, batch * 3).view({batch, 3}), torch::tensor(static_cast<float>(batch))};
  };
  request.compute = [toy](const Tensors& inputs) {
    Streams unused(0, {});
    Pass pass(unused);
    pass.reference_operators = true;
    const auto h = toy->linear->forward(inputs[0], pass);
    return Tensors{h * toy->scale + inputs[1], h.reshape({-1, 2, 2}).sum(2)};
  };
  return request;
}

std::vector<std::string> operators_of(const torch::jit::Module& module) {
  std::vector<std::string> found;
  for (const auto* node : module.get_method("forward").graph()->nodes()) found.push_back(node->kind().toQualString());
  return found;
}

TEST(TorchScriptExport, GivesTheComputationForAnyBatch) {
  Streams random(1, {});
  const auto toy = std::make_shared<Toy>(random);
  const auto request = request_for(toy);
  const auto traced = trace_torchscript(request);
  EXPECT_LE(traced.difference, 1e-6);
  const test::TemporaryFolder folder;
  const auto path = (folder / "toy.pt").string();
  save_torchscript(path, traced);
  torch::jit::ExtraFilesMap files{{"fqgan.json", ""}};
  auto loaded = torch::jit::load(path, std::nullopt, files);
  const auto inputs = request.examples(7);
  const auto result = loaded.forward({inputs[0], inputs[1]}).toTupleRef().elements().vec();
  const auto expected = request.compute(inputs);
  EXPECT_TRUE(at::allclose(result[0].toTensor(), expected[0], 0, 1e-6));
  EXPECT_TRUE(at::allclose(result[1].toTensor(), expected[1], 0, 1e-6));
  const auto json = nlohmann::json::parse(files.at("fqgan.json"));
  EXPECT_EQ(json.at("family"), "toy");
  EXPECT_EQ(json.at("inputs").dump(),
            R"([{"name":"x","shape":["N",3],"type":"Float"},{"name":"shift","shape":[],"type":"Float"}])");
  EXPECT_EQ(json.at("outputs")[1].dump(), R"({"name":"rows","shape":["N",2],"type":"Float"})");
}

TEST(TorchScriptExport, FoldsTheSpectralNormAndNamesTheBuffers) {
  Streams random(1, {});
  const auto traced = trace_torchscript(request_for(std::make_shared<Toy>(random)));
  for (const auto& name : operators_of(traced.module)) {
    EXPECT_NE(name, "aten::mv");
    EXPECT_NE(name, "aten::norm");
  }
  std::set<std::string> names;
  for (const auto& buffer : traced.module.named_buffers(false)) names.insert(buffer.name);
  EXPECT_EQ(names, (std::set<std::string>{"weight", "linear_bias", "scale"}));
}

TEST(TorchScriptExport, NamesNoDevice) {
  Streams random(1, {});
  const auto traced = trace_torchscript(request_for(std::make_shared<Toy>(random)));
  for (const auto* node : traced.module.get_method("forward").graph()->nodes())
    for (const auto* output : node->outputs()) EXPECT_NE(output->type()->kind(), c10::TypeKind::DeviceObjType);
}

TEST(TorchScriptExport, RefusesABatchSizeThatWasRecorded) {
  Streams random(1, {});
  auto request = request_for(std::make_shared<Toy>(random));
  request.compute = [](const Tensors& inputs) {
    return Tensors{inputs[0].reshape({inputs[0].size(0), 3, 1}), inputs[1]};
  };
  const auto message = [&] { return test::message_of<InternalError>([&] { trace_torchscript(request); }); };
  test::expect_names(message(), {"[2, 3, 1]"});
  request.compute = [](const Tensors& inputs) {
    return Tensors{inputs[0] * static_cast<double>(inputs[0].size(0)), inputs[1]};
  };
  test::expect_names(message(), {"differs"});
}

}  // namespace
}  // namespace fqgan
