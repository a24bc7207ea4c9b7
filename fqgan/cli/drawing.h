// What the commands share that draw images from the latents of a trained model: sample, mix and interpolate.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/inference/model.h"
#include "fqgan/inference/sampler.h"

namespace CLI {
class App;
}

namespace fqgan {

/// The most images in one picture or film.
constexpr int64_t most_in_grid = 10'000;

struct DrawingFlags {
  std::string model, noise;  // noise "": the usual one of the command
  NoiseMode usual_noise = NoiseMode::constant;
  std::vector<std::string> classes;
  std::optional<double> truncation;
  std::optional<int64_t> truncation_cutoff;
  bool raw = false;
  ComputeOptions compute;
};

void add_model_argument(CLI::App& command, DrawingFlags& flags);
/// --class. `meaning` ends with what several classes do.
void add_class_flag(CLI::App& command, DrawingFlags& flags, const std::string& meaning);
/// --truncation, --truncation-cutoff, --noise, --raw, and those of add_compute_flags.
void add_drawing_flags(CLI::App& command, DrawingFlags& flags);

struct DrawnModel {
  std::string path;  // of the checkpoint
  Checkpoint checkpoint;
  Model model;  // its data are those that the generator draws
};
DrawnModel open_drawn_model(const DrawingFlags& flags);

/// Truncation, noise and weights. Errors: UserError for a noise that the family does not have.
SampleOptions drawing_options(const DrawingFlags& flags, const Family& family);

/// The indices of --class. Errors: UserError.
std::vector<int64_t> classes_of(const DrawingFlags& flags, const DataInfo& data);

bool has_ending(const std::string& name, const std::string& ending);

/// Checks the file or folder of --out as check_target does, by the ending of its name.
void check_images_target(const std::string& out, bool force, const std::vector<std::string>& reads);

/// Calls `draw` for `count` images in batches, and shows the progress.
void draw_images(int64_t count, const std::function<void(int64_t first, int64_t count)>& draw);

}  // namespace fqgan
