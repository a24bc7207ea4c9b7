// The released networks of "Improved Techniques for Training GANs" for semi-supervised learning, as a recipe's table.
#pragma once

#include "fqgan/models/adam_options.h"
#include "fqgan/models/family.h"

namespace fqgan {

struct ImprovedGeneratorOptions : Options {
  int64_t latent = 100;                      // Z, uniform in [0, 1)
  std::vector<int64_t> hidden = {500, 500};  // units
  AdamOptions adam{3e-3, 0.5};
  void fields(FieldVisitor& visit) override;
};

struct ImprovedDiscriminatorOptions : Options {
  std::vector<int64_t> hidden = {1000, 500, 250, 250, 250};  // units
  double input_noise = 0.3;                                  // deviation, of images in [0, 1]
  double noise = 0.5;                                        // deviation, after each hidden layer
  int64_t initialise_on = 500;                               // images of the data-dependent initialisation
  AdamOptions adam{3e-3, 0.5};
  void fields(FieldVisitor& visit) override;
};

struct FeatureMatchingOptions : Options {
  std::string tap;  // empty: the last hidden layer
  std::string distance = "squared";
  void fields(FieldVisitor& visit) override;
};

struct ImprovedAverageOptions : Options {
  double decay = 0.9999;
  bool corrected = true;
  void fields(FieldVisitor& visit) override;
};

struct ImprovedOptions : FamilyOptions {
  ImprovedOptions();
  double unlabelled_weight = 1;
  ImprovedGeneratorOptions generator;
  ImprovedDiscriminatorOptions discriminator;
  FeatureMatchingOptions feature_matching;
  ImprovedAverageOptions average;

  std::string matched_tap() const;
  void fields(FieldVisitor& visit) override;
  std::vector<std::string> datasets() const override { return {"train", "labelled"}; }
  void check(const DataInfo& data, Problems& problems) const override;
  std::unique_ptr<Family> build(const DataInfo& data, const Numerics& numerics, uint64_t seed) const override;
};

}  // namespace fqgan
