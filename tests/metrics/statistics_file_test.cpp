// Saved statistics in NumPy's form: what is written comes back, and damaged files and those of others are refused.
// tests/parity/test_statistics.py exchanges files with NumPy and pytorch-fid.
#include "fqgan/metrics/statistics_file.h"

#include <torch/torch.h>

#include <fstream>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "fqgan/data/archives/npy.h"
#include "fqgan/data/archives/npz.h"
#include "fqgan/metrics/evaluate.h"
#include "fqgan/metrics/frechet.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// Only its name is used.
struct Named : FeatureExtractor {
  std::string name() const override { return "mine"; }
  std::string description() const override { return "given features"; }
  int64_t channels() const override { return 3; }
  Extracted extract(const at::Tensor&, bool) override { return {}; }
};

Measured side_of(int64_t images, uint64_t seed, int64_t width = 5) {
  auto streams = Streams::initial(seed);
  const auto mixed = streams.normal({width, width}, "mix"), x = streams.normal({images, width}, "x").matmul(mixed) + 3;
  Measured side{"images " + std::to_string(images), "mine", images};
  side.moments.add(x);
  return side;
}

struct StatisticsFile : testing::Test {
  TemporaryFolder folder;
  std::string path = (folder / "s.npz").string();
  /// Statistics of another tool.
  std::string foreign(const Measured& side, at::ScalarType type = at::kDouble) {
    write_npz(path, {{"mu", {side.moments.mean().to(type), ""}}, {"sigma", {side.moments.covariance().to(type), ""}}});
    return path;
  }
  void refuses(const NpzArrays& arrays, const std::vector<std::string>& names) {
    write_npz(path, arrays);
    expect_error<UserError>([&] { load_statistics(path); }, names);
  }
};

TEST_F(StatisticsFile, ComesBackFromNumPysForm) {
  const auto a = side_of(60, 1), b = side_of(90, 2);
  save_statistics(path, b);
  const auto loaded = load_statistics(path);
  EXPECT_EQ(loaded.images, 90);
  EXPECT_EQ(loaded.extractor, "mine");
  EXPECT_EQ(loaded.moments.count(), 90);
  const auto once = read_file(path);
  save_statistics(path, b);
  EXPECT_EQ(read_file(path), once) << "no date, no order of chance";
  const auto fid = [&](const Measured& other) { return evaluate(a, other, {"fid"}, Named(), {}).values[0].value; };
  EXPECT_NEAR(fid(loaded) / fid(b), 1, 1e-12);
  auto merged = loaded.moments;
  merged.merge(a.moments);
  EXPECT_EQ(merged.count(), 150);
}

