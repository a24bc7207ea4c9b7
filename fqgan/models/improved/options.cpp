#include "fqgan/models/improved/options.h"

#include "fqgan/core/error.h"

namespace fqgan {

void ImprovedGeneratorOptions::fields(FieldVisitor& visit) {
  visit("latent", latent, about("width Z of the latent, uniform in [0, 1)").at_least(1).at_most(65536));
  visit("hidden", hidden,
        about("units of the hidden layers, or channels of the maps before each doubling; empty: the release's")
            .at_least(1)
            .at_most(65536));
  visit("norm", norm, about("normalization of the features").one_of(normalizations()));
  visit("reference_batch", reference_batch,
        about("images of virtual batch normalization's reference").at_least(2).at_most(65536));
  visit("steps", steps, about("optimizer steps for each of the discriminator").at_least(1).at_most(100));
  visit("historical_averaging", historical_averaging, about("strength of historical averaging").at_least(0));
  visit("adam", adam, about("the generator's optimizer"));
}

void ImprovedDiscriminatorOptions::fields(FieldVisitor& visit) {
  visit("hidden", hidden,
        about("units of the hidden layers, or channels of the three stages; empty: the release's")
            .at_least(1)
            .at_most(65536));
  visit("input_noise", input_noise,
        about("deviation of the noise on images in [0, 1] (dense) or [-1, 1] (convolutional)").at_least(0));
  visit("noise", noise, about("deviation of the noise after each hidden layer or stage").at_least(0));
  visit("input_dropout", input_dropout, about("share of the pixels' values that is dropped").at_least(0).at_most(0.99));
  visit("dropout", dropout,
        about("share dropped after each hidden layer, or between stages").at_least(0).at_most(0.99));
  visit("initialise_on", initialise_on,
        about("images whose features set the first scales and biases; 0: none").at_least(0).at_most(65536));
  visit("initialise_from", initialise_from,
        about("which these are; the release: 'unlabelled' (MNIST), 'labelled' (CIFAR-10, SVHN)")
            .one_of({"unlabelled", "labelled"}));
  visit("historical_averaging", historical_averaging, about("strength of historical averaging").at_least(0));
  visit("adam", adam, about("the discriminator's optimizer"));
}

void ImprovedAverageOptions::fields(FieldVisitor& visit) {
  visit("decay", decay, about("of the discriminator's average, which classifies").at_least(0).at_most(0.9999999));
  visit("corrected", corrected,
        about("without the initial weights, as Adam corrects its bias; false: from the weights before the "
              "data-dependent initialisation (the release: from zero, uncorrected)"));
}

ImprovedOptions::ImprovedOptions() { batch = 100; }

void ImprovedOptions::fields(FieldVisitor& visit) {
  visit("network", network,
        about("the release's networks: 'dense' (MNIST) or 'convolutional' (CIFAR-10, SVHN). Noise, dropout, learning "
              "rate and distance keep the values of 'dense' by default; recipes/improved has those of 'convolutional'")
            .one_of({"dense", "convolutional"}));
  visit("batch", batch,
        about("images of each kind per step: labelled, unlabelled, generated").at_least(2).at_most(65536));
  visit("unlabelled_weight", unlabelled_weight, about("of the game over unlabelled images").at_least(0));
  visit("generator", generator, about("the generator"));
  visit("discriminator", discriminator, about("the discriminator, which is the classifier"));
  visit("feature_matching", feature_matching, about("the generator's objective"));
  visit("minibatch_discrimination", minibatch_discrimination, about("D sees how close the images of a batch are"));
  visit("label_smoothing", label_smoothing, about("D's targets in the game over unlabelled images"));
  visit("average", average, about("moving average of the discriminator"));
}

std::vector<int64_t> ImprovedOptions::generator_hidden() const {
  if (!generator.hidden.empty()) return generator.hidden;
  return dense() ? std::vector<int64_t>{500, 500} : std::vector<int64_t>{512, 256, 128};
}

std::vector<int64_t> ImprovedOptions::discriminator_hidden() const {
  if (!discriminator.hidden.empty()) return discriminator.hidden;
  return dense() ? std::vector<int64_t>{1000, 500, 250, 250, 250} : std::vector<int64_t>{96, 192, 192};
}

std::vector<std::string> ImprovedOptions::taps() const {
  if (!dense()) return {"stage1", "stage2", "stage3", "pooled"};
  std::vector<std::string> names;
  for (size_t i = 1; i <= discriminator_hidden().size(); ++i) names.push_back("hidden" + std::to_string(i));
  return names;
}

namespace {

void check_convolutional(const ImprovedOptions& o, const DataInfo& data, Problems& problems) {
  const auto size = std::to_string(data.height) + " x " + std::to_string(data.width);
  const auto doublings = o.generator_hidden().size();
  const auto factor = int64_t{1} << std::min<size_t>(doublings, 30);
  if (data.height % factor || data.width % factor)
    problems.add("model.generator.hidden", std::to_string(doublings) + " maps are doubled each, which does not make " +
                                               size + ". Hint: data.resolution, a multiple of " +
                                               std::to_string(factor));
  if (o.discriminator_hidden().size() != 3)
    problems.add("model.discriminator.hidden",
                 "expected the channels of three stages, got " + std::to_string(o.discriminator_hidden().size()));
  if (data.height < 9 || data.width < 9)  // two halvings, then 3 x 3 without padding
    problems.add("data.resolution", "expected at least 9 x 9 pixels, got " + size);
}

}  // namespace

void ImprovedOptions::check(const DataInfos& infos, Problems& problems) const {
  const auto& data = main_info(infos);
  if (data.classes < 2)
    problems.add("data", "a classifier needs labels of at least two classes. Hint: a folder a class, or IDX files");
  else if (data.unlabelled == data.images)
    problems.add("data", "expected labels, all " + std::to_string(data.images) + " images are without one");
  if (!dense()) check_convolutional(*this, data, problems);
  feature_matching.check(taps(), problems);
  label_smoothing.check(problems);
  if (minibatch_discrimination.kernels > 0 && feature_matching.weight > 0)
    problems.add("model.minibatch_discrimination",
                 "semi-supervised learning works with feature matching or with minibatch discrimination, not with both "
                 "(\"Improved Techniques for Training GANs\", section 5). Hint: model.feature_matching = { weight = 0, "
                 "adversarial = 1 }");
  if (batch > data.images)
    problems.add("model.batch", "expected at most the number of images (" + std::to_string(data.images) + "), got " +
                                    std::to_string(batch));
}

}  // namespace fqgan
