// Four families of whose kind the program knows nothing go through the whole program, from a recipe: trained, resumed
// to the bit, sampled or translated, scored, classified, evaluated and exported. No code of the program names them.
#include <torch/csrc/jit/api/module.h>

#include <fstream>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/cli/program.h"
#include "fqgan/core/streams.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/run/log_reader.h"
#include "stubs/stub_families.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

struct Kind {
  std::string family;
  bool translates = false, classifies = false, truncates = true;
  bool averages = true;  // the network that draws
  std::string tap = {};  // one that a score names
};

class Program : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    add_stub_families();
    draw_images("train", 12);
    draw_images("test", 9);
    torch::jit::Module module("features");
    module.define("def forward(self, x):\n    return x.float().flatten(1)[:, ::16]\n");
    module.save(features());
    std::ofstream(recipe()) << "family = \"" << GetParam().family << "\"\nseed = 3\nthreads = 1\n[data]\npath = \""
                            << data() << "\"\nresolution = 8\nchannels = 1\n[training]\niterations = 4\nlog_every = 1\n"
                            << "sample_every = 2\ncheckpoint_every = 2\nkeep_checkpoints = 0\n[model]\nbatch = 4\n";
  }

  /// Class folders, or the two domains of a translation set.
  void draw_images(const std::string& split, int64_t each) {
    const auto names = GetParam().translates ? std::vector<std::string>{split + "A", split + "B"}
                                             : std::vector<std::string>{split + "/a", split + "/b", split + "/c"};
    for (size_t k = 0; k < names.size(); ++k) {
      const auto folder = std::filesystem::path(data()) / names[k];
      std::filesystem::create_directories(folder);
      for (int64_t i = 0; i < each; ++i) {
        auto noise = Streams(k + 1, {.iteration = i}).integers(120, {1, 8, 8}, split) + static_cast<int64_t>(60 * k);
        write_png((folder / (std::to_string(i) + ".png")).string(), noise.to(at::kByte));
      }
    }
  }

  static int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"fqgan", "-q"});
    std::swap(arguments[1], arguments[2]);  // the command first
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    return run_program(static_cast<int>(argv.size()), argv.data());
  }
  static std::string output_of(const std::vector<std::string>& arguments) {
    testing::internal::CaptureStdout();
    const int code = run(arguments);
    auto text = testing::internal::GetCapturedStdout();
    EXPECT_EQ(code, 0) << text;
    return text;
  }
  int train(const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"train", recipe(), "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  /// A run of the whole length, made once for a test.
  std::string trained() {
    const auto out = (folder_ / "run").string();
    EXPECT_EQ(train(out), 0);
    return out;
  }
  std::vector<std::string> with_source(std::vector<std::string> arguments) const {
    if (GetParam().translates) arguments.insert(arguments.end(), {"--source", data() + "/testA"});
    return arguments;
  }

  std::string data() const { return (folder_ / "data").string(); }
  std::string features() const { return (folder_ / "features.pt").string(); }
  std::string recipe() const { return (folder_ / "recipe.toml").string(); }
  TemporaryFolder folder_;
};

std::map<std::string, at::Tensor> tensors_of(const std::string& run, const std::string& step) {
  return load_checkpoint(std::filesystem::path(run) / "checkpoints" / ("step-" + step + ".safetensors")).tensors;
}

TEST_P(Program, TrainsAndResumesToTheBit) {
  const auto whole = trained(), parts = (folder_ / "parts").string();
  ASSERT_EQ(train(parts, {"--set", "training.iterations=2"}), 0);
  ASSERT_EQ(run({"train", "--resume", parts, "--set", "training.iterations=4"}), 0);
  const auto expected = tensors_of(whole, "00000004"), found = tensors_of(parts, "00000004");
  ASSERT_EQ(expected.size(), found.size());
  for (const auto& [name, tensor] : expected) EXPECT_TRUE(at::equal(tensor, found.at(name))) << name;
  EXPECT_EQ(read_log(std::filesystem::path(whole) / "log.jsonl").size(), 4u);
  EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(whole) / "samples" / "step-00000004.png"));
}

