// BigGAN: shapes for every size, gradients and second gradients through the whole D, folded against plain, sampling.
#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/inference/sampler.h"
#include "fqgan/models/biggan/discriminator.h"
#include "fqgan/models/biggan/generator.h"
#include "fqgan/models/registry.h"
#include "fqgan/models/weights.h"
#include "fqgan/nn/copy.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

DataInfo data(int64_t size, int64_t channels = 3, int64_t classes = 4) {
  DataInfo info{1000, channels, size, size, classes, {}};
  for (int64_t k = 0; k < classes; ++k) info.class_names.push_back(std::to_string(k));
  return info;
}

BigGanOptions small() {
  BigGanOptions options;
  options.generator.width = options.discriminator.width = 2;
  options.generator.latent = 5;
  options.batch = 4;
  return options;
}

BigGanOptions tiny() {  // 8 x 8 images: two up blocks, two down blocks
  auto options = small();
  options.generator.multipliers = {4, 4, 4};
  options.discriminator.multipliers = {4, 4, 4};
  options.discriminator.downsample = {true, true, false};
  options.generator.attention = {4};
  options.discriminator.attention = {4};
  options.quantizer.taps = {"block0", "block2"};
  options.quantizer.codes = 6;
  return options;
}

TEST(BigGan, MakesAndScoresImagesOfEverySize) {
  struct Size {
    int64_t height, width, bottom_height, bottom_width;
    std::vector<int64_t> attention;
  };
  const std::vector<Size> sizes = {{28, 28, 7, 7},   {32, 32, 4, 4},      {48, 48, 6, 6},       {64, 64, 4, 4},
                                   {128, 128, 4, 4}, {256, 256, 4, 4},    {32, 64, 4, 8, {16}}, {64, 32, 8, 4, {16}},
                                   {40, 32, 5, 4},   {28, 28, 7, 7, {14}}};
  for (const auto& size : sizes)
    for (const int64_t classes : {0, 4})
      for (const int64_t channels : {1, 3}) {
        auto options = small();
        options.generator.attention = options.discriminator.attention = size.attention;
        auto info = data(size.height, channels, classes);
        info.width = size.width;
        Problems problems;
        options.check({{"train", info}}, problems);
        EXPECT_TRUE(problems.lines.empty()) << problems.lines.front();
        Streams random(3, {});
        const auto plan = options.plan(info);
        EXPECT_EQ(plan.bottom_height, size.bottom_height);
        EXPECT_EQ(plan.bottom_width, size.bottom_width);
        BigGanGenerator generator(options, plan, random);
        BigGanDiscriminator discriminator(options, plan, random);
        TestPass t;
        t.pass.compute = torch::kFloat;
        t.pass.training = true;
        const auto labels = classes ? torch::tensor({0, 3}, torch::kLong) : torch::Tensor();
        const auto images = generator->forward(random.normal({2, 5}, "z"), labels, t.pass);
        EXPECT_EQ(images.sizes(), (torch::IntArrayRef{2, channels, size.height, size.width}));
        EXPECT_LE(images.abs().max().item<double>(), 1);
        const auto logits = discriminator->forward(images, labels, t.pass);
        EXPECT_EQ(logits.sizes(), (torch::IntArrayRef{2}));
        EXPECT_EQ(generator->attention.size(), size.attention.size());
        EXPECT_EQ(discriminator->attention.empty(), size.attention.empty());
        if (!size.attention.empty()) logits.sum().backward();
        for (const auto& [block, attention] : generator->attention)
          EXPECT_NE(attention->gain.grad().abs().item<double>(), 0) << size.height << " x " << size.width;
      }
}

struct Nets {
  explicit Nets(const BigGanOptions& options) : plan(options.plan(data(8))), random(3, {}) {
    generator = BigGanGenerator(options, plan, random);
    discriminator = BigGanDiscriminator(options, plan, random);
    for (torch::nn::Module* module : {(torch::nn::Module*)generator.get(), (torch::nn::Module*)discriminator.get()}) {
      convert(*module, torch::kDouble);
      torch::NoGradGuard no_grad;
      for (auto& [name, parameter] : module->named_parameters().pairs())
        if (name.ends_with("gain") || name.ends_with("bias"))
          parameter.add_(0.3);  // attention on, ReLUs off their kink
    }
    TestPass t;
    t.pass.update_state = true;
    const auto x = leaf({1, 3, 8, 8}).detach();
    for (int i = 0; i < 300; ++i) {  // spectral vectors settle: then their gradient is exact
      generator->forward(leaf({1, 5}).detach(), labels.narrow(0, 0, 1), t.pass);
      discriminator->forward(x, labels.narrow(0, 0, 1), t.pass);
    }
  }
  BigGanPlan plan;
  Streams random;
  BigGanGenerator generator{nullptr};
  BigGanDiscriminator discriminator{nullptr};
  torch::Tensor labels = torch::tensor({1, 3}, torch::kLong);
};

