// Device, precision and threads: options of every command that computes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fqgan/core/fields.h"
#include "fqgan/models/family.h"

namespace fqgan {

struct ComputeOptions : Options {
  std::string device = "cpu";
  std::string precision = "float32";
  std::optional<int64_t> threads;
  void fields(FieldVisitor& visit) override;
};

/// The allowed values of `precision`.
const std::vector<std::string>& precisions();

/// Sets the number of threads (unset: OMP_NUM_THREADS, else one per physical core), and resolves device and precision:
/// "auto" is bfloat16 on a processor with AVX-512 BF16 or AMX, else float32. Errors: UserError for a missing device.
Numerics start_computing(const ComputeOptions& options);

/// The precision as options name it.
std::string precision_of(const Numerics& numerics);

/// The largest number of threads.
inline constexpr int64_t most_threads = 1024;

/// The number of physical cores that this process may run on.
int64_t physical_cores();

}  // namespace fqgan
