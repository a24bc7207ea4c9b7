// fqgan classify CKPT_OR_RUN... DATA: classifies images by a trained classifier, or an ensemble of several.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/core/text.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/data/opened_data.h"
#include "fqgan/data/sources/splits.h"
#include "fqgan/data/views.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/experiment/model_images.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/classification.h"
#include "fqgan/inference/model.h"
#include "fqgan/metrics/features.h"
#include "fqgan/plot/confusion.h"

namespace fqgan {
namespace {

using nlohmann::ordered_json;

struct ClassifyFlags {
  std::vector<std::string> paths;  // classifiers, then the images
  std::string out, confusion, split;
  std::vector<std::string> set;
  bool json = false, force = false;
  ComputeOptions compute;
};

struct Ensemble {
  std::vector<Model> models;
  DataOptions data;  // from the recipe of the first classifier
  const DataInfo& info() const { return models.front().data; }
  std::vector<Family*> families() const {
    std::vector<Family*> families;
    for (const auto& model : models) families.push_back(model.family.get());
    return families;
  }
};

void add_classifier(const std::string& where, const ClassifyFlags& flags, const Numerics& numerics, Ensemble& all) {
  const auto [path, checkpoint] = open_checkpoint(where);
  auto model = load_model(checkpoint, path, numerics);
  if (!model.family->classifier)
    fail(path,
         "expected a model with a classifier, got one without. Hint: family = \"improved\" trains one from few labels");
  if (all.models.empty()) {
    all.data = data_of_model(checkpoint, path, model.data, flags.set);
  } else {
    const auto &a = all.info(), &b = model.data;
    const auto wanted = shape_text(shape_of(a)), own = shape_text(shape_of(b));
    const auto& first = flags.paths.front();
    if (wanted != own)
      fail(path, "expected a classifier for images of " + wanted + " as " + first + ", got one for " + own +
                     ". Hint: classify with each alone");
    if (const auto other = first_difference(a.class_names, "in " + first, b.class_names, "here"); !other.empty())
      fail(path, "expected the same classes in the same order as " + first + "; " + other +
                     ". Hint: classify with each alone");
  }
  all.models.push_back(std::move(model));
}

/// The images of the split that is named, else the test images, else all.
std::shared_ptr<const Dataset> images_to_classify(const DataOptions& options) {
  OpenedData data(options);
  View test;
  if (!options.split) test.split = "test";
  try {
    return data.view(test);
  } catch (const MissingSplit&) {
    if (options.split) throw;
    return data.view();
  }
}

/// The images at the classifiers' size. `images`: with the classifiers' classes, matched by name.
struct OpenedImages {
  std::shared_ptr<const Dataset> source, images;
};
OpenedImages open_images(const Ensemble& ensemble, const ClassifyFlags& flags) {
  auto options = ensemble.data;
  const auto& info = ensemble.info();
  options.path = flags.paths.back();
  if (!flags.split.empty()) options.split = flags.split;
  auto source = images_to_classify(options);
  const auto& found = source->info().class_names;
  if (found.empty()) return {source, source};
  auto classes =
      matched_classes(found, info.class_names, flags.paths.back(), "ignore the labels with --set data.labels=false");
  return {source, relabelled(*source, std::move(classes), info.class_names)};
}

void write_predictions(const std::string& path, const Classification& found, const Dataset& images,
                       const std::vector<std::string>& names) {
  std::string text = "name,label,prediction";
  for (const auto& name : names) text += "," + csv_field("p(" + name + ")");
  const auto predictions = found.predictions();
  for (int64_t i = 0; i < images.info().images; ++i) {
    const auto label = found.labels[i].item<int64_t>();
    text += "\n" + csv_field(images.name(i)) + "," + (label < 0 ? "" : csv_field(names.at(label))) + "," +
            csv_field(names.at(predictions[i].item<int64_t>()));
    for (int64_t k = 0; k < found.probabilities.size(1); ++k)
      text += "," + significant(found.probabilities[i][k].item<double>(), 6);
  }
  write_file_atomically(path, text + "\n");
}

/// The confusion matrix of the labelled images, int64 K x K: row = label, column = prediction.
torch::Tensor confusion_of(const Classification& found) {
  const auto classes = found.probabilities.size(1);
  const auto known = found.labels.ge(0);
  const auto cells = (found.labels * classes + found.predictions()).masked_select(known);
  return at::bincount(cells, {}, classes * classes).view({classes, classes});
}

ordered_json describe(const Classification& found, const Ensemble& ensemble) {
  const auto labelled = found.labelled();
  ordered_json document{
      {"images", found.labels.size(0)}, {"classifiers", ensemble.models.size()}, {"labelled", labelled}};
  if (labelled == 0) return document;
  document["wrong"] = found.wrong();
  document["error"] = static_cast<double>(found.wrong()) / static_cast<double>(labelled);
  document["classes"] = ensemble.info().class_names;
  const auto confusion = confusion_of(found);
  for (int64_t k = 0; k < confusion.size(0); ++k) {
    auto row = ordered_json::array();
    for (int64_t j = 0; j < confusion.size(1); ++j) row.push_back(confusion[k][j].item<int64_t>());
    document["confusion"].push_back(row);
  }
  return document;
}

void check_names(const ClassifyFlags& flags) {
  if (flags.paths.size() < 2)
    fail("classify", "expected at least one classifier and images, got one path. Hint: " +
                         command_line({"classify", "RUN", "IMAGES"}));
  check_force(flags.force, {flags.out, flags.confusion});
  if (!flags.out.empty()) check_target({flags.out, ".csv", "--out", flags.force, flags.paths});
  if (!flags.confusion.empty()) check_target({flags.confusion, ".png", "--confusion", flags.force, flags.paths});
}

void check_labels(const ClassifyFlags& flags, const DataInfo& images) {
  if (!flags.confusion.empty() && (images.classes == 0 || images.unlabelled == images.images))
    fail("--confusion", "expected images with labels to compare with, got none");
}

void warn_of_few(const Ensemble& ensemble, int64_t images) {
  int64_t batch = 0;
  for (const auto* family : ensemble.families()) batch = std::max(batch, family->classifier->batch);
  if (images < batch)
    log_warning("predictions may be unreliable: minibatch discrimination was trained with batches of " +
                std::to_string(batch) + ", got " + plural(images, "image") + ". Hint: classify at least " +
                std::to_string(batch) + " together");
}

int classify(const ClassifyFlags& flags) {
  check_names(flags);
  auto decided = settings_decided_by_model();
  decided["split"] = "use --split";
  check_data_settings(flags.set, decided);
  const auto numerics = start_computing(flags.compute);
  Ensemble ensemble;
  for (size_t i = 0; i + 1 < flags.paths.size(); ++i) add_classifier(flags.paths[i], flags, numerics, ensemble);
  const auto opened = open_images(ensemble, flags);
  const auto& images = opened.images;
  check_labels(flags, images->info());
  warn_of_few(ensemble, images->info().images);
  const auto found = classify_all(ensemble.families(), *images, [&](int64_t done) {
    log_status(std::to_string(done) + "/" + std::to_string(images->info().images) + " images");
  });
  log_status("");
  const auto document = describe(found, ensemble);
  if (!flags.out.empty()) write_predictions(flags.out, found, *images, ensemble.info().class_names);
  if (!flags.confusion.empty()) {
    const auto picture = draw_confusion(confusion_of(found), ensemble.info().class_names);
    write_file_atomically(flags.confusion, encode_png(picture));
  }
  if (flags.json) {
    print(document.dump(2) + "\n");
  } else if (found.labelled() > 0) {
    print(std::to_string(found.wrong()) + " of " + std::to_string(found.labelled()) + " wrong: error " +
          significant(document["error"].get<double>(), 4) + "\n");
  } else {
    print(plural(found.labels.size(0), "image") + ", none with a label" +
          (flags.out.empty() ? ". Predictions: --out predictions.csv\n" : "\n"));
  }
  return 0;
}

}  // namespace

void add_classify(CLI::App& program, Action& action) {
  auto flags = std::make_shared<ClassifyFlags>();
  auto* command =
      program.add_subcommand("classify", "classify images with a trained classifier, or an ensemble of several");
  command->add_option("paths", flags->paths, "one or more checkpoints or run folders, then the images")->required();
  command->add_option("--out", flags->out,
                      "write a CSV file with name, label, prediction and probabilities of each image");
  command->add_option("--confusion", flags->confusion, "write the confusion matrix as a PNG file");
  command->add_option("--split", flags->split,
                      "split of the images: test, train, val, ...; default: the test images, or all if there are none");
  add_set_flag(*command, flags->set, "set an option for reading the images: --set data.fit=crop (repeatable)");
  command->add_flag("--json", flags->json, "print one JSON document");
  add_force_flag(*command, flags->force);
  add_compute_flags(*command, flags->compute);
  command->callback([flags, &action] { action = [flags] { return classify(*flags); }; });
}

}  // namespace fqgan
