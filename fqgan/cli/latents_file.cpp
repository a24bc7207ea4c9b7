#include "fqgan/cli/latents_file.h"

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"

namespace fqgan {
namespace {

/// The classes of the latents, one per row.
std::vector<int64_t> read_classes(const std::string& path, const torch::Tensor& y, int64_t rows) {
  if (y.dim() != 1 || y.size(0) != rows)
    fail(path, "expected one entry of 'y' for each of the " + std::to_string(rows) + " rows of 'z', got shape " +
                   shape_text(y.sizes()));
  if (!at::isIntegralType(y.scalar_type(), /*includeBool=*/false))
    fail(path, "expected integers in 'y' (class indices), got " + type_text(y));
  const auto labels = y.to(torch::kLong).contiguous();
  return {labels.const_data_ptr<int64_t>(), labels.const_data_ptr<int64_t>() + labels.numel()};
}

void check_values(const std::string& path, const std::string& name, const torch::Tensor& values) {
  const bool rows_of_layers = name == "w" && values.dim() == 3;
  if ((values.dim() != 2 && !rows_of_layers) || values.numel() == 0)
    fail(path, "expected '" + name + "' of shape " + (name == "w" ? "N x W or N x layers x W" : "N x Z") + ", got " +
                   shape_text(values.sizes()));
  if (!values.is_floating_point())
    fail(path, "expected floating-point numbers in '" + name + "', got " + type_text(values));
  const auto finite = at::isfinite(values.to(torch::kFloat)).flatten(1).all(1);  // as float32, the generator's type
  if (!finite.all().item<bool>())
    fail(path, "expected finite numbers in '" + name + "', but row " +
                   std::to_string(finite.logical_not().nonzero()[0].item<int64_t>()) + " has one that is not");
}

}  // namespace

void read_latents(const std::string& path, SampleOptions& options) {
  const auto file = load_checkpoint(path, false);
  const bool has_z = file.tensors.contains("z"), has_w = file.tensors.contains("w");
  if (has_z == has_w)
    fail(path, std::string("expected a tensor 'z' (N x Z) or 'w' (N x W or N x layers x W), found ") +
                   (has_z ? "both" : "neither"));
  const std::string name = has_z ? "z" : "w";
  const auto& values = file.tensors.at(name);
  check_values(path, name, values);
  (has_z ? options.latents : options.mapped) = values;
  const auto y = file.tensors.find("y");
  if (y == file.tensors.end()) return;
  if (has_w) fail(path, "expected classes 'y' together with 'z' only, since 'w' contains the class already");
  options.labels = read_classes(path, y->second, values.size(0));
}

}  // namespace fqgan
