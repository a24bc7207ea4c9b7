// The bytes themselves: a file of the Python package is read, and our own bytes are frozen in golden.hex, which
// tests/parity/test_checkpoint_format.py opens with the Python package.
#include <algorithm>

#include "checkpoint/example.h"
#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan {
namespace {

using test::TemporaryFolder;

// safetensors.torch.save_file({"weight": tensor([[1, -2], [0.5, 3]]), "half": tensor([1.5, -0.25, 8]).bfloat16(),
// "flags": tensor([True, False, True]), "count": tensor(7), "none": zeros(0, 3)}, path, metadata={"format": "pt"}),
// version 0.8.0
const char* const python_file =
    "48010000000000007b225f5f6d657461646174615f5f223a7b22666f726d6174223a227074227d2c22636f756e74223a7b226474797065"
    "223a22493634222c227368617065223a5b5d2c22646174615f6f666673657473223a5b302c385d7d2c226e6f6e65223a7b226474797065"
    "223a22463332222c227368617065223a5b302c335d2c22646174615f6f666673657473223a5b382c385d7d2c22776569676874223a7b22"
    "6474797065223a22463332222c227368617065223a5b322c325d2c22646174615f6f666673657473223a5b382c32345d7d2c2268616c66"
    "223a7b226474797065223a2242463136222c227368617065223a5b335d2c22646174615f6f666673657473223a5b32342c33305d7d2c22"
    "666c616773223a7b226474797065223a22424f4f4c222c227368617065223a5b335d2c22646174615f6f666673657473223a5b33302c33"
    "335d7d7d202007000000000000000000803f000000c00000003f00004040c03f80be0041010001";

TEST(CheckpointFormat, ReadsAFileOfThePythonPackage) {
  TemporaryFolder folder;
  const std::string path = folder / "python.safetensors";
  test::write_bytes(path, test::from_hex(python_file));
  const Checkpoint loaded = load_checkpoint(path, /*require_ours=*/false);
  ASSERT_EQ(loaded.tensors.size(), 5u);
  EXPECT_TRUE(at::equal(loaded.tensors.at("weight"), at::tensor({1.f, -2.f, 0.5f, 3.f}).reshape({2, 2})));
  EXPECT_TRUE(at::equal(loaded.tensors.at("half"), at::tensor({1.5f, -0.25f, 8.f}).to(at::kBFloat16)));
  EXPECT_TRUE(at::equal(loaded.tensors.at("flags"), at::tensor({1, 0, 1}).to(at::kBool)));
  EXPECT_EQ(loaded.tensors.at("count").item<int64_t>(), 7);
  EXPECT_EQ(loaded.tensors.at("none").sizes(), at::IntArrayRef({0, 3}));
  EXPECT_EQ(loaded.metadata, (std::map<std::string, std::string>{{"format", "pt"}}));
  test::expect_error<UserError>([&] { load_checkpoint(path); }, {path});
}

// A difference here is a change of the format: other programs and older files depend on it.
TEST(CheckpointFormat, WritesTheFrozenBytes) {
  TemporaryFolder folder;
  save_checkpoint(folder / "a.safetensors", test::example());
  std::string hex = test::bytes_of(std::filesystem::path(__FILE__).parent_path() / "golden.hex");
  std::erase(hex, '\n');
  EXPECT_FALSE(hex.empty());
  EXPECT_TRUE(test::bytes_of(folder / "a.safetensors") == test::from_hex(hex));
}

}  // namespace
}  // namespace fqgan
