#include "fqgan/nn/orthogonal.h"

#include "fqgan/nn/layers.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(OrthogonalRegularization, IsTheGradientOfItsFormula) {
  Streams random(4, {});
  Conv2d layer(Conv2dOptions{3, 4}, WeightOptions{WeightNormalization::none, 0, "normal"}, random);
  layer->to(torch::kDouble);
  const auto w = layer->weight.detach().clone().reshape({4, -1}).requires_grad_(true);
  const auto off = w.mm(w.t()) * (1 - torch::eye(4, torch::kDouble));
  (0.5 * off.pow(2).sum()).backward();  // |W W^T * (1 - I)|^2 / 2, whose gradient is 2 (W W^T * (1 - I)) W
  layer->weight.mutable_grad() = torch::ones_like(layer->weight);
  layer->bias.mutable_grad() = torch::ones_like(layer->bias);
  add_orthogonal_gradients(*layer, 0.3);
  EXPECT_LT((layer->weight.grad() - 1 - 0.3 * w.grad().reshape(layer->weight.sizes())).abs().max().item<double>(),
            1e-12);
  EXPECT_TRUE(torch::equal(layer->bias.grad(), torch::ones_like(layer->bias)));
  const auto before = layer->weight.grad().clone();
  add_orthogonal_gradients(*layer, 0.3, "weight");
  EXPECT_TRUE(torch::equal(layer->weight.grad(), before)) << "skipped";
}

}  // namespace
}  // namespace fqgan::test