TEST_F(StatisticsFile, OfAnotherToolIsTakenWithOneWarning) {
  const auto a = side_of(20'000, 1), b = side_of(90, 2);
  for (const auto type : {at::kDouble, at::kFloat}) {
    const auto loaded = load_statistics(foreign(b, type));
    EXPECT_EQ(loaded.images, std::nullopt);
    EXPECT_EQ(loaded.extractor, "");
    const auto found = evaluate(a, loaded, {"fid"}, Named(), {});
    EXPECT_NEAR(found.values[0].value / evaluate(a, b, {"fid"}, Named(), {}).values[0].value, 1,
                type == at::kDouble ? 1e-12 : 1e-5);
    ASSERT_EQ(found.warnings.size(), 1u);
    expect_names(found.warnings[0], {path, "mine"});
  }
  const auto unknown = load_statistics(path);
  EXPECT_EQ(evaluate(unknown, unknown, {"fid"}, Named(), {}).warnings.size(), 3u) << "one for each, and that of equals";
  const auto few = evaluate(side_of(60, 3), unknown, {"fid"}, Named(), {}).warnings;
  ASSERT_EQ(few.size(), 2u) << "the bias of the side that is known";
  expect_names(few[1], {"60"});
}

TEST_F(StatisticsFile, MomentsWithoutACountCannotBeAddedTo) {
  const auto a = side_of(60, 1);
  auto unknown = load_statistics(foreign(a));
  expect_error<UserError>([&] { unknown.moments.add(torch::randn({3, 5})); }, {"moments"});
  expect_error<UserError>([&] { unknown.moments.merge(a.moments); }, {"moments"});
  expect_error<UserError>([&] { Moments(a.moments).merge(unknown.moments); }, {"moments"});
  expect_error<UserError>([&] { save_statistics(path + ".safetensors", unknown); }, {"moments"});
  save_statistics(path, unknown);  // NumPy's form needs no count
  EXPECT_EQ(load_statistics(path).images, std::nullopt);
}

TEST_F(StatisticsFile, RefusesOtherFeatures) {
  const auto a = side_of(60, 1);
  auto other = side_of(60, 2);
  other.extractor = "inception@pytorch-fid-00000000";
  save_statistics(path, other);
  const auto loaded = load_statistics(path);
  expect_error<UserError>([&] { evaluate(a, loaded, {"fid"}, Named(), {}); }, {path, "mine", other.extractor});
  const SideFacts images{"A", false, 60, {}, {}},
      saved{.name = path, .statistics_only = true, .images = 60, .extractor = other.extractor};
  expect_error<UserError>([&] { check_metrics({"fid"}, images, saved, Named(), {}); }, {path, other.extractor});
  const auto wide = load_statistics(foreign(side_of(60, 2, 6)));
  expect_error<UserError>([&] { evaluate(a, wide, {"fid"}, Named(), {}); }, {path, "5", "6"});
}

TEST_F(StatisticsFile, RefusesArraysThatAreNoStatistics) {
  const auto square = torch::eye(4, torch::kDouble), mean = torch::zeros({4}, torch::kDouble);
  refuses({{"mu", {mean, ""}}}, {path, "sigma"});
  refuses({{"feats", {square, ""}}}, {path, "mu"});
  refuses({{"mu", {mean, ""}}, {"sigma", {torch::Tensor(), "text"}}}, {path, "sigma"});
  refuses({{"mu", {mean, ""}}, {"sigma", {torch::eye(3, torch::kDouble), ""}}}, {path, "[4, 4]", "[3, 3]"});
  refuses({{"mu", {mean, ""}}, {"sigma", {square.slice(0, 0, 3), ""}}}, {path, "[3, 4]"});
  refuses({{"mu", {square, ""}}, {"sigma", {square, ""}}}, {path, "[4, 4]"});
  auto other = square.clone();
  other[0][1] = 0.5;
  refuses({{"mu", {mean, ""}}, {"sigma", {other, ""}}}, {path, "symmetric"});
  refuses({{"mu", {mean, ""}}, {"sigma", {-square, ""}}}, {path, "variance"});
  other = square.clone();
  other[2][2] = NAN;
  refuses({{"mu", {mean, ""}}, {"sigma", {other, ""}}}, {path, "NaN"});
  refuses({{"mu", {mean / 0, ""}}, {"sigma", {square, ""}}}, {path, "NaN"});
  refuses({{"mu", {mean, ""}}, {"sigma", {square, ""}}, {"count", {mean, ""}}}, {path, "count"});
  refuses({{"mu", {mean, ""}}, {"sigma", {square, ""}}, {"convention", {mean, ""}}}, {path, "convention"});
  refuses({{"mu", {mean.to(torch::kLong), ""}}, {"sigma", {square, ""}}}, {path, "mu", "int64"});
  refuses({{"mu", {mean, ""}}, {"sigma", {square.to(torch::kLong), ""}}}, {path, "sigma", "int64"});
  const auto one = torch::scalar_tensor(1, torch::kLong);
  refuses({{"mu", {mean, ""}}, {"sigma", {square, ""}}, {"count", {one, ""}}}, {path, "count", "1"});
}

TEST_F(StatisticsFile, TheCountMayNotContradictTheCovariance) {
  const auto few = side_of(20, 1, 64), many = side_of(200, 2, 64);
  const auto arrays = [](const Measured& side, int64_t count, at::ScalarType type) {
    return NpzArrays{{"mu", {side.moments.mean().to(type), ""}},
                     {"sigma", {side.moments.covariance().to(type), ""}},
                     {"count", {torch::scalar_tensor(count, torch::kLong), ""}}};
  };
  for (const auto type : {at::kDouble, at::kFloat}) {
    for (const int64_t count : {20, 21, 60, 1000}) {
      write_npz(path, arrays(few, count, type));
      EXPECT_EQ(load_statistics(path).images, count);
    }
    write_npz(path, arrays(few, 20, type));
    const auto found = frechet_distance(load_statistics(path).moments, many.moments);
    EXPECT_NEAR(found / frechet_distance(few.moments, many.moments), 1, type == at::kDouble ? 1e-9 : 1e-4);
    for (const int64_t count : {2, 10, 19}) refuses(arrays(few, count, type), {path, "count", std::to_string(count)});
    refuses(arrays(many, 60, type), {path, "rank", "59"});
  }
  auto tensors = many.moments.tensors();
  tensors["count"].fill_(60);
  expect_error<UserError>([&] { Moments::from_tensors(tensors, "file"); }, {"[file]", "59", "60"});
}

TEST_F(StatisticsFile, NegativeEigenvaluesBeyondRounding) {
  const auto mean = torch::zeros({300}, torch::kDouble);
  const auto with = [&](double below, int64_t times) {  // the largest eigenvalue is 1
    auto values = torch::full({300}, 1e-3, torch::kDouble);
    values[0] = 1;
    values.slice(0, 1, 1 + times).fill_(below);
    const auto turn = std::get<0>(at::linalg_qr(Streams(3, {}).normal({300, 300}, "turn").to(torch::kDouble)));
    const auto sigma = turn.matmul(values.diag()).matmul(turn.t());
    return NpzArrays{{"mu", {mean, ""}}, {"sigma", {(sigma + sigma.t()) / 2, ""}}};
  };
  for (const double below : {-1e-3, -1e-4}) refuses(with(below, 1), {path, "negative"});
  write_npz(path, with(-1e-7, 1));
  const auto rounded = load_statistics(path).moments;
  EXPECT_NEAR(frechet_distance(rounded, rounded), 0, 1e-6);
  write_npz(path, with(-1e-5, 150));  // each is small, their sum is not
  const auto wrong = load_statistics(path).moments;
  expect_error<UserError>([&] { frechet_distance(wrong, wrong); }, {"[fid]", "-0.00"});
}

TEST_F(StatisticsFile, AValueThatIsNotFiniteIsAnError) {
  for (const double size : {1e200, 1e307}) {
    const auto mean = torch::zeros({4}, torch::kDouble), sigma = torch::eye(4, torch::kDouble) * size;
    write_npz(path, {{"mu", {mean, ""}}, {"sigma", {sigma, ""}}});
    const auto large = load_statistics(path);
    expect_error<UserError>([&] { evaluate(large, large, {"fid"}, Named(), {}); }, {"[fid", "finite"});
  }
}

TEST_F(StatisticsFile, RefusesDamagedFiles) {
  save_statistics(path, side_of(60, 1));
  const auto whole = read_file(path);
  const auto write = [&](const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; };
  for (const size_t length : {size_t{0}, size_t{1}, whole.size() / 2, whole.size() - 1}) {
    write(whole.substr(0, length));
    expect_error<UserError>([&] { load_statistics(path); }, {path});
  }
  auto flipped = whole;
  flipped[whole.find("sigma.npy") + 9 + 128 + 8] ^= 1;
  write(flipped);
  expect_error<UserError>([&] { load_statistics(path); }, {path, "sigma"});
  expect_error<UserError>([&] { load_statistics(path + ".none.npz"); }, {path + ".none.npz"});
}

std::string header_of(const std::string& dictionary) {
  std::string header = npy_header("<f8", {2});
  header.replace(10, header.find('}') - 9, dictionary);
  header[8] = static_cast<char>(header.size() - 10);
  return header;
}

TEST(NpyHeaders, AsNumPyWritesThem) {
  const auto text = npy_header("<f8", {2, 3});
  EXPECT_EQ(text.size() % 64, 0u);
  const auto read = parse_npy_header(text + "values", "file");
  EXPECT_EQ(read.type, "<f8");
  EXPECT_FALSE(read.fortran_order);
  EXPECT_EQ(read.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(read.bytes, static_cast<int64_t>(text.size()));
  EXPECT_EQ(parse_npy_header(npy_header("<U4", {}), "file").shape, std::vector<int64_t>());
  EXPECT_EQ(parse_npy_header(npy_header("<f8", {7}), "file").shape, std::vector<int64_t>{7});
  const auto turned = parse_npy_header(header_of("{\"shape\":(1,2,3),'fortran_order':True,'descr':\"<f4\"}"), "file");
  EXPECT_TRUE(turned.fortran_order);
  EXPECT_EQ(turned.shape, (std::vector<int64_t>{1, 2, 3}));
}

TEST(NpyHeaders, RefusesOthers) {
  const auto good = npy_header("<f8", {2});
  auto version = good, longer = good, huge = good;
  version[6] = 4;
  longer[9] = 1;
  huge[9] = 0x7f;
  for (const auto& text : {std::string(), good.substr(0, 11), std::string(64, 'x'), version, longer, huge,
                           good.substr(0, good.size() - 1)})
    expect_error<UserError>([&] { parse_npy_header(text, "file"); }, {"[file]"});
  for (const auto* dictionary :
       {"{}", "{'descr': '<f8', }", "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (2,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': 2}", "{'descr': '<f8, 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': ()}",
        "{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}"})
    expect_error<UserError>([&] { parse_npy_header(header_of(dictionary), "file"); }, {"[file]"});
}

}  // namespace
}  // namespace fqgan::test
