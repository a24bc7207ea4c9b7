#include "fqgan/metrics/torchscript.h"

#include <torch/csrc/jit/serialization/import.h>
#include <torch/torch.h>

#include <filesystem>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/hash.h"
#include "fqgan/core/shape.h"

namespace fqgan {
namespace {

constexpr const char *features_flag = "return_features", *logits_flag = "no_output_bias",
                     *distance_flag = "return_lpips", *resize_flag = "resize_images";
constexpr int64_t largest_side = 256;  // pixels; larger images are averaged before return_lpips, as StyleGAN2-ADA does
constexpr const char* torchscript_contract =
    "features N x D (float) of uint8 N x 3 x H x W images, or a tuple of features and logits";

/// The line with the error, without the interpreter's trace before it.
std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \n");
  if (end == std::string::npos) return "no reason given";
  const auto start = text.find_last_of('\n', end);
  return text.substr(start == std::string::npos ? 0 : start + 1,
                     end - (start == std::string::npos ? 0 : start + 1) + 1);
}

class TorchScriptFeatures : public FeatureExtractor {
 public:
  TorchScriptFeatures(std::string path, c10::Device device) : path_(std::move(path)), device_(device) {
    name_ = "file-" + sha256(read_file(path_)).substr(0, 8);
    try {
      module_ = torch::jit::load(path_, device_);
      module_.eval();
      for (auto parameter : module_.parameters()) parameter.set_requires_grad(false);
    } catch (const std::exception&) {
      fail(path_,
           std::string("expected a TorchScript file (torch.jit.save) or a saved classifier (.safetensors), found ") +
               (path_.ends_with(".npz") ? "an .npz file. Hint: saved statistics stand in place of images" : "neither"));
    }
    if (!module_.find_method("forward")) fail(path_, "expected a TorchScript file with a method 'forward', found none");
  }

  std::string name() const override { return name_; }
  std::string description() const override { return "the TorchScript file " + path_; }
  int64_t channels() const override { return 3; }

  Extracted extract(const at::Tensor& pixels, bool wants_logits) override {
    torch::NoGradGuard no_grad;
    return extracted(pixels, wants_logits);
  }

  at::Tensor distance_features(const at::Tensor& pixels) override {
    torch::NoGradGuard no_grad;
    return differentiable_features(pixels);
  }

  bool compares_places() const override { return takes(distance_flag); }

  at::Tensor differentiable_features(const at::Tensor& pixels) override {
    const auto features = compares_places() ? lpips_features(pixels) : extracted(pixels, false).features;
    if (at::GradMode::is_enabled() && pixels.requires_grad() && !features.requires_grad())
      fail(path_, "expected a TorchScript file whose features have gradients in the pixels, got one without them");
    return features;
  }

 private:
  Extracted extracted(const at::Tensor& pixels, bool wants_logits) {
    const auto images = pixels.contiguous().to(device_);
    if (takes(features_flag)) {
      Extracted found{only_tensor(call(images, {{features_flag, true}}), images.size(0), "features"), {}};
      if (wants_logits && takes(logits_flag))
        found.logits = only_tensor(call(images, {{logits_flag, true}}), images.size(0), "probabilities").log();
      return found;
    }
    const auto result = call(images);
    if (result.isTensor()) return {checked(result.toTensor(), pixels.size(0), "features"), {}};
    if (!result.isTuple() || result.toTupleRef().elements().size() != 2) refuse("a " + result.type()->str());
    const auto& parts = result.toTupleRef().elements();
    if (!parts[0].isTensor() || !parts[1].isTensor()) refuse("a " + result.type()->str());
    return {checked(parts[0].toTensor(), pixels.size(0), "features"),
            checked(parts[1].toTensor(), pixels.size(0), "logits")};
  }

  at::Tensor lpips_features(const at::Tensor& pixels) {
    auto images = pixels.contiguous().to(device_);
    if (const auto factor = images.size(2) / largest_side; factor > 1) images = at::avg_pool2d(images, factor);
    torch::jit::Kwargs flags{{distance_flag, true}};
    if (takes(resize_flag)) flags[resize_flag] = false;
    return only_tensor(call(images, flags), images.size(0), "features");
  }

  /// Whether forward has an argument of this name.
  bool takes(const char* flag) const {
    return module_.get_method("forward").function().getSchema().argumentIndexWithName(flag).has_value();
  }

  torch::jit::IValue call(const at::Tensor& images, const torch::jit::Kwargs& flags = {}) {
    try {
      return module_.forward({images}, flags);
    } catch (const std::exception& error) {
      fail(path_, "the TorchScript file fails for " + type_text(images) + " images of shape " +
                      shape_text(images.sizes()) + ": " + last_line(error.what()));
    }
  }

  at::Tensor only_tensor(const torch::jit::IValue& result, int64_t images, const char* what) const {
    if (!result.isTensor()) refuse("a " + result.type()->str());
    return checked(result.toTensor(), images, what);
  }

  [[noreturn]] void refuse(const std::string& found) const {
    fail(path_, std::string("expected ") + torchscript_contract + "; it returns " + found);
  }

  at::Tensor checked(const at::Tensor& x, int64_t images, const std::string& what) const {
    if (x.dim() != 2 || x.size(0) != images || x.size(1) < 1)
      refuse(what + " of shape " + shape_text(x.sizes()) + " for " + std::to_string(images) + " images");
    if (!x.is_floating_point()) refuse(what + " of type " + type_text(x));
    return x.to(torch::kCPU, torch::kFloat).contiguous();
  }

  std::string path_, name_;
  c10::Device device_;
  torch::jit::Module module_;
};

}  // namespace

std::unique_ptr<FeatureExtractor> open_torchscript(const std::string& path, c10::Device device) {
  return std::make_unique<TorchScriptFeatures>(path, device);
}

}  // namespace fqgan
