#include "fqgan/cli/compute.h"

#include <ATen/Parallel.h>

#include <thread>
#include <vector>

#include "fqgan/core/error.h"
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

TEST(Compute, NamesADeviceThatIsNotThere) {
  ComputeOptions options;
  options.device = "cuda:99";
  EXPECT_CONTAINS(message_of<UserError>([&] { start_computing(options); }), "cuda:99");
  options.device = "cuda:";
  EXPECT_CONTAINS(message_of<UserError>([&] { start_computing(options); }), "'cuda:N'");
}

}  // namespace
}  // namespace fqgan::test
