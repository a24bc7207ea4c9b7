// Exports a computation with networks as a TorchScript file. LibTorch's tracer records its operators, which must be the
// plain reference operators (Pass::reference_operators). Values that depend only on weights are computed once (a weight
// divided by its spectral norm becomes one tensor), and the remaining tensors become buffers of the module, so that
// `.to(device)` moves all of it. python/fqgan/export.py converts such a file to ONNX.
#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fqgan {

/// What to record. The tracer records the results of `Tensor::size` as constants, so that the computation must use -1
/// for a size that depends on the batch; else trace_torchscript refuses it.
struct TraceRequest {
  using Tensors = std::vector<torch::Tensor>;
  /// Inputs -> outputs, without random draws and without changes of state.
  std::function<Tensors(const Tensors&)> compute;
  /// The network of the computation, whose tensors name the buffers ("block0.conv1.bias": "block0_conv1_bias"). It must
  /// be the caller's own copy, because its parameters take no gradients from then on. May be null.
  std::shared_ptr<torch::nn::Module> network;
  std::vector<std::string> inputs, outputs;
  /// Valid inputs with a batch of N. A dimension that changes with N is free in the file.
  std::function<Tensors(int64_t batch)> examples;
  std::string description;  // JSON object for the file
};

struct Traced {
  torch::jit::Module module;
  std::string
      description;        // JSON: `inputs` and `outputs` (name, type, shape with "N" for the batch), and the given one
  double difference = 0;  // largest difference from the computation, over batches of 1, 2, 3 and 5
};

/// Errors: InternalError if the recorded module's outputs differ from the computation's by more than `tolerance` for
/// one of these batches.
Traced trace_torchscript(const TraceRequest& request, double tolerance = 1e-5);

/// Writes the module with its description (extra file "fqgan.json"), atomically.
void save_torchscript(const std::string& path, const Traced& traced);

}  // namespace fqgan
