// What is saved is what is loaded, and the bytes are those of the safetensors format.
#include <algorithm>

#include "checkpoint/example.h"
#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan {
namespace {

using test::TemporaryFolder;

void expect_same(const std::map<std::string, at::Tensor>& found, const std::map<std::string, at::Tensor>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_EQ(found.at(name).sizes(), tensor.sizes()) << name;
    EXPECT_TRUE(at::equal(found.at(name), tensor)) << name;
  }
}

TEST(Checkpoint, RoundTripOfEveryTypeAndOfMetadata) {
  TemporaryFolder folder;
  const Checkpoint saved = test::example();
  save_checkpoint(folder / "a.safetensors", saved);
  const Checkpoint loaded = load_checkpoint(folder / "a.safetensors");
  expect_same(loaded.tensors, saved.tensors);
  for (const auto& [key, value] : saved.metadata) EXPECT_EQ(loaded.metadata.at(key), value) << key;
  EXPECT_EQ(loaded.metadata.at("format_version"), "1");
  EXPECT_EQ(loaded.metadata.size(), saved.metadata.size() + 3);
}

TEST(Checkpoint, SavingWhatWasLoadedGivesTheSameBytes) {
  TemporaryFolder folder;
  save_checkpoint(folder / "a.safetensors", test::example());
  save_checkpoint(folder / "b.safetensors", load_checkpoint(folder / "a.safetensors"));
  EXPECT_EQ(test::bytes_of(folder / "a.safetensors"), test::bytes_of(folder / "b.safetensors"));
}

TEST(Checkpoint, CopiesTensorsThatAreNotContiguous) {
  TemporaryFolder folder;
  const at::Tensor whole = at::arange(24, at::kFloat).reshape({4, 6});
  const std::map<std::string, at::Tensor> tensors = {
      {"transposed", whole.t()}, {"slice", whole.slice(1, 1, 6, 2)}, {"expanded", whole[0].expand({3, 6})}};
  save_checkpoint(folder / "a.safetensors", {tensors, {}});
  expect_same(load_checkpoint(folder / "a.safetensors").tensors, tensors);
}

TEST(Checkpoint, SavesParametersThatRequireGradients) {
  TemporaryFolder folder;
  save_checkpoint(folder / "a.safetensors", {{{"p", at::ones({2}).set_requires_grad(true)}}, {}});
  EXPECT_FALSE(load_checkpoint(folder / "a.safetensors").tensors.at("p").requires_grad());
}

TEST(Checkpoint, HoldsNothingAtAll) {
  TemporaryFolder folder;
  save_checkpoint(folder / "a.safetensors", {});
  EXPECT_TRUE(load_checkpoint(folder / "a.safetensors").tensors.empty());
}

TEST(Checkpoint, LoadsTensorsLongerThanOnePieceOfReading) {
  TemporaryFolder folder;
  const std::map<std::string, at::Tensor> tensors = {{"long", at::arange(700001, at::kInt)}};
  save_checkpoint(folder / "a.safetensors", {tensors, {}});
  expect_same(load_checkpoint(folder / "a.safetensors").tensors, tensors);
}

TEST(Checkpoint, EveryTensorIsAlignedToItsElement) {
  TemporaryFolder folder;
  save_checkpoint(folder / "a.safetensors", test::example());
  const CheckpointHeader header = read_checkpoint_header(folder / "a.safetensors");
  int64_t data_bytes = 0;
  for (const TensorEntry& entry : header.tensors) data_bytes += entry.bytes;
  int64_t offset = header.file_bytes - data_bytes;
  EXPECT_EQ(offset % 8, 0);
  const std::map<std::string, int64_t> element = {{"F64", 8}, {"I64", 8},  {"F32", 4}, {"I32", 4},
                                                  {"F16", 2}, {"BF16", 2}, {"U8", 1},  {"BOOL", 1}};
  for (const TensorEntry& entry : header.tensors) {
    EXPECT_EQ(offset % element.at(entry.type), 0) << entry.name;
    offset += entry.bytes;
  }
}

TEST(Checkpoint, HeaderListsTensorsAndMetadata) {
  TemporaryFolder folder;
  save_checkpoint(folder / "a.safetensors", test::example());
  const CheckpointHeader header = read_checkpoint_header(folder / "a.safetensors");
  EXPECT_EQ(header.file_bytes, static_cast<int64_t>(std::filesystem::file_size(folder / "a.safetensors")));
  EXPECT_EQ(header.metadata.at("counters"), "{\"iteration\":120}");
  const auto found = std::find_if(header.tensors.begin(), header.tensors.end(),
                                  [](const TensorEntry& entry) { return entry.name == "average.g.weight"; });
  ASSERT_NE(found, header.tensors.end());
  EXPECT_EQ(found->type, "BF16");
  EXPECT_EQ(found->shape, std::vector<int64_t>{5});
  EXPECT_EQ(found->bytes, 10);
}

TEST(Checkpoint, RefusesWhatTheFormatCannotHold) {
  TemporaryFolder folder;
  const std::string path = folder / "a.safetensors";
  const auto save = [&](const std::string& name, const at::Tensor& tensor) {
    save_checkpoint(path, {{{name, tensor}}, {}});
  };
  EXPECT_THROW(save("complex", at::zeros({2}, at::kComplexFloat)), InternalError);
  EXPECT_THROW(save("undefined", at::Tensor()), InternalError);
  EXPECT_THROW(save("sparse", at::ones({2}).to_sparse()), InternalError);
  EXPECT_THROW(save("__metadata__", at::ones({2})), InternalError);
  test::expect_error<UserError>(
      [&] {
        save_checkpoint(path, {{}, {{"data", "/photos/\xff"}}});
      },
      {path, "UTF-8", "/photos/"});
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace fqgan
