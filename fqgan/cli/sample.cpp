// fqgan sample CKPT_OR_RUN --out grid.png | DIR | X.zip | X.safetensors: generates images with a trained model.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/options.h"
#include "fqgan/core/shape.h"
#include "fqgan/data/sources/class_names.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/experiment/model_images.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/model.h"
#include "fqgan/inference/output.h"
#include "fqgan/inference/sampler.h"

namespace fqgan {
namespace {

constexpr int64_t batch = 100, grid_columns = 10, default_files = 1000, unconditional_grid = 64;

struct SampleFlags {
  std::string checkpoint, out, latents, source, direction;
  std::vector<std::string> classes;
  std::optional<int64_t> count;
  uint64_t seed = 0;
  std::optional<double> truncation;
  bool raw = false;
  ComputeOptions compute;
};

int64_t find_class(const std::string& name, const DataInfo& data) {
  if (!data.classes) fail("--class", "this model is unconditional and has no classes");
  return class_named(name, data.class_names, "--class");
}

std::string type_name(const torch::Tensor& tensor) { return std::string(c10::toString(tensor.scalar_type())); }

/// The classes of the latents, one per row.
std::vector<int64_t> read_classes(const std::string& path, const torch::Tensor& y, int64_t rows) {
  if (y.dim() != 1 || y.size(0) != rows)
    fail(path, "expected one entry of 'y' for each of the " + std::to_string(rows) + " rows of 'z', got shape " +
                   shape_text(y.sizes()));
  if (!at::isIntegralType(y.scalar_type(), /*includeBool=*/false))
    fail(path, "expected integers in 'y' (class indices), got " + type_name(y));
  const auto labels = y.to(torch::kLong).contiguous();
  return {labels.const_data_ptr<int64_t>(), labels.const_data_ptr<int64_t>() + labels.numel()};
}

torch::Tensor read_latents(const std::string& path, SampleOptions& options) {
  const auto file = load_checkpoint(path, false);
  const auto found = file.tensors.find("z");
  if (found == file.tensors.end()) fail(path, "expected a tensor 'z' (N x Z), found none");
  const auto& z = found->second;
  if (z.dim() != 2 || z.size(0) < 1) fail(path, "expected 'z' of shape N x Z, got " + shape_text(z.sizes()));
  if (!z.is_floating_point()) fail(path, "expected floating-point numbers in 'z', got " + type_name(z));
  const auto finite = at::isfinite(z.to(torch::kFloat)).all(1);  // as float32, the type of the generator
  if (!finite.all().item<bool>())
    fail(path, "expected finite numbers in 'z', but row " +
                   std::to_string(finite.logical_not().nonzero()[0].item<int64_t>()) + " has one that is not");
  if (const auto y = file.tensors.find("y"); y != file.tensors.end())
    options.labels = read_classes(path, y->second, z.size(0));
  return z;
}

/// The source images of a translator; null without --source.
std::shared_ptr<const Dataset> open_source_images(const SampleFlags& flags, const Checkpoint& checkpoint,
                                                  const std::string& path, const Model& model) {
  if (flags.source.empty()) return nullptr;
  auto data = data_of_model(checkpoint, path, model.data, {});
  data.path = flags.source;
  return open_dataset(data);
}

int64_t image_count(const SampleFlags& flags, const SampleOptions& options, bool row_per_class, int64_t rows) {
  if (flags.count) return *flags.count;
  if (options.latents.defined()) return options.latents.size(0);
  if (options.source) return options.source->info().images;
  if (row_per_class) return rows * grid_columns;
  return flags.out.ends_with(".png") ? unconditional_grid : default_files;
}

int sample(const SampleFlags& flags) {
  const auto [path, checkpoint] = open_checkpoint(flags.checkpoint);
  const auto numerics = start_computing(flags.compute);
  auto model = load_model(checkpoint, path, numerics);
  model.data = drawn_data(*model.family, model.data);
  SampleOptions options;
  options.seed = flags.seed;
  options.truncation = flags.truncation;
  options.weights = flags.raw ? Weights::raw : Weights::average;
  options.direction = flags.direction;
  const auto source = open_source_images(flags, checkpoint, path, model);
  options.source = source.get();
  if (!flags.latents.empty()) options.latents = read_latents(flags.latents, options);

  if (!options.labels.empty() && !flags.classes.empty())
    fail("--class",
         "expected classes from --class or from 'y' in the file of latents, got both. Hint: leave one of them out");
  std::vector<int64_t> classes;
  for (const auto& name : flags.classes) classes.push_back(find_class(name, model.data));
  const bool grid = flags.out.ends_with(".png");
  const bool rows = grid && !flags.count && !options.latents.defined() && model.data.classes > 0;
  if (rows && classes.empty())
    for (int64_t k = 0; k < model.data.classes; ++k) classes.push_back(k);
  OutputOptions output{{}, model.data.class_names};
  for (const auto k : classes) {
    options.labels.insert(options.labels.end(), rows ? grid_columns : 1, k);
    if (rows) output.grid.row_labels.push_back(model.data.class_names[k]);
  }
  if (rows) output.grid.columns = grid_columns;
  const auto count = image_count(flags, options, rows, static_cast<int64_t>(classes.size()));

  const auto sampler = open_sampler(*model.family, options);
  const auto target = open_output(flags.out, output);
  for (int64_t done = 0; done < count; done += batch) {
    target->add(sampler->next(std::min(batch, count - done)));
    log_status(std::to_string(done) + "/" + std::to_string(count) + " images");
  }
  target->finish();
  log_status("");
  log_info("wrote " + std::to_string(count) + " images of " + path + " to " + flags.out);
  return 0;
}

}  // namespace

void add_sample(CLI::App& program, Action& action) {
  auto flags = std::make_shared<SampleFlags>();
  auto* command = program.add_subcommand("sample", "generate images with a trained model");
  command->add_option("model", flags->checkpoint, "checkpoint, or run folder (its newest checkpoint)")->required();
  command
      ->add_option("--out", flags->out,
                   "output: X.png (one grid), a folder or X.zip (one PNG per image), or X.safetensors (raw tensors)")
      ->required();
  command
      ->add_option("--count", flags->count,
                   "number of images; default: for a grid ten per class (64 without classes), else 1000")
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", flags->seed, "random seed; image i depends only on the seed and i")
      ->capture_default_str();
  command
      ->add_option("--class", flags->classes,
                   "class to generate, by name or index (repeatable; several classes take turns); default: all")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command
      ->add_option("--truncation", flags->truncation,
                   "truncation: latent values beyond this threshold are drawn again (given latents are mapped into "
                   "it); a smaller threshold gives more typical and less varied images; default: none")
      ->check(CLI::Range(0., 10.));
  command->add_option("--latents", flags->latents,
                      "safetensors file with given latents `z` (N x Z) and optionally classes `y` (N)");
  command->add_flag("--raw", flags->raw, "generate with the trained weights themselves, not their moving average");
  command->add_option("--source", flags->source, "source images for a model that translates images");
  command->add_option("--direction", flags->direction,
                      "direction of a model that translates images, such as a2b; default: its first one");
  add_compute_flags(*command, flags->compute);
  command->callback([flags, &action] { action = [flags] { return sample(*flags); }; });
}

}  // namespace fqgan
