#include "fqgan/models/improved/options.h"

#include "fqgan/core/error.h"

namespace fqgan {

void ImprovedGeneratorOptions::fields(FieldVisitor& visit) {
  visit("latent", latent, about("number of latent dimensions Z; each is uniform in [0, 1)").at_least(1).at_most(65536));
  visit("hidden", hidden,
        about("units of the hidden layers (dense), or channels of the map before each doubling (convolutional); empty: "
              "openai/improved-gan's")
            .at_least(1)
            .at_most(65536));
  visit("steps", steps, about("generator steps per discriminator step").at_least(1).at_most(100));
  GeneratorPlayerOptions::fields(visit);
}

void ImprovedDiscriminatorOptions::fields(FieldVisitor& visit) {
  visit("hidden", hidden,
        about("units of the hidden layers (dense), or channels of the three stages (convolutional); empty: "
              "openai/improved-gan's")
            .at_least(1)
            .at_most(65536));
  visit("input_noise", input_noise,
        about("standard deviation of the Gaussian noise that is added to the images, which are in [0, 1] (dense) or "
              "[-1, 1] (convolutional)")
            .at_least(0));
  visit("noise", noise,
        about("standard deviation of the Gaussian noise that is added after each hidden layer or stage").at_least(0));
  visit("input_dropout", input_dropout,
        about("probability of dropping a pixel value of the images").at_least(0).at_most(0.99));
  visit(
      "dropout", dropout,
      about("probability of dropping a feature after each hidden layer, or between stages").at_least(0).at_most(0.99));
  visit("initialise_on", initialise_on,
        about("number of images for the data-dependent initialisation of scales and biases; 0: no such initialisation")
            .at_least(0)
            .at_most(65536));
  visit("initialise_from", initialise_from,
        about("source of the initialisation images; openai/improved-gan: 'unlabelled' for MNIST, 'labelled' for "
              "CIFAR-10 and SVHN")
            .one_of({"unlabelled", "labelled"}));
  PlayerOptions::fields(visit);
}

void ImprovedAverageOptions::fields(FieldVisitor& visit) {
  visit("decay", decay,
        about("decay of the discriminator's moving average, which is used to classify").at_least(0).at_most(0.9999999));
  visit(
      "corrected", corrected,
      about("remove the initial weights from the average, by Adam's bias correction; false: start the average from the "
            "weights before the data-dependent initialisation (openai/improved-gan: from zero, without correction)"));
}

ImprovedOptions::ImprovedOptions() { batch = 100; }

void ImprovedOptions::fields(FieldVisitor& visit) {
  visit("network", network,
        about("networks of openai/improved-gan: 'dense' (MNIST) or 'convolutional' (CIFAR-10, SVHN). The other "
              "defaults (noise, dropout, learning rate, distance) are right for 'dense'; the files in recipes/improved "
              "set them for 'convolutional'")
            .one_of({"dense", "convolutional"}));
  visit("batch", batch,
        about("images per step of each kind: labelled, unlabelled and generated").at_least(2).at_most(65536));
  visit("unlabelled_weight", unlabelled_weight,
        about("weight of the loss over unlabelled and generated images in the discriminator's objective").at_least(0));
  visit("generator", generator, about("the generator network"));
  visit("discriminator", discriminator, about("the discriminator, which is the classifier"));
  visit("quantizer", quantizer, about("feature quantization in the discriminator"));
  visit("feature_matching", feature_matching,
        about("the generator's objective: feature matching, an adversarial loss, or both"));
  visit("minibatch_discrimination", minibatch_discrimination,
        about("minibatch discrimination: the discriminator sees how similar the images of a batch are"));
  visit("label_smoothing", label_smoothing, about("targets of the discriminator for unlabelled and generated images"));
  visit("average", average, about("the moving average of the discriminator"));
}

std::vector<int64_t> ImprovedOptions::generator_hidden() const {
  if (!generator.hidden.empty()) return generator.hidden;
  return dense() ? std::vector<int64_t>{500, 500} : std::vector<int64_t>{512, 256, 128};
}

std::vector<int64_t> ImprovedOptions::discriminator_hidden() const {
  if (!discriminator.hidden.empty()) return discriminator.hidden;
  return dense() ? std::vector<int64_t>{1000, 500, 250, 250, 250} : std::vector<int64_t>{96, 192, 192};
}

std::vector<TapPoint> ImprovedOptions::taps() const {
  const auto channels = discriminator_hidden();
  std::vector<TapPoint> points;
  for (size_t i = 0; i < channels.size(); ++i)
    points.push_back({(dense() ? "hidden" : "stage") + std::to_string(i + 1), channels[i]});
  if (!dense()) points.push_back({"pooled", channels.back()});
  return points;
}

namespace {

void check_convolutional(const ImprovedOptions& o, const DataInfo& data, Problems& problems) {
  const auto size = std::to_string(data.height) + " x " + std::to_string(data.width);
  const auto doublings = o.generator_hidden().size();
  const auto factor = int64_t{1} << std::min<size_t>(doublings, 30);
  if (data.height % factor || data.width % factor)
    problems.add("model.generator.hidden", "the generator doubles its map " + std::to_string(doublings) +
                                               " times, which does not fit images of " + size +
                                               ". Hint: set data.resolution to a multiple of " +
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
    problems.add("data",
                 "a classifier needs labels of at least two classes. Hint: use one folder per class, "
                 "or IDX files with labels");
  else if (data.unlabelled == data.images)
    problems.add("data", "expected labels, but all " + std::to_string(data.images) + " images are without one");
  if (!dense()) check_convolutional(*this, data, problems);
  quantizer.check(taps(), problems);
  feature_matching.check(names_of(taps()), problems);
  label_smoothing.check(problems);
  if (minibatch_discrimination.kernels > 0 && feature_matching.weight > 0)
    problems.add(
        "model.minibatch_discrimination",
        "semi-supervised learning works with feature matching or with minibatch discrimination, not with both "
        "(\"Improved Techniques for Training GANs\", section 5). Hint: set model.feature_matching = { weight = 0, "
        "adversarial = 1 }");
}

}  // namespace fqgan
