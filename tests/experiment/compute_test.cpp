#include "fqgan/experiment/compute.h"

#include <ATen/Parallel.h>

#include <thread>
#include <vector>

#include "fqgan/core/error.h"
#include "fqgan/ops/kernels/instruction_set.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(Compute, ThreadsDefaultToThePhysicalCores) {
  EXPECT_GE(physical_cores(), 1);
  EXPECT_LE(physical_cores(), static_cast<int64_t>(std::thread::hardware_concurrency()));
  ComputeOptions options;
  options.threads = 1;
  start_computing(options);
  EXPECT_EQ(at::get_num_threads(), 1);
}

TEST(Compute, DenormalNumbersAreZeroInEveryThread) {
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

TEST(Compute, AutomaticPrecisionFollowsTheProcessor) {
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

TEST(Compute, NamesADeviceThatIsNotThere) {
  ComputeOptions options;
  options.device = "cuda:99";
  EXPECT_CONTAINS(message_of<UserError>([&] { start_computing(options); }), "cuda:99");
  options.device = "cuda:";
  EXPECT_CONTAINS(message_of<UserError>([&] { start_computing(options); }), "'cuda:N'");
}

}  // namespace
}  // namespace fqgan::test
