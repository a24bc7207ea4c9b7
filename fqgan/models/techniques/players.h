// Options of the generator and the discriminator that every family has: optimizer, historical averaging, and the
// generator's normalization.
#pragma once

#include <string>

#include "fqgan/models/techniques/adam_options.h"

namespace fqgan {

struct PlayerOptions : Options {
  explicit PlayerOptions(AdamOptions adam) : adam(std::move(adam)) {}
  double historical_averaging = 0;
  AdamOptions adam;
  void fields(FieldVisitor& visit) override;
};

struct GeneratorPlayerOptions : PlayerOptions {
  GeneratorPlayerOptions(AdamOptions adam, int64_t reference)
      : PlayerOptions(std::move(adam)), reference_batch(reference) {}
  std::string norm = "batch";
  int64_t reference_batch;
  void fields(FieldVisitor& visit) override;
  /// Images in the reference batch of virtual batch normalization; 0 with batch normalization.
  int64_t reference_rows() const { return norm == "virtual_batch" ? reference_batch : 0; }
};

}  // namespace fqgan