TEST(BigGan, FoldedNetworksEqualThePlainOnes) {
  Nets nets(tiny());
  TestPass folded, plain;
  plain.pass.reference_operators = true;
  const auto z = leaf({2, 5}).detach();
  const auto a = nets.generator->forward(z, nets.labels, folded.pass),
             b = nets.generator->forward(z, nets.labels, plain.pass);
  EXPECT_LT((a - b).abs().max().item<double>(), 1e-12);
  const auto c = nets.discriminator->forward(a, nets.labels, folded.pass),
             d = nets.discriminator->forward(a, nets.labels, plain.pass);
  EXPECT_LT((c - d).abs().max().item<double>(), 1e-11);
}

TEST(BigGan, SecondGradientsThroughTheWholeDiscriminator) {
  Nets nets(tiny());
  TestPass t;
  t.pass.reference_operators = true;
  auto inputs = std::vector<torch::Tensor>{leaf({1, 3, 8, 8})};
  for (auto& [name, parameter] : nets.discriminator->named_parameters().pairs())
    if (name == "block0.conv1.bias" || name == "attention0.query.weight" || name == "linear.weight" ||
        name == "block2.conv2.bias" || name == "block1.shortcut.bias")
      inputs.push_back(parameter);
  ASSERT_EQ(inputs.size(), 6u);
  const auto labels = nets.labels.narrow(0, 0, 1);
  expect_gradients([&](const auto& in) { return nets.discriminator->forward(in[0], labels, t.pass); }, inputs);
  expect_second_gradients([&](const auto& in) { return nets.discriminator->forward(in[0], labels, t.pass).pow(2); },
                          inputs);
}

TEST(BigGan, SamplesAreAFunctionOfSeedAndIndex) {
  auto options = tiny();
  options.average.standing_images = 20;
  const auto family = options.build({{"train", data(8)}}, {}, 1);
  SampleOptions request;
  request.seed = 9;
  request.labels = {2, 0};
  const auto all = open_sampler(*family, request)->next(6);
  const auto sampler = open_sampler(*family, request);
  EXPECT_LT((torch::cat({sampler->next(1).pixels, sampler->next(5).pixels}) - all.pixels).abs().max().item<double>(),
            1e-5);
  EXPECT_TRUE(torch::equal(all.labels, torch::tensor({2, 0, 2, 0, 2, 0}, torch::kLong)));
  request.truncation = 0;
  const auto typical = open_sampler(*family, request)->next(4).pixels;
  EXPECT_TRUE(torch::allclose(typical[0], typical[2], 1e-5, 1e-5));
  request.latents = torch::zeros({2, 4});
  expect_error<UserError>([&] { open_sampler(*family, request); }, {"latents", "[any, 5]", "[2, 4]"});
  request.latents = torch::Tensor();
  request.labels = {4};
  expect_error<UserError>([&] { open_sampler(*family, request); }, {"class", "3", "4"});
}

TEST(BigGan, VirtualBatchNormMakesAnImageAFunctionOfItsOwnLatent) {
  auto options = tiny();
  options.generator.norm = "virtual_batch";
  options.generator.reference_batch = 6;
  const auto info = data(8);
  Streams random(3, {});
  BigGanGenerator generator(options, options.plan(info), random);
  const auto latents = random.normal({4, 5}, "z");
  const auto labels = torch::tensor({0, 1, 2, 3});
  torch::NoGradGuard no_grad;
  const auto make = [&](const torch::Tensor& z, const torch::Tensor& y) {
    Pass pass(random);
    pass.training = true;
    return generator->forward(z, y, pass);
  };
  const auto together = make(latents, labels);
  EXPECT_EQ(together.size(0), 4);
  EXPECT_TRUE(at::allclose(make(latents.narrow(0, 2, 1), labels.narrow(0, 2, 1))[0], together[2], 1e-4, 1e-5));
}

