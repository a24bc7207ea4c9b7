// Any computation of networks as a TorchScript file. LibTorch's tracer records the operators that the computation runs
// (it must use the plain reference operators: Pass::reference_operators), what depends on weights alone is computed
// once (a weight divided by its spectral norm becomes one tensor), and the tensors that remain become buffers of the
// module, so that `.to(device)` moves all of it. python/fqgan/export.py converts such a file to ONNX.
#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fqgan {

/// What to record. Sizes that come from `Tensor::size` are numbers to the tracer: where a shape depends on the batch,
/// the computation says -1, else trace_torchscript refuses it.
struct TraceRequest {
  using Tensors = std::vector<torch::Tensor>;
  /// Inputs -> outputs, without random draws and without changes of state.
  std::function<Tensors(const Tensors&)> compute;
  /// The network that it runs: its tensors give the buffers their names ("block0.conv1.bias": "block0_conv1_bias"). The
  /// caller's own copy: its parameters take no gradients from then on. May be null.
  std::shared_ptr<torch::nn::Module> network;
  std::vector<std::string> inputs, outputs;
  /// Valid inputs with a batch of N. A dimension that changes with N is free in the file.
  std::function<Tensors(int64_t batch)> examples;
  std::string description;  // JSON object that goes into the file, for people
};

struct Traced {
  torch::jit::Module module;
  std::string description;  // JSON: `inputs` and `outputs` (name, type, shape with "N" where it is free), and the rest
  double difference = 0;    // largest, from the computation itself, over batches of 1, 2, 3 and 5
};

/// Errors: InternalError when the recorded module does not give the computation's outputs within `tolerance` for every
/// one of these batches.
Traced trace_torchscript(const TraceRequest& request, double tolerance = 1e-5);

/// Writes the module with its description (extra file "fqgan.json"); a whole file or none.
void save_torchscript(const std::string& path, const Traced& traced);

}  // namespace fqgan
