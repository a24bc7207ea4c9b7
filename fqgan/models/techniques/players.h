// What the generator and the discriminator of every family have in a recipe: optimizer, historical averaging, and a
// generator's normalization.
#pragma once

#include <string>

#include "fqgan/models/techniques/adam_options.h"

namespace fqgan {

struct PlayerOptions : Options {
  explicit PlayerOptions(AdamOptions adam) : adam(std::move(adam)) {}
  double historical_averaging = 0;  // strength
  AdamOptions adam;
  void fields(FieldVisitor& visit) override;
};

struct GeneratorPlayerOptions : PlayerOptions {
  GeneratorPlayerOptions(AdamOptions adam, int64_t reference)
      : PlayerOptions(std::move(adam)), reference_batch(reference) {}
  std::string norm = "batch";
  int64_t reference_batch;  // images
  void fields(FieldVisitor& visit) override;
  /// Rows of virtual batch normalization's reference; 0 with batch normalization.
  int64_t reference_rows() const { return norm == "virtual_batch" ? reference_batch : 0; }
};

}  // namespace fqgan
