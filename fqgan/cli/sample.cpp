// fqgan sample CKPT_OR_RUN --out grid.png | DIR | X.zip | X.safetensors: generates images with a trained model.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/options.h"
#include "fqgan/core/shape.h"
#include "fqgan/core/text.h"
#include "fqgan/data/sources/class_names.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/experiment/model_images.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/grid_plan.h"
#include "fqgan/inference/model.h"
#include "fqgan/inference/output.h"
#include "fqgan/inference/sampler.h"
#include "fqgan/inference/truncation.h"
#include "fqgan/profiling/memory.h"

namespace fqgan {
namespace {

constexpr int64_t batch = 100, default_files = 1000, most_in_grid = 10'000;

struct SampleFlags {
  std::string checkpoint, out, latents, source, direction, noise = "random";
  std::vector<std::string> classes;
  std::optional<int64_t> count, columns;
  uint64_t seed = 0;
  std::optional<double> truncation;
  bool raw = false, force = false, seeded = false;  // seeded: --seed was given
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

bool has_ending(const std::string& name, const std::string& ending) { return lower(name).ends_with(ending); }

/// The format decides more than the name of the target: a folder has none of these endings.
bool is_file(const std::string& out) {
  return has_ending(out, ".png") || has_ending(out, ".zip") || has_ending(out, ".safetensors");
}

void check_out(const SampleFlags& flags) {
  Target target{flags.out, "", "--out", flags.force, {flags.checkpoint, flags.latents, flags.source}};
  if (!is_file(flags.out)) return check_target_folder(target);
  target.ending = std::filesystem::path(flags.out).extension();
  check_target(target);
}

/// Refuses before the work what would fail after it.
void check_count(const SampleFlags& flags, int64_t count, const DataInfo& data) {
  const auto hint = "Hint: use a smaller --count, or write X.zip or a folder";
  if (has_ending(flags.out, ".png") && count > most_in_grid)
    fail("--count", "expected up to " + std::to_string(most_in_grid) + " images for a grid, got " +
                        std::to_string(count) + ". " + hint);
  if (!has_ending(flags.out, ".png") && !has_ending(flags.out, ".safetensors")) return;  // the others write as they go
  constexpr double copies = 2, bytes_of_float = 4, mebibyte = 1 << 20;  // the batches, then all of them together
  const double needed = copies * bytes_of_float * static_cast<double>(count * data.channels * data.height * data.width);
  const double free = free_memory(torch::kCPU);
  if (free > 0 && needed > free)
    fail("--count", "expected images that fit into the free memory (" + fixed(free / mebibyte, 0) + " MiB), got " +
                        std::to_string(count) + " images, which take " + fixed(needed / mebibyte, 0) + " MiB. " + hint);
}

NoiseMode noise_mode(const SampleFlags& flags, const Family& family) {
  if (flags.noise == "random") return NoiseMode::random;
  if (!family.generator || !family.generator->space.noise)
    fail("--noise", "expected a generator with noise in its layers, such as StyleGAN2's, got one without");
  return flags.noise == "constant" ? NoiseMode::constant : NoiseMode::none;
}

/// Refuses a seed if nothing is drawn with it.
void check_seed(const SampleFlags& flags, const Family& family, const SampleOptions& options) {
  const auto* space = family.generator ? &family.generator->space : nullptr;
  const bool draws_class = space && space->classes && options.labels.empty();
  const bool draws_noise = space && space->noise && options.noise == NoiseMode::random;
  const bool draws = space && (!options.latents.defined() || draws_noise || draws_class);
  if (flags.seeded && !draws)
    fail("--seed", "expected images that are drawn at random, got " +
                       std::string(options.source ? "source images" : "latents and all else that decides the images") +
                       ", so that this has no effect. Hint: leave --seed out");
}

/// Sets classes and layout for the format of the output; returns the number of images.
int64_t plan_output(const SampleFlags& flags, const DataInfo& data, SampleOptions& options, OutputOptions& output) {
  std::vector<int64_t> classes;
  for (const auto& name : flags.classes) classes.push_back(find_class(name, data));
  const bool given = options.latents.defined() || options.source;
  if (!given && has_ending(flags.out, ".png")) {
    auto plan = plan_grid(data, {classes, flags.count, flags.columns});
    options.labels = plan.labels;
    output.grid = plan.grid;
    if (!plan.left_out.empty()) log_info(plan.left_out + ". Hint: --class NAME draws one; a folder or X.zip takes all");
    return plan.count;
  }
  output.grid.columns = flags.columns.value_or(0);
  options.labels.insert(options.labels.end(), classes.begin(), classes.end());
  if (flags.count) return *flags.count;
  if (options.latents.defined()) return options.latents.size(0);
  return options.source ? options.source->info().images : default_files;
}

int sample(const SampleFlags& flags) {
  check_out(flags);
  if (flags.columns && !has_ending(flags.out, ".png"))
    fail("--columns", "expected it with --out X.png (a grid) only, got --out " + flags.out);
  const auto [path, checkpoint] = open_checkpoint(flags.checkpoint);
  const auto numerics = start_computing(flags.compute);
  auto model = load_model(checkpoint, path, numerics);
  model.data = drawn_data(*model.family, model.data);
  SampleOptions options;
  options.seed = flags.seed;
  options.truncation = flags.truncation;
  options.weights = flags.raw ? Weights::raw : Weights::average;
  options.direction = flags.direction;
  options.noise = noise_mode(flags, *model.family);
  const auto source = open_source_images(flags, checkpoint, path, model);
  options.source = source.get();
  if (!flags.latents.empty()) options.latents = read_latents(flags.latents, options);
  if (!options.labels.empty() && !flags.classes.empty())
    fail("--class",
         "expected classes from --class or from 'y' in the file of latents, got both. Hint: leave one of them out");
  OutputOptions output{{}, model.data.class_names, flags.force};
  const auto count = plan_output(flags, model.data, options, output);
  check_count(flags, count, model.data);
  check_seed(flags, *model.family, options);

  const auto sampler = open_sampler(*model.family, options);
  const auto target = open_output(flags.out, output);
  for (int64_t done = 0; done < count; done += batch) {
    target->add(sampler->next(std::min(batch, count - done)));
    log_status(std::to_string(done) + "/" + std::to_string(count) + " images");
  }
  target->finish();
  log_status("");
  log_info("wrote " + plural(count, "image") + " of " + path + " to " + flags.out);
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
  add_integer(
      *command, "--count", flags->count, {1, most_images},
      "number of images; default: for a grid ten per class (64 without classes) or what fits into 2,000 pixels, "
      "else 1000");
  add_integer(*command, "--columns", flags->columns, {1, 1000}, "number of columns of a grid; default: ten at most");
  add_seed(*command, flags->seed, "random seed; image i depends only on the seed and i");
  command
      ->add_option("--class", flags->classes,
                   "class to generate, by name or index (repeatable; several classes take turns, in a grid they have "
                   "rows of their own); default: all")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  add_number(*command, "--truncation", flags->truncation, {0, largest_truncation},
             "truncation: latent values beyond this threshold are drawn again (given latents are mapped into it); a "
             "smaller threshold gives more typical and less varied images; for StyleGAN2 it is psi, by which the "
             "distance of w from its mean is multiplied; default: none");
  command->add_option("--latents", flags->latents,
                      "safetensors file with given latents `z` (N x Z) and optionally classes `y` (N)");
  add_choice(*command, "--noise", flags->noise, {"random", "constant", "none"},
             "noise in the layers of a StyleGAN2 generator: new noise for each image, the same for all, or none");
  command->add_flag("--raw", flags->raw, "generate with the trained weights themselves, not their moving average");
  command->add_option("--source", flags->source, "source images for a model that translates images");
  command->add_option("--direction", flags->direction,
                      "direction of a model that translates images, such as a2b; default: its first one");
  add_force_flag(*command, flags->force);
  add_compute_flags(*command, flags->compute);
  command->callback([flags, command, &action] {
    flags->seeded = command->count("--seed") > 0;
    action = [flags] { return sample(*flags); };
  });
}

}  // namespace fqgan
