#include "support/meta_operators.h"

#include <ATen/ExpandUtils.h>
#include <torch/library.h>
#include <torch/torch.h>

namespace fqgan::test {
namespace {

at::Tensor alike(const at::Tensor& x) { return at::empty_like(x); }
at::Tensor scalar_alike(const at::Tensor& x, const at::Tensor&) { return x.new_empty({}); }
at::Tensor chosen(const at::Tensor& condition, const at::Tensor& a, const at::Tensor& b) {
  return at::empty(at::infer_size(at::infer_size(condition.sizes(), a.sizes()), b.sizes()),
                   a.options().dtype(at::result_type(a, b)).device(at::kMeta));
}
void adam(at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, double,
          double, double, double, double, bool, bool, const std::optional<at::Tensor>&,
          const std::optional<at::Tensor>&) {}

}  // namespace

void add_meta_operators() {
  static const torch::Library library = [] {
    torch::Library aten(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, __LINE__);
    aten.impl("abs", alike);
    aten.impl("dot", scalar_alike);
    aten.impl("where.self", chosen);
    aten.impl("_fused_adam_", adam);
    return aten;
  }();
}

}  // namespace fqgan::test
