// TorchScript files as feature extractors, and what they may not return.
#include "fqgan/metrics/torchscript.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/torch.h>

#include <fstream>

#include "fqgan/core/error.h"
#include "fqgan/metrics/feature_table.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// A module with this definition of forward, saved.
std::string saved(const TemporaryFolder& folder, const std::string& definition, const std::string& name = "net.pt") {
  torch::jit::Module module("net");
  module.define(definition);
  const auto path = (folder / name).string();
  module.save(path);
  return path;
}

/// A module whose forward(self, x) has this body, saved.
std::string scripted(const TemporaryFolder& folder, const std::string& body, const std::string& name = "net.pt") {
  return saved(folder, "def forward(self, x):\n    " + body + "\n", name);
}

torch::Tensor ramp() { return torch::arange(2 * 3 * 4 * 5).remainder(256).to(torch::kByte).view({2, 3, 4, 5}); }

TEST(TorchScript, FeaturesAlone) {
  TemporaryFolder folder;
  const auto extractor = open_feature_file(scripted(folder, "return x.double().flatten(1)"), torch::kCPU);
  EXPECT_EQ(extractor->channels(), 3);
  EXPECT_TRUE(extractor->name().starts_with("file-"));
  EXPECT_EQ(extractor->name().size(), std::string("file-1a2b3c4d").size());
  const auto extracted = extractor->extract(ramp(), true);
  EXPECT_EQ(extracted.features.scalar_type(), torch::kFloat);
  EXPECT_TRUE(at::equal(extracted.features, ramp().flatten(1).to(torch::kFloat)));
  EXPECT_FALSE(extracted.logits.defined());
}

TEST(TorchScript, FeaturesAndLogits) {
  TemporaryFolder folder;
  const auto path = scripted(folder, "f = x.float().flatten(1)\n    return (f, f[:, :7])");
  const auto extracted = open_feature_file(path, torch::kCPU)->extract(ramp(), true);
  EXPECT_EQ(extracted.features.sizes(), (at::IntArrayRef{2, 60}));
  EXPECT_EQ(extracted.logits.sizes(), (at::IntArrayRef{2, 7}));
}

TEST(TorchScript, FilesOfStyleGan2AdaAreCalledAsItsToolsCallThem) {
  TemporaryFolder folder;
  const auto path =
      saved(folder,
            "def forward(self, img, return_features: bool=False, use_fp16: bool=False, no_output_bias: bool=False):\n"
            "    x = img.float().flatten(1)\n"
            "    if return_features:\n"
            "        return x[:, :9]\n"
            "    if no_output_bias:\n"
            "        return torch.softmax(x[:, :5] / 10, dim=1)\n"
            "    return torch.softmax(x[:, :5] / 10 + 1, dim=1) * 0\n");
  const auto extractor = open_feature_file(path, torch::kCPU);
  const auto extracted = extractor->extract(ramp(), true);
  const auto expected = ramp().to(torch::kFloat).flatten(1);
  EXPECT_TRUE(at::equal(extracted.features, expected.slice(1, 0, 9)));
  EXPECT_TRUE(at::allclose(extracted.logits.softmax(1), (expected.slice(1, 0, 5) / 10).softmax(1)));
  EXPECT_FALSE(extractor->extract(ramp(), false).logits.defined());
}

TEST(TorchScript, DistancesAreThoseOfLpipsIfTheFileHasThem) {
  TemporaryFolder folder;
  const auto path = saved(folder,
                          "def forward(self, img, resize_images: bool=True, return_lpips: bool=False):\n"
                          "    assert return_lpips and not resize_images\n"
                          "    return img.flatten(1)\n");
  const auto extractor = open_feature_file(path, torch::kCPU);
  const auto pixels = ramp().to(torch::kFloat) + 0.001;
  EXPECT_TRUE(at::equal(extractor->distance_features(pixels), pixels.flatten(1)));
  const auto large = torch::rand({1, 3, 512, 512});  // averaged to 256 x 256, as StyleGAN2-ADA does
  EXPECT_TRUE(at::allclose(extractor->distance_features(large),
                           large.view({1, 3, 256, 2, 256, 2}).mean(at::IntArrayRef{3, 5}).flatten(1)));
}

TEST(TorchScript, DistancesNeedAFileThatTakesFloats) {
  TemporaryFolder folder;
  const auto pixels = ramp().to(torch::kFloat) + 0.001;
  const auto plain = open_feature_file(scripted(folder, "return x.double().flatten(1)"), torch::kCPU);
  EXPECT_TRUE(at::equal(plain->distance_features(pixels), pixels.flatten(1)));
  const auto bytes = scripted(folder, "assert x.dtype == 0\n    return x.float().flatten(1)", "bytes.pt");
  const auto message = message_of<UserError>([&] { open_feature_file(bytes, torch::kCPU)->distance_features(pixels); });
  expect_names(message, {bytes, "float32"});
}

TEST(TorchScript, TheNameChangesWithTheFile) {
  TemporaryFolder folder;
  const auto a = open_feature_file(scripted(folder, "return x.float().flatten(1)", "a.pt"), torch::kCPU);
  const auto b = open_feature_file(scripted(folder, "return x.float().flatten(1) * 2", "b.pt"), torch::kCPU);
  EXPECT_NE(a->name(), b->name());
}

TEST(TorchScript, WrongReturns) {
  TemporaryFolder folder;
  const auto refused = [&](const std::string& body) {
    const auto extractor = open_feature_file(scripted(folder, body), torch::kCPU);
    return message_of<UserError>([&] { extractor->extract(ramp(), true); });
  };
  const struct {
    const char *body, *part;
  } cases[] = {{"return x.float()", "[2, 3, 4, 5]"},
               {"return x.float().mean(0)", "[3, 4, 5]"},
               {"return x.flatten(1)", "uint8"},
               {"return x.float().flatten(1)[:1]", "2"},
               {"return 3", "int"},
               {"return [x.float().flatten(1)]", "Tensor[]"},
               {"f = x.float().flatten(1)\n    return (f, f, f)", "Tensor, Tensor, Tensor"},
               {"f = x.float().flatten(1)\n    return (f, 3)", "int"},
               {"return torch.matmul(x.float().flatten(1), torch.zeros(7, 7))", "[2, 3, 4, 5]"}};
  for (const auto& [body, part] : cases) {
    const auto message = refused(body);
    expect_names(message, {part, "net.pt"});
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(TorchScript, FilesOfOtherKinds) {
  TemporaryFolder folder;
  const auto path = (folder / "net.pt").string();
  const auto refused = [&] { return message_of<UserError>([&] { open_feature_file(path, torch::kCPU); }); };
  expect_names(refused(), {"[features]", "net.pt"});
  std::ofstream(path) << "no archive";
  expect_names(refused(), {"net.pt]", "TorchScript"});
  torch::jit::Module module("net");
  module.define("def encode(self, x):\n    return x\n");
  module.save(path);
  expect_names(refused(), {"'forward'"});
}

}  // namespace
}  // namespace fqgan::test