TEST(BigGan, MinibatchDiscriminationComparesImagesOfOneKind) {
  auto options = tiny();
  options.quantizer.taps = {};
  options.minibatch_discrimination.kernels = 4;
  Streams random(3, {});
  BigGanDiscriminator discriminator(options, options.plan(data(8)), random);
  const auto images = random.normal({6, 3, 8, 8}, "x");
  const auto labels = torch::tensor({0, 1, 2, 3, 0, 1});
  torch::NoGradGuard no_grad;
  const auto score = [&](int64_t first, int64_t rows, std::vector<Segment> segments) {
    Pass pass(random);
    pass.segments = std::move(segments);
    return discriminator->forward(images.narrow(0, first, rows), labels.narrow(0, first, rows), pass);
  };
  const auto together = score(0, 6, {{Role::fake, 4}, {Role::real, 2}});
  EXPECT_TRUE(at::allclose(together, at::cat({score(0, 4, {}), score(4, 2, {})}), 1e-4, 1e-5));
  EXPECT_FALSE(at::allclose(together, score(0, 6, {}), 1e-4, 1e-5));
}

TEST(BigGan, SamplingIsAPureReader) {
  auto options = tiny();
  options.average.standing_images = 20;
  const auto family = options.build({{"train", data(8)}}, {}, 1);
  std::map<std::string, torch::Tensor> before;
  for (const auto& [name, tensor] : family_tensors(*family)) before.emplace(name, tensor.clone());
  open_sampler(*family, {})->next(3);
  for (const auto& [name, tensor] : family_tensors(*family)) EXPECT_TRUE(torch::equal(tensor, before.at(name))) << name;
}

TEST(BigGan, GivenLatentsAreTruncatedToo) {
  const auto family = tiny().build({{"train", data(8)}}, {}, 1);
  const auto make = [&](const torch::Tensor& latents, std::optional<double> truncation) {
    SampleOptions request;
    request.labels = {1};
    request.latents = latents;
    request.truncation = truncation;
    return open_sampler(*family, request)->next(latents.size(0)).pixels;
  };
  const auto z = torch::tensor({{-3., -0.5, 0., 0.5, 3.}, {-40., 40., 1e-3, -1., 2.}});
  const double limit = 0.7, inside = std::erf(limit / std::sqrt(2.));
  // The quantile of the normal distribution within the limit at the same probability, as the sampler draws it.
  const auto expected = at::erfinv(at::erf(z.to(torch::kDouble) / std::sqrt(2.)) * inside) * std::sqrt(2.);
  EXPECT_LT((make(z, limit) - make(expected.to(torch::kFloat), {})).abs().max().item<double>(), 1e-6);
  EXPECT_GT((make(z, limit) - make(z, {})).abs().max().item<double>(), 1e-3);
  EXPECT_LT((make(z, 0.) - make(torch::zeros({2, 5}), {})).abs().max().item<double>(), 1e-6);
  const auto usual = torch::tensor({{-6., -1., 0., 2.5, 5.}});
  EXPECT_LT((make(usual, 10.) - make(usual, {})).abs().max().item<double>(), 1e-6) << "nothing lies beyond 10";
}

TEST(BigGan, DrawnLatentsAreTruncatedByTheSameMap) {
  const auto family = tiny().build({{"train", data(8)}}, {}, 1);
  SampleOptions request;
  request.seed = 4;
  request.truncation = 0.7;
  const auto drawn = open_sampler(*family, request)->next(6);
  std::vector<torch::Tensor> rows;  // the normal latents whose probabilities are the uniform numbers that were drawn
  for (int64_t i = 0; i < 6; ++i)
    rows.push_back(at::special_ndtri(Streams::image(4, i).uniform({5}, "latents").to(torch::kDouble)));
  request.latents = at::stack(rows);
  for (int64_t i = 0; i < 6; ++i) request.labels.push_back(drawn.labels[i].item<int64_t>());
  EXPECT_LT((open_sampler(*family, request)->next(6).pixels - drawn.pixels).abs().max().item<double>(), 1e-6);
}

