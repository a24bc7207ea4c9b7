// fqgan project CKPT_OR_RUN --target IMAGE --out FOLDER: finds the w of a generator whose image is nearest to an image.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "fqgan/cli/drawing.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/core/text.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/data/sources/source.h"
#include "fqgan/experiment/evaluation_side.h"
#include "fqgan/experiment/model_images.h"
#include "fqgan/experiment/projection.h"
#include "fqgan/inference/model.h"
#include "fqgan/metrics/conventions.h"
#include "fqgan/metrics/feature_table.h"
#include "fqgan/plot/grid.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

struct ProjectFlags : ModelFlags {
  std::string target, out;
  FeatureRequest features;
  std::vector<std::string> set;
  ProjectionOptions options;
  bool force = false;
};

/// The folder is made when the result is there, so that an interrupted search leaves nothing.
void check_out(const ProjectFlags& flags) {
  check_target_folder({flags.out,
                       "",
                       "--out",
                       flags.force,
                       {flags.model, flags.target, flags.features.features, flags.features.weights.value_or("")}});
  const fs::path folder(flags.out);
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) return prepare_target(folder);
  if (!fs::is_directory(folder, ignored)) fail("--out " + flags.out, "expected a folder, got a file");
  if (!flags.force && !fs::is_empty(folder, ignored))
    fail("--out " + flags.out,
         "expected an empty or new folder, got one that holds files. Hint: choose another folder, or replace the files "
         "of an earlier projection with --force");
  prepare_target(folder / "w.safetensors");
}

/// The features. A classifier is trained on the images of the model's training.
std::unique_ptr<FeatureExtractor> extractor_of(const ProjectFlags& flags, const Checkpoint& checkpoint,
                                               const std::string& path, const Model& model) {
  std::optional<OpenedData> data;
  if (const auto found = checkpoint.metadata.find("recipe"); found != checkpoint.metadata.end()) {
    auto recipe = read_recipe(RecipeText::from_string(found->second, path));
    accept_split_of_run(recipe->data);
    if (recipe->data.path && may_have_labels(model.data, recipe->data)) data.emplace(std::move(recipe->data));
  }
  return open_features(resolved(flags.features, data.has_value()), data ? &*data : nullptr,
                       model.family->numerics.device);
}

at::Tensor picture_of(const at::Tensor& target, const Projection& found, const std::string& title) {
  std::vector<at::Tensor> images{target.unsqueeze(0), to_pixels(found.image)};
  GridOptions grid;
  grid.title = {title};
  grid.captions = {"target", "result"};
  for (const auto& [step, image] : found.progress) {
    images.push_back(to_pixels(image));
    grid.captions.push_back("step " + std::to_string(step));
  }
  grid.columns = std::max<int64_t>(2, std::ssize(found.progress));
  grid.row_lengths = {2, std::ssize(found.progress)};
  return make_grid(at::cat(images), grid);
}

std::string log_of(const Projection& found) {
  std::string lines;
  for (size_t i = 0; i < found.steps.size(); ++i) {
    const auto& step = found.steps[i];
    const nlohmann::ordered_json line{
        {"step", i}, {"distance", step.total}, {"features", step.features}, {"pixels", step.pixels}};
    lines += line.dump() + "\n";
  }
  return lines;
}

void write_results(const fs::path& folder, const at::Tensor& target, const Projection& found,
                   const std::string& title) {
  make_folder(folder);
  Checkpoint latents;
  latents.tensors["w"] = found.w;
  for (const auto& [layer, noise] : found.noise) latents.tensors["noise." + layer] = noise;
  save_checkpoint((folder / "w.safetensors").string(), latents);
  write_png((folder / "result.png").string(), to_pixels(found.image)[0]);
  write_png((folder / "projection.png").string(), picture_of(target, found, title));
  write_file_atomically(folder / "log.jsonl", log_of(found));
}

std::string text_of(const ImageDistance& distance) {
  return "distance " + significant(distance.total, 4) + " (features " + significant(distance.features, 4) +
         ", pixels " + significant(distance.pixels, 4) + ")";
}

int project_command(const ProjectFlags& flags) {
  check_data_settings(flags.set, settings_decided_by_model());
  check_out(flags);
  const auto [path, checkpoint, model] = open_drawn_model(flags);
  check_projection(*model.family);
  auto options = flags.options;
  options.weights = flags.raw ? Weights::raw : Weights::average;
  const auto classes = classes_of(flags, model.data);
  if (classes.size() > 1) fail("--class", "expected one class, got several");
  if (!classes.empty()) options.label = classes.front();
  const auto target = read_model_image(flags.target, data_of_model(checkpoint, path, model.data, flags.set));
  const auto extractor = extractor_of(flags, checkpoint, path, model);
  log_info("features: " + extractor->name() + ", " + extractor->description());
  const auto found = project(*model.family, target, *extractor, options);
  const auto text = text_of(found.distance);
  write_results(flags.out, target, found, text);
  log_info("wrote the w of " + path + " for " + flags.target + " to " + flags.out);
  print(text + "\n");
  return 0;
}

}  // namespace

void add_project(CLI::App& program, Action& action) {
  auto flags = std::make_shared<ProjectFlags>();
  auto* command = program.add_subcommand("project", "find the w of a StyleGAN2 generator for a given image");
  command->footer("Feature extractors:\n" + feature_help());
  add_model_argument(*command, *flags);
  command->add_option("--target", flags->target, "the image to find: a PNG, JPEG or WebP file")->required();
  command
      ->add_option(
          "--out", flags->out,
          "folder for w.safetensors (w, and the noise of each layer), result.png, projection.png and log.jsonl")
      ->required();
  command
      ->add_option("--features", flags->features.features,
                   "feature extractor, see below. Its part of the distance is the squared difference of the features, "
                   "relative to the squared length of the target's features. With a TorchScript file that knows "
                   "return_lpips, it is the squared difference itself")
      ->capture_default_str();
  command->add_option(
      "--weights", flags->features.weights,
      "safetensors file with the weights of inception or efficientnet-lite; default: in the cache folder");
  command->add_option("--convention", flags->features.convention,
                      "resize images for inception as this tool does: " + join(convention_names()) +
                          "; default: " + convention_names().front());
  add_number(
      *command, "--pixel-weight", flags->options.pixel_weight, {0, 1e6},
      "weight of the mean squared difference of the pixels (from -1 to 1) in the distance; default: 10, or 0 with "
      "a TorchScript file that knows return_lpips");
  add_integer(*command, "--steps", flags->options.steps, {1, 1'000'000}, "number of steps");
  add_seed(*command, flags->options.seed, "random seed of the noise");
  add_class_flag(*command, *flags,
                 "class whose mean w the search starts from, by name or index; default: the mean of all classes");
  add_set_flag(*command, flags->set, "set an option for reading the image: --set data.fit=crop (repeatable)");
  add_force_flag(*command, flags->force);
  add_weights_flags(*command, *flags);
  command->callback([flags, &action] { action = [flags] { return project_command(*flags); }; });
}

}  // namespace fqgan
