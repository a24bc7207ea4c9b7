#include "fqgan/pretrained/state_dict.h"

#include "fqgan/core/error.h"
#include "fqgan/core/hash.h"
#include "fqgan/core/shape.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

constexpr size_t most_problems = 10;

}  // namespace

StateDict::StateDict(std::map<std::string, torch::Tensor> tensors, std::string where)
    : tensors_(std::move(tensors)), where_(std::move(where)) {
  std::erase_if(tensors_, [](const auto& entry) { return entry.first.ends_with(".num_batches_tracked"); });
}

torch::Tensor StateDict::take(const std::string& name, at::IntArrayRef shape) {
  requested_[name] = shape.vec();
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    problems_.push_back("'" + name + "' of shape " + shape_text(shape) + " is missing");
  else if (found->second.sizes() != shape)
    problems_.push_back("'" + name + "' has the shape " + shape_text(found->second.sizes()) + " instead of " +
                        shape_text(shape));
  else if (!found->second.is_floating_point())
    problems_.push_back("'" + name + "' has the type " + type_text(found->second) + " instead of float32");
  else if (!found->second.to(at::kFloat).isfinite().all().item<bool>())
    problems_.push_back("'" + name + "' has values that are not finite");
  else if (name.ends_with("running_var") && found->second.lt(0).any().item<bool>())
    problems_.push_back("'" + name + "' has a variance below 0");
  else
    return found->second.to(at::kFloat);
  return torch::zeros(shape);
}

FoldedWeights StateDict::take_folded(const std::string& convolution, const std::string& norm, at::IntArrayRef shape,
                                     double epsilon) {
  const auto weight = take(convolution + ".weight", shape);
  const auto of = [&](const char* part) { return take(norm + "." + part, {shape[0]}); };
  const auto gain = of("weight"), bias = of("bias"), mean = of("running_mean"), variance = of("running_var");
  return fold_batch_norm(weight, gain, bias, mean, variance, epsilon);
}

void StateDict::finish(const std::string& network) const {
  auto problems = problems_;
  for (const auto& entry : tensors_)
    if (!requested_.contains(entry.first)) problems.push_back("'" + entry.first + "' is not part of it");
  if (problems.empty()) return;
  const auto count = problems.size();
  problems.resize(std::min(count, most_problems));
  fail(where_, "expected the weights of " + network + ", found other tensors: " + join(problems) +
                   (count > most_problems ? " and " + std::to_string(count - most_problems) + " more" : ""));
}

std::string StateDict::hash() const {
  Sha256 digest;
  for (const auto& [name, tensor] : tensors_) {
    digest.update(name.data(), name.size());
    const auto bytes = tensor.cpu().contiguous();
    digest.update(bytes.const_data_ptr(), bytes.nbytes());
  }
  return digest.hex().substr(0, 8);
}

}  // namespace fqgan
