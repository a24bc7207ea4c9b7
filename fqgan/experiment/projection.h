// Finds the w of a generator whose image is nearest to a given image, by the algorithm of projector.py in
// NVlabs/stylegan2-ada-pytorch (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", section
// 5): gradient descent on one w for all layers and on the noise of every layer. Any feature extractor with gradients
// gives the distance.
#pragma once

#include <torch/torch.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/metrics/features.h"
#include "fqgan/models/family.h"

namespace fqgan {

struct ProjectionOptions {
  Weights weights = Weights::average;
  std::optional<int64_t> label;        // the class of the mean w from which the search starts; unset: all in turn
  int64_t steps = 1000;                // at least 1
  uint64_t seed = 303;                 // of the noise
  std::optional<double> pixel_weight;  // unset: usual_pixel_weight()
};

/// The weight of the pixels in the distance. Means over a map do not tell where things are, so that the pixels have to.
/// Features that compare places are enough alone, as in projector.py.
double usual_pixel_weight(const FeatureExtractor& extractor);

/// The distance of an image from the target: features + pixel_weight * pixels.
struct ImageDistance {
  double total = 0;
  double features = 0;  // squared difference; relative to the squared length of the target's features, unless
                        // FeatureExtractor::compares_places()
  double pixels = 0;    // mean squared difference, with pixels from -1 to 1
};

struct Projection {
  torch::Tensor w;                             // float32 1 x W
  std::map<std::string, torch::Tensor> noise;  // float32 H x W of each layer
  torch::Tensor image;                         // float32 1 x C x H x W in [-1, 1]: of w and the noise
  ImageDistance distance;                      // of the image
  std::vector<ImageDistance> steps;            // before each step, with the noise on w
  struct Shown {
    int64_t step;
    torch::Tensor image;  // as above
  };
  std::vector<Shown> progress;  // images of some steps, in order
};

/// Checks the family without features, which may have to be trained first. Errors: UserError for one without w.
void check_projection(const Family& family);

/// target: uint8 C x H x W, of the shape of the generator's images. All tensors of the result are on the CPU.
/// The same bits for the same input and number of threads. Errors: UserError for a generator without w, features
/// without gradients, images that the extractor does not take; NumericalError for a distance that is not finite.
Projection project(const Family& family, const torch::Tensor& target, FeatureExtractor& extractor,
                   const ProjectionOptions& options);

}  // namespace fqgan
