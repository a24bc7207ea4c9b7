// Device, precision and threads: options of every command that computes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fqgan/core/fields.h"
#include "fqgan/models/family.h"

namespace fqgan {

struct ComputeOptions : Options {
  std::string device = "cpu";         // cpu, cuda, cuda:1
  std::string precision = "float32";  // of the activations; parameters stay float32; "auto": see start_computing
  std::optional<int64_t> threads;     // unset: the physical cores
  void fields(FieldVisitor& visit) override;
};

/// What `precision` may be.
const std::vector<std::string>& precisions();

/// Sets the thread count (dynamic counts off) and resolves device and precision: "auto" is bfloat16 on a processor with
/// instructions that multiply it (AVX-512 BF16, AMX), else float32. Errors: UserError for a device that is not there.
Numerics start_computing(const ComputeOptions& options);

/// The precision as options name it.
std::string precision_of(const Numerics& numerics);

/// Physical cores that this process may run on.
int64_t physical_cores();

}  // namespace fqgan