TEST_P(Program, MakesImages) {
  const auto model = trained(), out = (folder_ / "images.safetensors").string();
  const auto made = [&](const std::vector<std::string>& more) {
    auto arguments = with_source({"sample", model, "--out", out, "--count", "5", "--force"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(run(arguments), 0);
    return load_checkpoint(out, false).tensors.at("images");
  };
  const auto images = made({});
  EXPECT_EQ(images.sizes(), (std::vector<int64_t>{5, 1, 8, 8}));
  EXPECT_TRUE(at::equal(made({}), images));
  if (GetParam().translates) {
    EXPECT_FALSE(at::equal(made({"--direction", "b2a"}), images));
    EXPECT_EQ(run({"sample", model, "--out", out, "--force"}), 2) << "without source images";
    return;
  }
  EXPECT_FALSE(at::equal(made({"--seed", "1"}), images));
  if (GetParam().averages) {
    EXPECT_FALSE(at::equal(made({"--raw"}), images));
  }
  if (GetParam().truncates) {
    EXPECT_FALSE(at::equal(made({"--truncation", "0.3"}), images));
  }
  EXPECT_EQ(run({"sample", model, "--out", out, "--force", "--source", data()}), 2) << "it translates nothing";
}

TEST_P(Program, ScoresAndClassifies) {
  const auto model = trained(), images = data() + (GetParam().translates ? "/testB" : "/test");
  const auto text = output_of({"score", model, images, "--json"});
  EXPECT_CONTAINS(text, "\"logit\"");
  if (!GetParam().tap.empty()) {
    EXPECT_CONTAINS(text, '"' + GetParam().tap + '"');
  }
  if (GetParam().classifies) {
    EXPECT_CONTAINS(output_of({"classify", model, data(), "--json"}), "\"error\"");
  } else {
    EXPECT_EQ(run({"classify", model, data()}), 2);
  }
}

TEST_P(Program, IsEvaluated) {
  const auto model = trained(), against = data() + (GetParam().translates ? "/testB" : "/test");
  const auto fid = [&](const std::vector<std::string>& more) {
    auto arguments = with_source(
        {"evaluate", model, "--against", against, "--metrics", "fid", "--features", features(), "--count", "9"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto text = output_of(arguments);
    EXPECT_CONTAINS(text, "fid");
    return text;
  };
  // Against the test images of its own recipe, from that recipe's source images.
  EXPECT_CONTAINS(output_of({"evaluate", model, "--metrics", "fid", "--features", features(), "--count", "9"}), "fid");
  const auto usual = fid({});
  EXPECT_EQ(fid({}), usual);
  if (GetParam().translates) {
    EXPECT_NE(fid({"--direction", "b2a"}), usual);
  } else {
    if (GetParam().averages) {
      EXPECT_NE(fid({"--raw"}), usual);
    }
    if (GetParam().truncates) {
      EXPECT_NE(fid({"--truncation", "0.3"}), usual);
    }
  }
}

TEST_P(Program, MeasuresItselfWhileItTrains) {
  const auto out = (folder_ / "measured").string();
  ASSERT_EQ(train(out, {"--set", "evaluation.every=2", "--set", "evaluation.count=8", "--set",
                        "evaluation.features=" + features(), "--set", "evaluation.weights=raw"}),
            0);
  EXPECT_EQ(read_log(std::filesystem::path(out) / "metrics.jsonl").size(), 3u);  // at the start, and twice
}

TEST_P(Program, IsExportedWhereItDrawsFromLatents) {
  const auto model = trained(), out = (folder_ / "generator.pt").string();
  EXPECT_EQ(run({"export", model, "--out", out}), GetParam().translates ? 2 : 0);
}

INSTANTIATE_TEST_SUITE_P(
    Stubs, Program,
    ::testing::Values(Kind{.family = "stub_least", .truncates = false}, Kind{.family = "stub_biggan", .tap = "block0"},
                      Kind{.family = "stub_stylegan2"},
                      Kind{.family = "stub_ugatit", .translates = true, .tap = "global_b/block0"},
                      Kind{
                          .family = "stub_semi_supervised", .classifies = true, .truncates = false, .averages = false}),
    [](const auto& info) { return info.param.family; });

}  // namespace
}  // namespace fqgan::test
