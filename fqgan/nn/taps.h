// Named points in a network's forward pass: `h = taps("block2", h, pass)`. A module attached to a tap (a quantizer) may
// replace the features by others of the same shape. Feature matching and diagnostics read features by name through
// Pass::keep. The taps belong to their network, so that attached modules are saved with it.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// A module that can be attached to a tap.
struct TapModule : torch::nn::Module {
  /// h: N x C x H x W -> the same shape. tap: the name under which the module reports, with the network's name as
  /// prefix if a family has several.
  virtual torch::Tensor apply(const std::string& tap, const torch::Tensor& h, Pass& pass) = 0;
};

struct TapPoint {
  std::string name;
  int64_t channels;
};

struct Taps : torch::nn::Module {
  /// `points`: every point that the network's forward calls, in order.
  explicit Taps(std::vector<TapPoint> points);

  /// Several modules at one tap act in the order in which they were attached. One module may be attached to several
  /// taps; it is saved under the first.
  /// Errors: UserError when there is no such point; it lists the existing ones.
  void attach(const std::string& point, std::shared_ptr<TapModule> module);
  const std::vector<TapPoint>& points() const { return points_; }
  int64_t channels(const std::string& point) const;  // same error
  const std::vector<std::pair<std::string, std::shared_ptr<TapModule>>>& modules() const { return modules_; }

  torch::Tensor operator()(const char* point, torch::Tensor h, Pass& pass);

 private:
  std::vector<TapPoint> points_;
  std::vector<std::pair<std::string, std::shared_ptr<TapModule>>> modules_;
};

}  // namespace fqgan
