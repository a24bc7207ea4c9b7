// What the commands share that use the generator of a trained model: sample, mix, interpolate and project.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/inference/model.h"
#include "fqgan/inference/output.h"
#include "fqgan/inference/sampler.h"

namespace CLI {
class App;
}

namespace fqgan {

/// The most images in one picture or film.
constexpr int64_t most_in_grid = 10'000;

struct ModelFlags {
  std::string model;
  std::vector<std::string> classes;
  bool raw = false;
  ComputeOptions compute;
};
struct DrawingFlags : ModelFlags {
  std::string noise;  // "": the usual one of the command
  NoiseMode usual_noise = NoiseMode::constant;
  std::optional<double> truncation;
  std::optional<int64_t> truncation_cutoff;
};

void add_model_argument(CLI::App& command, ModelFlags& flags);
/// --class. `meaning` ends with what several classes do.
void add_class_flag(CLI::App& command, ModelFlags& flags, const std::string& meaning);
/// --raw, and those of add_compute_flags.
void add_weights_flags(CLI::App& command, ModelFlags& flags);
/// --truncation, --truncation-cutoff, --noise, and those of add_weights_flags.
void add_drawing_flags(CLI::App& command, DrawingFlags& flags);

struct DrawnModel {
  std::string path;  // of the checkpoint
  Checkpoint checkpoint;
  Model model;  // its data are those that the generator draws
};
DrawnModel open_drawn_model(const ModelFlags& flags);

/// Truncation, noise and weights. Errors: UserError for a noise that the family does not have.
SampleOptions drawing_options(const DrawingFlags& flags, const Family& family);

/// The indices of --class. Errors: UserError.
std::vector<int64_t> classes_of(const ModelFlags& flags, const DataInfo& data);

bool has_ending(const std::string& name, const std::string& ending);

/// Checks the file or folder of --out as check_target does, by the ending of its name. films: X.webp is offered too.
void check_images_target(const std::string& out, bool films, bool force, const std::vector<std::string>& reads);

/// For a file that holds all images before it is written. Errors: UserError that starts with `flag` if they do not fit
/// into the free memory.
void check_memory(const std::string& flag, const std::string& out, int64_t count, const DataInfo& data);

/// Calls `draw` for `count` images in batches, and shows the progress.
void draw_images(int64_t count, const std::function<void(int64_t first, int64_t count)>& draw);

/// Writes `count` images that `draw` makes in batches to --out, and logs that they are those of the checkpoint `model`.
void write_images(const std::string& model, const std::string& out, const OutputOptions& options, int64_t count,
                  const std::function<SampledImages(int64_t first, int64_t count)>& draw);

}  // namespace fqgan
