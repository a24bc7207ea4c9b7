// Classifying a data set: chunks of images, and classifiers whose images meet each other.
#include "fqgan/inference/classification.h"

#include "fqgan/inference/chunks.h"
#include "fqgan/models/improved/options.h"
#include "support/support.h"
#include "support/toy_data.h"

namespace fqgan::test {
namespace {

std::unique_ptr<Family> classifier(int64_t kernels, int64_t batch, uint64_t seed) {
  ImprovedOptions options;
  options.batch = batch;
  options.generator.hidden = {8};
  options.discriminator.hidden = {12, 8};
  options.minibatch_discrimination.kernels = kernels;
  if (kernels > 0) options.feature_matching = FeatureMatchingOptions(0, 1);
  return options.build({{"train", ToyData(25, 1, 6, 3).info()}}, {}, seed);
}

std::vector<std::vector<int64_t>> chunks(int64_t images, int64_t together) {
  std::vector<std::vector<int64_t>> found;
  for (const auto& chunk : chunks_of(images, together, 500)) found.push_back({chunk.first, chunk.count, chunk.known});
  return found;
}

TEST(Classification, ChunksHaveTheTrainedSize) {
  using Chunks = std::vector<std::vector<int64_t>>;
  EXPECT_EQ(chunks(8, 4), (Chunks{{0, 4, 0}, {4, 4, 0}}));
  EXPECT_EQ(chunks(9, 4), (Chunks{{0, 4, 0}, {4, 4, 0}, {5, 4, 3}}));
  EXPECT_EQ(chunks(3, 4), (Chunks{{0, 3, 0}}));
  EXPECT_EQ(chunks(1200, 0), (Chunks{{0, 500, 0}, {500, 500, 0}, {1000, 200, 0}}));
}

TEST(Classification, APredictionDoesNotDependOnHowManyImagesFollow) {
  const ToyData longer(25, 1, 6, 3), shorter(23, 1, 6, 3);
  const auto family = classifier(5, 4, 1);
  EXPECT_EQ(family->classifier->batch, 4);
  const auto first = [](const torch::Tensor& rows) { return rows.narrow(0, 0, 20); };
  const auto a = classify_all({family.get()}, longer), b = classify_all({family.get()}, shorter);
  EXPECT_EQ(a.probabilities.sizes(), (std::vector<int64_t>{25, 3}));
  EXPECT_EQ(b.labels.size(0), 23);
  for (int64_t i = 0; i < 25; ++i) EXPECT_EQ(a.labels[i].item<int64_t>(), i % 3);
  EXPECT_TRUE(torch::equal(first(a.probabilities), first(b.probabilities)));
  // It would: images meet.
  family->classifier->batch = 0;
  const auto c = classify_all({family.get()}, longer), d = classify_all({family.get()}, shorter);
  EXPECT_FALSE(at::allclose(first(c.probabilities), first(d.probabilities), 1e-4, 1e-5));
}

TEST(Classification, AnEnsembleOfSeveralChunkSizesIsTheMeanOfItsMembers) {
  const ToyData images(10, 1, 6, 3);
  const std::vector<std::unique_ptr<Family>> families = [] {
    std::vector<std::unique_ptr<Family>> all;
    all.push_back(classifier(5, 4, 1));
    all.push_back(classifier(5, 3, 2));
    all.push_back(classifier(0, 4, 3));
    return all;
  }();
  EXPECT_EQ(families[2]->classifier->batch, 0);
  std::vector<Family*> members;
  auto mean = torch::zeros({10, 3});
  for (const auto& family : families) {
    members.push_back(family.get());
    mean += classify_all({family.get()}, images).probabilities / 3;
  }
  int64_t calls = 0;
  const auto found = classify_all(members, images, [&](int64_t done) { calls += done == 10; });
  EXPECT_TRUE(at::allclose(found.probabilities, mean, 1e-5, 1e-6));
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace fqgan::test
