#include "fqgan/experiment/compute.h"

#include <omp.h>
#include <sched.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/ops/kernels/instruction_set.h"

namespace fqgan {

const std::vector<std::string>& precisions() {
  static const std::vector<std::string> names{"float32", "bfloat16", "float64", "auto"};
  return names;
}

void ComputeOptions::fields(FieldVisitor& visit) {
  visit("device", device, about("device to compute on: 'cpu', 'cuda' or 'cuda:N'").on_resume());
  visit("precision", precision,
        about("type of the activations (parameters stay float32); auto: bfloat16 if the processor has instructions to "
              "multiply it, else float32")
            .one_of(precisions()));
  visit("threads", threads,
        about("number of CPU threads; unset: the variable OMP_NUM_THREADS, else one per physical core")
            .at_least(1)
            .at_most(most_threads)
            .on_resume());
}

int64_t physical_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  std::set<std::string> cores;  // one entry per group of sibling threads
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    std::string siblings;
    if (!(file >> siblings)) siblings = "cpu" + std::to_string(cpu);
    cores.insert(siblings);
  }
  return std::max<int64_t>(1, static_cast<int64_t>(cores.size()));
}

namespace {

torch::Device find_device(const std::string& name) {
  const bool numbered = name.rfind("cuda:", 0) == 0 && name.size() > 5 && name.size() < 9 &&
                        std::all_of(name.begin() + 5, name.end(), [](unsigned char c) { return std::isdigit(c); });
  if (name == "cpu") return torch::kCPU;
  if (name != "cuda" && !numbered) fail("device", "expected 'cpu', 'cuda' or 'cuda:N', got '" + name + "'");
  const auto count = static_cast<int64_t>(torch::cuda::device_count());
  const auto index = numbered ? std::stoll(name.substr(5)) : 0;
  if (index >= count)
    fail("device", "expected an existing device, got '" + name + "', but LibTorch finds " + std::to_string(count) +
                       " CUDA devices. Hint: use the CPU (--device cpu; in a training --set device=cpu), or install a "
                       "CUDA build of LibTorch and a driver");
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
}

/// The first number of OMP_NUM_THREADS ("4" or "4,2"). As in OpenMP, a value that is no list of numbers is ignored.
std::optional<int64_t> threads_of_environment() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  std::istringstream parts(text ? text : "");
  std::optional<int64_t> first;
  char comma = ',';
  for (int64_t number = 0; comma == ',' && parts >> number && number > 0;) {
    if (!first) first = std::min(number, most_threads);
    if (parts >> std::ws; parts.eof()) return first;
    parts >> comma;
  }
  return {};
}

int64_t chosen_threads(const ComputeOptions& options) {
  const auto given = threads_of_environment();
  if (!options.threads) return given ? *given : physical_cores();
  if (given && given != options.threads)
    log_info("OMP_NUM_THREADS=" + std::to_string(*given) + " has no effect, because the number of threads is set to " +
             std::to_string(*options.threads) + ". Hint: --threads " + std::to_string(*given) +
             "; in a training --set threads=" + std::to_string(*given));
  return *options.threads;
}

}  // namespace

Numerics start_computing(const ComputeOptions& options) {
  omp_set_dynamic(0);
  // Dictionary entries that are never used decay towards zero, and products of denormal numbers are fifty times slower.
  // Set before the first parallel region, because the pool's threads inherit it.
  at::globalContext().setFlushDenormal(true);
  at::globalContext().setDeterministicCuDNN(true);
  at::set_num_threads(static_cast<int>(chosen_threads(options)));
  Numerics numerics;
  numerics.device = find_device(options.device);
  const bool multiplied = numerics.device.is_cpu() && ops::kernels::active().screening.bfloat16;
  const bool narrow = options.precision == "bfloat16" || (options.precision == "auto" && multiplied);
  numerics.reference_operators = options.precision == "float64";
  numerics.compute = narrow ? torch::kBFloat16 : numerics.reference_operators ? torch::kDouble : torch::kFloat;
  return numerics;
}

std::string precision_of(const Numerics& numerics) {
  return numerics.compute == torch::kBFloat16 ? "bfloat16" : numerics.reference_operators ? "float64" : "float32";
}

}  // namespace fqgan
