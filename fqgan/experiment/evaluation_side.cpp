#include "fqgan/experiment/evaluation_side.h"

#include <filesystem>

#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/fit_report.h"
#include "fqgan/data/sources/source.h"
#include "fqgan/experiment/model_images.h"
#include "fqgan/experiment/path_steps.h"
#include "fqgan/metrics/statistics_file.h"
#include "fqgan/run/run_folder.h"

namespace fqgan {
namespace {

/// Of the run in which the checkpoint lies, because only this one knows what was moved; else as saved in it.
std::unique_ptr<Recipe> recipe_of(const NamedCheckpoint& named) {
  if (const auto run = RunFolder::of_checkpoint(named.path)) return read_recipe(RecipeText::from_file(run->recipe()));
  const auto found = named.checkpoint.metadata.find("recipe");
  return found == named.checkpoint.metadata.end() ? nullptr
                                                  : read_recipe(RecipeText::from_string(found->second, named.path));
}

/// Opens the images only if they were never measured.
Side side_of_view(std::shared_ptr<OpenedData> data, const View& which, const std::string& name) {
  Side side;
  side.dataset = std::make_shared<LazyView>(data, which);
  const auto key = data->key(which);
  const auto known = known_data(key);
  side.read = known ? *known : known_of(side.dataset->get());
  const auto& info = side.read.info;
  side.facts = {.name = name, .images = info.images, .class_names = info.class_names, .key = key};
  side.facts.class_images = side.read.class_images;
  side.facts.mixed_sizes = info.height == 0;
  if (!side.facts.mixed_sizes) side.facts.shape = shape_of(info);
  side.labelled = !info.class_names.empty();
  side.images = [images = side.dataset](uint64_t) { return in_order(images->get()); };
  side.data = std::move(data);
  return side;
}

/// The test images of the training data if there are any, else all of the training images.
struct Tested {
  View which;
  bool whole;
};
Tested tested_images(OpenedData& data, const std::optional<std::string>& domain) {
  if (const auto test = data.test_view({}, domain)) return {*test, false};
  View whole;
  whole.whole = true;
  whole.domain = domain;
  return {whole, true};
}

/// The source images of a translator: the named ones, else from the direction's source domain in `own`, the data of its
/// recipe: the test split, or all.
std::shared_ptr<const Dataset> source_images(const NamedSide& named, const Model& model, OpenedData* own,
                                             const Generated& generated) {
  if (!model.family->translator) {
    if (!generated.source.empty()) fail("--source", "this model draws from latents and cannot translate source images");
    return nullptr;
  }
  if (!generated.source.empty()) {
    auto data = data_of_model(named.checkpoint->checkpoint, named.path, model.data, {});
    data.path = generated.source;
    return open_dataset(data);
  }
  if (!own || own->options().path.value_or("").empty())
    fail("--source",
         "expected source images for a model that translates images, and its recipe has none. Hint: use --source "
         "IMAGES");
  const auto domain = domains_of(*model.family, *named.recipe->model, generated.options.direction).source;
  return own->view(tested_images(*own, domain).which);
}

Side side_of_model(NamedSide named, const Generated& generated, const Numerics& numerics) {
  auto model = load_model(named.checkpoint->checkpoint, named.checkpoint->path, numerics);
  Side side;
  if (named.recipe) {
    const auto run = RunFolder::of_checkpoint(named.checkpoint->path);
    const auto& images = named.recipe->data.path;
    if (run && images && !std::filesystem::exists(*images))
      fail(named.path, "expected the images of the run at " + *images + ", found nothing. Hint: if they were moved, " +
                           command_line({"train", "--resume", run->path().string(), "--data", "PLACE"}) +
                           " makes them known, also to a finished run");
    accept_split_of_run(named.recipe->data);
    side.data = std::make_shared<OpenedData>(named.recipe->data);
    side.labelled = named.recipe->data.path && may_have_labels(model.data, named.recipe->data);
    side.target_domain = domains_of(*model.family, *named.recipe->model, generated.options.direction).target;
  }
  side.source = source_images(named, model, side.data.get(), generated);
  auto sampling = generated.options.sampling(generated.seed);
  sampling.source = side.source.get();
  check_sampling(*model.family, sampling);
  auto count = generated.count;
  if (side.source) count = std::min(count, side.source->info().images);
  side.facts = {named.path, false, count, {}, shape_of(model.data)};
  if (model.family->drawn_classes() > 0) {
    side.facts.class_names = model.data.class_names;
    if (!side.source) side.facts.class_images = images_of_classes(*model.family, count);
  }
  side.images = [family = model.family.get(), count, sampling](uint64_t repetition) {
    auto repeated = sampling;
    repeated.seed += repetition;
    return generated_images(*family, repeated, count);
  };
  side.facts.has_steps = model.family->generator.has_value();
  if (side.facts.has_steps)
    side.steps = [family = model.family.get(), count, sampling](FeatureExtractor& extractor,
                                                                const PathLengthOptions& options, uint64_t repetition) {
      auto repeated = sampling;
      repeated.seed += repetition;
      return measured_steps(*family, repeated, count, extractor, options);
    };
  side.family = std::move(model.family);
  return side;
}

}  // namespace

NamedSide look_at_side(const std::string& path) {
  NamedSide named{path};
  if (RunFolder::is_run(path)) {
    named.checkpoint = open_checkpoint(path);
  } else if (is_npz(path)) {
    named.statistics = load_statistics(path);
  } else if (path.ends_with(".safetensors")) {
    const auto header = read_checkpoint_header(path);
    const auto found = header.metadata.find("kind");
    const std::string kind = found == header.metadata.end() ? "" : found->second;
    if (kind == "statistics")
      named.statistics = load_statistics(path);
    else if (kind == "full" || kind == "weights")
      named.checkpoint = open_checkpoint(path);
    else
      fail(path,
           "expected a checkpoint or saved statistics, found " +
               (kind.empty() ? "another safetensors file" : "a " + kind) +
               (kind == "classifier" ? ". Hint: give it as --features" : ". Hint: give images as a folder or zip"));
  }
  if (named.checkpoint) named.recipe = recipe_of(*named.checkpoint);
  return named;
}

Side::Kept kept_of_real(const std::vector<std::string>& metrics, const MetricOptions& settings) {
  return {need_images(metrics, settings), false, need_small_images(metrics)};
}

Side::Kept kept_of_generated(const std::vector<std::string>& metrics, const MetricOptions& settings) {
  auto kept = kept_of_real(metrics, settings);
  kept.logits = need_logits(metrics);
  return kept;
}

bool may_have_labels(const DataInfo& info, const DataOptions& data) { return info.classes >= 2 || !data.labels; }

Measured Side::measure(FeatureExtractor& extractor, const Kept& keep, uint64_t repetition) const {
  if (statistics) return *statistics;
  auto measured = keep.images ? measure_images(extractor, keep, repetition) : Measured{facts.name, extractor.name()};
  if (keep.steps) measured.steps = steps(extractor, *keep.steps, repetition);
  if (!keep.images) measured.images = measured.steps.size(0);
  return measured;
}

Measured Side::measure_images(FeatureExtractor& extractor, const Kept& keep, uint64_t repetition) const {
  MeasureOptions options{facts.name, facts.class_names, keep.features, keep.logits, keep.small};
  options.progress = [this](int64_t done) {
    log_status(facts.name + ": " + std::to_string(done) + "/" + std::to_string(facts.images.value_or(0)) + " images");
  };
  const auto stream = [&] { return images(repetition); };
  auto measured =
      dataset ? measured_once(facts.key, extractor, options, stream) : fqgan::measure(*stream(), extractor, options);
  log_status("");
  if (dataset) report_changes(extractor);
  return measured;
}

/// Says what was done to the images before they came to the extractor, which the names of values do not.
void Side::report_changes(const FeatureExtractor& extractor) const {
  auto known = read;
  if (dataset->is_open()) {
    known.changes = dataset->get().changes();
    if (dataset->get().skipped().empty()) keep_data(facts.key, known);
  }
  if (facts.mixed_sizes)
    log_info_once(facts.name + ": images of several sizes, each resized by itself for " + extractor.name());
  if (facts.key == extractor.trained_on())
    log_info_once(facts.name + ": " + extractor.name() +
                  " was trained on these images, and classifies them better than new ones");
  for (const auto& line : fit_report(known.info, known.changes, data->options()))
    log_info_once(facts.name + ": " + line);
}

Side open_side(NamedSide named, DataOptions data, const Generated& generated, const Numerics& numerics,
               bool own_sizes) {
  if (named.checkpoint) return side_of_model(std::move(named), generated, numerics);
  if (named.statistics) {
    Side side;
    side.facts = {.name = named.path,
                  .statistics_only = true,
                  .images = named.statistics->images,
                  .extractor = named.statistics->extractor};
    side.facts.dimension = named.statistics->moments.dimension();
    side.statistics = std::move(named.statistics);
    return side;
  }
  data.path = named.path;
  const auto opened = std::make_shared<OpenedData>(data);
  View images;
  images.own_sizes = own_sizes;
  return side_of_view(opened, images, named.path);
}

Domains domains_of(const Family& family, const FamilyOptions& options, const std::string& direction) {
  Domains domains;
  if (!family.translator) return domains;
  const auto& named = direction_named(*family.translator, direction);
  for (const auto& request : options.datasets()) {
    if (request.name == named.source) domains.source = request.view.domain;
    if (request.name == named.target) domains.target = request.view.domain;
  }
  return domains;
}

Side side_of_training_data(std::shared_ptr<OpenedData> data, const std::optional<std::string>& domain) {
  const auto& options = data->options();
  const auto [test, whole] = tested_images(*data, domain);
  const std::string which = whole ? options.split.value_or("train") : options.held_out ? "held out" : "test";
  return side_of_view(data, test, options.path.value_or("") + " (" + which + ")");
}

Side side_of_training_images(std::shared_ptr<OpenedData> data, const std::optional<std::string>& domain) {
  View training;
  training.domain = domain;
  return side_of_view(data, training, data->options().path.value_or("") + " (training images)");
}

DataOptions fitting_of(const DataOptions& data) {
  DataOptions fitting;
  static_cast<FitOptions&>(fitting) = data;
  return fitting;
}

}  // namespace fqgan
