#include "fqgan/models/improved/options.h"

#include "fqgan/core/error.h"
#include "fqgan/losses/feature_matching.h"
#include "fqgan/models/improved/dense.h"

namespace fqgan {

void ImprovedGeneratorOptions::fields(FieldVisitor& visit) {
  visit("latent", latent, about("width Z of the latent, uniform in [0, 1)").at_least(1).at_most(65536));
  visit("hidden", hidden, about("units of the hidden layers").at_least(1).at_most(65536));
  visit("adam", adam, about("the generator's optimizer"));
}

void ImprovedDiscriminatorOptions::fields(FieldVisitor& visit) {
  visit("hidden", hidden, about("units of the hidden layers").at_least(1).at_most(65536));
  visit("input_noise", input_noise, about("deviation of the noise on images in [0, 1]").at_least(0));
  visit("noise", noise, about("deviation of the noise after each hidden layer").at_least(0));
  visit("initialise_on", initialise_on,
        about("images whose features set the first scales and biases; 0: none").at_least(0).at_most(65536));
  visit("adam", adam, about("the discriminator's optimizer"));
}

void FeatureMatchingOptions::fields(FieldVisitor& visit) {
  visit("tap", tap, about("where features are matched: hidden1, hidden2, ...; empty: the last"));
  visit("distance", distance, about("of the mean features").one_of(feature_distances()));
}

void ImprovedAverageOptions::fields(FieldVisitor& visit) {
  visit("decay", decay, about("of the discriminator's average, which classifies").at_least(0).at_most(0.9999999));
  visit("corrected", corrected, about("without the initial weights, as Adam corrects its bias; the release does not"));
}

ImprovedOptions::ImprovedOptions() { batch = 100; }

void ImprovedOptions::fields(FieldVisitor& visit) {
  visit("batch", batch,
        about("images of each kind per step: labelled, unlabelled, generated").at_least(2).at_most(65536));
  visit("unlabelled_weight", unlabelled_weight, about("of the game over unlabelled images").at_least(0));
  visit("generator", generator, about("the generator"));
  visit("discriminator", discriminator, about("the discriminator, which is the classifier"));
  visit("feature_matching", feature_matching, about("the generator's objective"));
  visit("average", average, about("moving average of the discriminator"));
}

std::string ImprovedOptions::matched_tap() const {
  return feature_matching.tap.empty() ? hidden_tap(discriminator.hidden.size()) : feature_matching.tap;
}

void ImprovedOptions::check(const DataInfo& data, Problems& problems) const {
  if (data.classes < 2)
    problems.add("data", "a classifier needs labels of at least two classes. Hint: a folder a class, or IDX files");
  else if (data.unlabelled == data.images)
    problems.add("data", "expected labels, all " + std::to_string(data.images) + " images are without one");
  if (discriminator.hidden.empty()) problems.add("model.discriminator.hidden", "expected at least one layer");
  std::string known;
  bool found = feature_matching.tap.empty();
  for (size_t i = 1; i <= discriminator.hidden.size(); ++i) {
    found |= hidden_tap(i) == feature_matching.tap;
    known += (known.empty() ? "'" : ", '") + hidden_tap(i) + "'";
  }
  if (!found)
    problems.add("model.feature_matching.tap",
                 "there is no tap '" + feature_matching.tap + "'; this network has " + known);
  if (batch > data.images)
    problems.add("model.batch", "expected at most the number of images (" + std::to_string(data.images) + "), got " +
                                    std::to_string(batch));
}

}  // namespace fqgan
