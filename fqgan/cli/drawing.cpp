#include "fqgan/cli/drawing.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/sources/class_names.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/truncation.h"
#include "fqgan/profiling/memory.h"

namespace fqgan {
namespace {

constexpr int64_t drawn_at_once = 100;

NoiseMode noise_mode(const DrawingFlags& flags, const Family& family) {
  const auto mode = flags.noise.empty()       ? flags.usual_noise
                    : flags.noise == "random" ? NoiseMode::random
                    : flags.noise == "none"   ? NoiseMode::none
                                              : NoiseMode::constant;
  const bool has_noise = family.generator && family.generator->space.noise;
  if (!flags.noise.empty() && mode != NoiseMode::random && !has_noise)
    fail("--noise", "expected a generator with noise in its layers, such as StyleGAN2's, got one without");
  return mode;
}

}  // namespace

void add_model_argument(CLI::App& command, ModelFlags& flags) {
  command.add_option("model", flags.model, "checkpoint, or run folder (its newest checkpoint)")->required();
}

void add_class_flag(CLI::App& command, ModelFlags& flags, const std::string& meaning) {
  command.add_option("--class", flags.classes, meaning)->take_all()->expected(1)->allow_extra_args(false);
}

void add_weights_flags(CLI::App& command, ModelFlags& flags) {
  command.add_flag("--raw", flags.raw, "generate with the trained weights themselves, not their moving average");
  add_compute_flags(command, flags.compute);
}

void add_drawing_flags(CLI::App& command, DrawingFlags& flags) {
  add_number(command, "--truncation", flags.truncation, {0, largest_truncation},
             "truncation: latent values beyond this threshold are drawn again (given latents are mapped into it); a "
             "smaller threshold gives more typical and less varied images; for StyleGAN2 it is psi, by which the "
             "distance of w from its mean is multiplied; default: none");
  add_integer(
      command, "--truncation-cutoff", flags.truncation_cutoff, {1, 1000},
      "number of layers of a StyleGAN2 generator, from the first one on, in which w is truncated; default: all");
  add_choice(command, "--noise", flags.noise, {"random", "constant", "none"},
             std::string("noise in the layers of a StyleGAN2 generator: new noise for each image, the same for all, or "
                         "none; default: ") +
                 (flags.usual_noise == NoiseMode::random ? "random" : "constant"));
  add_weights_flags(command, flags);
}

DrawnModel open_drawn_model(const ModelFlags& flags) {
  auto [path, checkpoint] = open_checkpoint(flags.model);
  auto model = load_model(checkpoint, path, start_computing(flags.compute));
  model.data = drawn_data(*model.family, model.data);
  return {std::move(path), std::move(checkpoint), std::move(model)};
}

SampleOptions drawing_options(const DrawingFlags& flags, const Family& family) {
  SampleOptions options;
  options.truncation = flags.truncation;
  options.truncation_cutoff = flags.truncation_cutoff;
  options.weights = flags.raw ? Weights::raw : Weights::average;
  options.noise = noise_mode(flags, family);
  return options;
}

std::vector<int64_t> classes_of(const ModelFlags& flags, const DataInfo& data) {
  std::vector<int64_t> classes;
  for (const auto& name : flags.classes) {
    if (!data.classes) fail("--class", "this model is unconditional and has no classes");
    classes.push_back(class_named(name, data.class_names, "--class"));
  }
  return classes;
}

bool has_ending(const std::string& name, const std::string& ending) { return lower(name).ends_with(ending); }

void check_images_target(const std::string& out, bool films, bool force, const std::vector<std::string>& reads) {
  Target target{out, output_ending(out, films), "--out", force, reads};
  if (target.ending.empty()) return check_target_folder(target);
  target.ending = std::filesystem::path(out).extension();  // as it is written
  check_target(target);
}

void check_memory(const std::string& flag, const std::string& out, int64_t count, const DataInfo& data) {
  if (!has_ending(out, ".png") && !has_ending(out, ".safetensors")) return;  // the others write as they go
  constexpr double copies = 2, bytes_of_float = 4, mebibyte = 1 << 20;       // the batches, then all of them together
  const double needed = copies * bytes_of_float * static_cast<double>(count * data.channels * data.height * data.width);
  const double free = free_memory(torch::kCPU);
  if (free > 0 && needed > free)
    fail(flag, "expected images that fit into the free memory (" + fixed(free / mebibyte, 0) + " MiB), got " +
                   std::to_string(count) + " images, which take " + fixed(needed / mebibyte, 0) +
                   " MiB. Hint: draw fewer images");
}

void draw_images(int64_t count, const std::function<void(int64_t first, int64_t count)>& draw) {
  for (int64_t done = 0; done < count; done += drawn_at_once) {
    draw(done, std::min(drawn_at_once, count - done));
    log_status(std::to_string(std::min(done + drawn_at_once, count)) + "/" + std::to_string(count) + " images");
  }
  log_status("");
}

void write_images(const std::string& model, const std::string& out, const OutputOptions& options, int64_t count,
                  const std::function<SampledImages(int64_t first, int64_t count)>& draw) {
  const auto target = open_output(out, options);
  draw_images(count, [&](int64_t first, int64_t next) { target->add(draw(first, next)); });
  target->finish();
  log_info("wrote " + plural(count, "image") + " of " + model + " to " + out);
}

}  // namespace fqgan