// The first norm sees a linear function of the latents. Its standing statistics are the mean over equal batches of
// their moments, whatever was stored before.
TEST(BigGan, StandingStatisticsAreTheMeanOfTheirBatches) {
  constexpr int64_t images = 1100, batches = 3;  // at most 500 at a time
  auto options = tiny();
  options.average.standing_images = images;
  const auto family = options.build({{"train", data(8)}}, {}, 1);
  auto& source = *family->averages.at("generator").network;
  for (auto& [name, buffer] : source.named_buffers().pairs())
    if (name.ends_with("stored_mean")) buffer.fill_(1000);
  const auto opened = family->generator->open(Weights::average);
  const auto buffers = opened.network->named_buffers();
  auto copy = std::dynamic_pointer_cast<BigGanGeneratorImpl>(opened.network);
  torch::NoGradGuard no_grad;
  TestPass t;
  t.pass.compute = torch::kFloat;
  auto random = Streams::statistics(0);  // as generation.cpp draws them
  auto mean = torch::zeros({copy->plan.generator[0]}), var = mean.clone();
  for (int64_t b = 0; b < batches; ++b) {
    const auto count = images * (b + 1) / batches - images * b / batches;
    const auto map = copy->linear->forward(random.normal({count, copy->plan.latent}, "latents"), t.pass)
                         .reshape({count, copy->plan.generator[0], -1});
    mean += map.mean({0, 2}) / batches;
    var += map.var({0, 2}) / batches;
  }
  EXPECT_TRUE(at::allclose(buffers["block0.norm1.stored_mean"], mean, 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(buffers["block0.norm1.stored_var"], var, 1e-4, 1e-5));
}

TEST(BigGan, SamplesAreOfTheWeightsAskedFor) {
  const auto family = tiny().build({{"train", data(8)}}, {}, 1);
  const auto drawn = [&](Weights weights) {
    SampleOptions request;
    request.weights = weights;
    return open_sampler(*family, request)->next(2).pixels;
  };
  const auto average = drawn(Weights::average), raw = drawn(Weights::raw);
  torch::NoGradGuard no_grad;
  family->networks.at("generator")->named_parameters()["linear.bias"].add_(1);
  EXPECT_TRUE(torch::equal(drawn(Weights::average), average));
  EXPECT_FALSE(torch::equal(drawn(Weights::raw), raw));
}

TEST(BigGan, GlorotAndXavierAreOneInitialisation) {
  auto glorot = tiny(), xavier = tiny();
  glorot.initialisation = "glorot";
  xavier.initialisation = "xavier";
  const auto a = glorot.build({{"train", data(8)}}, {}, 1), b = xavier.build({{"train", data(8)}}, {}, 1);
  const auto theirs = family_tensors(*b);
  for (const auto& [name, tensor] : family_tensors(*a)) EXPECT_TRUE(torch::equal(tensor, theirs.at(name))) << name;
}

TEST(BigGan, TruncationChangesTheSamplesAndNoneDoesNot) {
  const auto family = tiny().build({{"train", data(8)}}, {}, 1);
  const auto spread = [&](std::optional<double> truncation) {
    SampleOptions request;
    request.labels = {1};
    request.truncation = truncation;
    return open_sampler(*family, request)->next(64).pixels.std(0).mean().item<double>();
  };
  EXPECT_LT(spread(0.1), 0.3 * spread({})) << "typical images vary little";
  EXPECT_NEAR(spread(50), spread({}), 0.2 * spread({})) << "nothing lies beyond 50 standard deviations";
}

BigGanOptions hierarchical() {
  auto options = tiny();
  options.generator.hierarchical = true;
  options.generator.shared_embedding = 6;
  options.generator.latent = 13;  // 3 parts of 4; one is left out
  options.initialisation = "normal";
  return options;
}

TEST(BigGan, HierarchicalLatentsEnterBlockByBlock) {
  const auto options = hierarchical();
  const auto plan = options.plan(data(8));
  EXPECT_EQ(plan.chunk, 4);
  EXPECT_EQ(plan.latent, 12);
  Streams random(3, {});
  BigGanGenerator generator(options, plan, random);
  convert(*generator, torch::kDouble);
  EXPECT_TRUE(generator->named_parameters().contains("shared.weight"));
  EXPECT_TRUE(generator->named_buffers().contains("block1.norm2.vector_gain.u"));
  const auto labels = torch::tensor({1}, torch::kLong);
  const auto function = [&](const auto& in) {
    TestPass t;
    t.pass.training = false;
    return generator->forward(in[0], labels, t.pass);
  };
  expect_gradients(function, {leaf({1, 12})});
}

// Without the layers that make a block's gains and biases of its part, that part reaches nothing, and all others do.
TEST(BigGan, EachPartOfAHierarchicalLatentReachesItsOwnBlockOnly) {
  auto options = hierarchical();
  options.generator.spectral_norm = false;  // which a weight of zeros does not have
  Streams random(3, {});
  for (int64_t cut = 0; cut < 3; ++cut) {
    BigGanGenerator generator(options, options.plan(data(8)), random);
    convert(*generator, torch::kDouble);
    torch::NoGradGuard no_grad;
    const std::string layers = cut == 0 ? "linear.weight" : "block" + std::to_string(cut - 1) + ".norm";
    int64_t zeroed = 0;
    for (auto& [name, parameter] : generator->named_parameters().pairs())
      if (name.starts_with(layers) && name.ends_with(".weight")) {
        parameter.zero_();
        ++zeroed;
      }
    EXPECT_EQ(zeroed, cut == 0 ? 1 : 4) << "two norms, of each the gain and the bias";
    if (cut == 0) generator->named_parameters()["linear.bias"].copy_(leaf({generator->linear->bias.size(0)}).detach());
    torch::AutoGradMode with_gradients(true);
    const auto z = leaf({1, 12});
    TestPass t;
    t.pass.training = false;
    const auto images = generator->forward(z, torch::tensor({1}, torch::kLong), t.pass);
    const auto gradient = torch::autograd::grad({images.pow(2).sum()}, {z})[0];
    for (int64_t part = 0; part < 3; ++part)
      EXPECT_EQ(gradient.narrow(1, 4 * part, 4).abs().max().item<double>() > 0, part != cut) << part << " of " << cut;
  }
}

std::string first_problem(const BigGanOptions& options, const DataInfo& info) {
  const auto problems = options.problems({{"train", info}});
  return problems.lines.empty() ? "" : problems.lines.front();
}

TEST(BigGan, NamesImpossibleOptions) {
  EXPECT_EQ(first_problem(tiny(), data(8)), "");
  EXPECT_EQ(first_problem(small(), data(64)), "");
  EXPECT_EQ(first_problem(small(), data(48)), "");
  expect_names(first_problem(small(), data(36)), {"data.resolution", "36 x 36"});
  auto options = tiny();
  options.generator.hierarchical = true;
  expect_names(first_problem(options, data(8)), {"model.generator.shared_embedding"});
  options.generator.latent = 2;
  expect_names(first_problem(options, data(8)), {"model.generator.latent", "3", "2"});
  options = tiny();
  options.quantizer.shared_with = {"block1"};
  expect_names(first_problem(options, data(8)), {"model.quantizer.shared_with", "'block1'", "model.quantizer.taps"});
  options.quantizer.taps = {"block0", "block1"};
  options.quantizer.shared_with = {"block0", "block1"};
  options.discriminator.multipliers = {4, 8, 8};
  expect_names(first_problem(options, data(8)), {"model.quantizer.shared_with", "16", "8"});
  options = tiny();
  options.quantizer.taps = {"block9"};
  expect_names(first_problem(options, data(8)), {"model.quantizer.taps", "'block9'", "'block0', 'block1', 'block2'"});
  options = tiny();
  options.feature_matching.tap = "block9";
  expect_names(first_problem(options, data(8)),
               {"model.feature_matching.tap", "'block9'", "'block0', 'block1', 'block2'"});
  options = tiny();
  options.feature_matching.adversarial = 0;
  expect_names(first_problem(options, data(8)), {"model.feature_matching"});
  options = tiny();
  options.label_smoothing.targets.real = 0.9;
  expect_names(first_problem(options, data(8)), {"model.label_smoothing", "'hinge'"});
  options = tiny();
  options.generator.norm = "virtual_batch";
  options.average.standing_images = 10;
  expect_names(first_problem(options, data(8)), {"model.average.standing_images"});
  options = tiny();
  options.discriminator.weight_normalization = "weight";
  options.discriminator.orthogonal = 1e-4;
  expect_names(first_problem(options, data(8)), {"model.discriminator.orthogonal: "});
  options.discriminator.orthogonal = 0;
  options.batch = 1;
  expect_names(first_problem(options, data(8)), {"model.batch: ", "2", "1"});
  options = tiny();
  options.generator.attention = {5};
  expect_names(first_problem(options, data(8)), {"model.generator.attention", "(4, 8)", "5"});
  options = small();
  options.discriminator.attention = {7};
  expect_names(first_problem(options, data(28)), {"model.discriminator.attention: "});
  expect_names(first_problem(options, data(28)), {"7 x 7"});
  options.discriminator.attention = {14};
  EXPECT_EQ(first_problem(options, data(28)), "");
  options.discriminator.width = 1;
  expect_names(first_problem(options, data(28)), {"model.discriminator.attention: ", "14 x 14", "8", "4"});
  options = tiny();
  options.generator.multipliers = {4, 4, 4, 4, 4};
  expect_names(first_problem(options, data(8)), {"model.generator.multipliers", "8 x 8", "16"});
  options = tiny();
  options.discriminator.downsample = {true};
  expect_names(first_problem(options, data(8)), {"model.discriminator.downsample", "3", "1"});
  options = tiny();
  options.batch = 5000;
  expect_names(first_problem(options, data(8)), {"model.batch", "1000", "5000"});
}

TEST(Registry, SuggestsTheFamilyThatWasMeant) {
  expect_error<UserError>([] { family_options("bigan"); }, {"'bigan'", "'biggan'"});
}

}  // namespace
}  // namespace fqgan::test
