#include "fqgan/experiment/compute.h"

#include <ATen/Parallel.h>
#include <sched.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "fqgan/core/error.h"
#include "fqgan/ops/kernels/instruction_set.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// Gives the other tests of this program the number of threads that it had.
struct Compute : ::testing::Test {
  ~Compute() override { at::set_num_threads(threads); }
  const int threads = at::get_num_threads();
};

TEST_F(Compute, ThreadsDefaultToThePhysicalCores) {
  EXPECT_GE(physical_cores(), 1);
  unsetenv("OMP_NUM_THREADS");
  EXPECT_LE(physical_cores(), static_cast<int64_t>(std::thread::hardware_concurrency()));
  const auto threads_with = [](std::optional<int64_t> threads) {
    at::set_num_threads(static_cast<int>(physical_cores()) + 1);  // neither the default nor what is asked for
    ComputeOptions options;
    options.threads = threads;
    start_computing(options);
    return at::get_num_threads();
  };
  EXPECT_EQ(threads_with({}), physical_cores());
  EXPECT_EQ(threads_with(1), 1);
  EXPECT_EQ(threads_with(3), 3);
}

TEST_F(Compute, ThreadsFollowTheVariableOfOpenMP) {
  const char* before = std::getenv("OMP_NUM_THREADS");
  const std::string kept = before ? before : "";
  const auto threads_with = [](const char* text, std::optional<int64_t> threads = {}) {
    at::set_num_threads(9);
    setenv("OMP_NUM_THREADS", text, 1);
    ComputeOptions options;
    options.threads = threads;
    start_computing(options);
    return static_cast<int64_t>(at::get_num_threads());
  };
  for (const char* text : {"5", "5,2", " 5 , 2,1 "}) EXPECT_EQ(threads_with(text), 5) << text;
  EXPECT_EQ(threads_with("5", 3), 3) << "an option comes first";
  for (const char* text : {"", "0", "-2", "five", "5x", "5,", "5,x", "99999999999999999999"})
    EXPECT_EQ(threads_with(text), physical_cores()) << text;
  EXPECT_EQ(threads_with("100000"), most_threads);
  before ? setenv("OMP_NUM_THREADS", kept.c_str(), 1) : unsetenv("OMP_NUM_THREADS");
}

TEST_F(Compute, CoresAreThoseThatTheProcessMayRunOn) {
  cpu_set_t allowed, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  int first = 0;
  while (!CPU_ISSET(first, &allowed)) ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  const auto cores = physical_cores();
  ASSERT_EQ(sched_setaffinity(0, sizeof allowed, &allowed), 0);
  EXPECT_EQ(cores, 1);
}

TEST_F(Compute, DenormalNumbersAreZeroInEveryThread) {
  ComputeOptions options;
  options.threads = 2;
  start_computing(options);
  std::vector<float> products(64, 1.f);
  volatile float tiny = 1e-30f;
  at::parallel_for(0, 64, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) products[i] = tiny * tiny * 1e20f;
  });
  for (const float product : products) EXPECT_EQ(product, 0.f);
}

TEST_F(Compute, AutomaticPrecisionFollowsTheProcessor) {
  ComputeOptions options;
  options.precision = "auto";
  for (int n = 0; const auto* set = ops::kernels::available(n); ++n) {
    ops::kernels::use(set);
    const std::string name = set->name;
    const bool multiplies = name == "avx512_bf16" || name == "amx_bf16";
    EXPECT_EQ(precision_of(start_computing(options)), multiplies ? "bfloat16" : "float32") << name;
  }
  ops::kernels::use(nullptr);
  for (const auto* precision : {"float32", "bfloat16", "float64"}) {
    options.precision = precision;
    EXPECT_EQ(precision_of(start_computing(options)), precision);
  }
}

TEST_F(Compute, NamesADeviceThatIsNotThere) {
  ComputeOptions options;
  options.device = "cuda:99";
  expect_error<UserError>([&] { start_computing(options); }, {"cuda:99"});
  options.device = "cuda:";
  expect_error<UserError>([&] { start_computing(options); }, {"[device]", "'cuda:'"});
}

}  // namespace
}  // namespace fqgan::test
