#include "fqgan/metrics/feature_cache.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/checkpoint/metadata.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/file_lock.h"
#include "fqgan/core/hash.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/store/pixel_cache.h"

namespace fqgan {
namespace {

constexpr const char *kept_kind = "measured", *kept_version = "1";  // must change when the same key gets other features

std::optional<std::filesystem::path> measured_folder() {
  return writable_cache_folder("measured", [](const std::string& problem) {
    log_info_once(without_hint(problem) + ", so that features are not kept. Hint: FQGAN_CACHE names another folder");
  });
}

/// With `features` the file that has them, else the one that only needs the moments.
std::filesystem::path file_of(const std::filesystem::path& folder, const std::string& key, const std::string& extractor,
                              bool features) {
  const auto name = sha256(std::string(kept_version) + "\n" + key + "\n" + extractor).substr(0, 32);
  return folder / (name + (features ? "-features" : "") + ".safetensors");
}

std::filesystem::path info_file(const std::filesystem::path& folder, const std::string& key) {
  return folder / (sha256(std::string(kept_version) + "\n" + key).substr(0, 32) + ".json");
}

Checkpoint to_file(const Measured& measured, const std::string& key, bool features) {
  Checkpoint file;
  file.metadata = {{"kind", kept_kind}, {"extractor", measured.extractor}, {"data", key}};
  // Moments of few images hold all rows (moments.h), which give the same bits again.
  if (const auto rows = measured.moments.added_rows(); !rows.defined())
    file.tensors = measured.moments.tensors();
  else if (!features)
    file.tensors["features"] = rows.to(at::kFloat);  // as they came
  if (features) file.tensors["features"] = measured.features;
  if (features && measured.logits.defined()) file.tensors["logits"] = measured.logits;
  if (features && measured.small.defined()) file.tensors["small"] = measured.small;
  if (features) file.tensors["labels"] = measured.labels;
  return file;
}

Measured from_file(Checkpoint file, const std::string& path, const MeasureOptions& options) {
  Measured measured{options.name, text_of(file.metadata, "extractor", path)};
  auto& tensors = file.tensors;
  const auto take = [&](const char* name) {
    auto found = tensors.extract(name);
    return found.empty() ? at::Tensor() : found.mapped();
  };
  const auto features = take("features"), logits = take("logits"), small = take("small"), labels = take("labels");
  if (tensors.empty())
    measured.moments.add(features);
  else
    measured.moments = Moments::from_tensors(tensors, path);
  measured.images = measured.moments.count();
  if (!options.keep_features) return measured;
  measured.features = features;
  measured.labels = labels;
  if (options.keep_logits) measured.logits = logits;
  if (options.keep_small) measured.small = small;
  measured.class_names = options.class_names;
  return measured;
}

std::optional<Measured> find_kept(const std::filesystem::path& path, const std::string& key,
                                  const std::string& extractor, const MeasureOptions& options) {
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) return std::nullopt;
  try {
    auto file = load_checkpoint(path);
    const auto is = [&](const char* entry, const std::string& value) {
      if (text_of(file.metadata, entry, path) != value) fail(path, std::string("expected another ") + entry);
    };
    is("kind", kept_kind);
    is("data", key);
    is("extractor", extractor);
    const bool lacks_logits = options.keep_features && options.keep_logits && !file.tensors.contains("logits");
    if (options.keep_features && options.keep_small && !file.tensors.contains("small")) return std::nullopt;
    if (lacks_logits && file.metadata.contains("without_logits")) return std::nullopt;
    return from_file(std::move(file), path, options);
  } catch (const UserError& error) {
    log_warning(without_hint(error.what()) + "; the images are measured again");  // the hint is about checkpoints
    return std::nullopt;
  }
}

void keep(const std::filesystem::path& path, const Measured& measured, const std::string& key,
          const MeasureOptions& options) {
  try {
    auto file = to_file(measured, key, options.keep_features);
    if (options.keep_features && !options.keep_logits) file.metadata["without_logits"] = "true";
    save_checkpoint(path, file);
    log_detail("the features of " + options.name + " are kept in " + path.string());
  } catch (const SystemError& error) {
    log_warning(std::string(error.what()) + ": the features are not kept");
  }
}

}  // namespace

Measured measured_once(const std::string& key, FeatureExtractor& extractor, const MeasureOptions& options,
                       const std::function<std::unique_ptr<ImageSource>()>& images) {
  const auto folder = measured_folder();
  if (!folder) return measure(*images(), extractor, options);
  const auto path = file_of(*folder, key, extractor.name(), options.keep_features);
  FileLock lock(path.string() + ".lock", FileLock::removed_at_end);
  lock.lock([] { log_info("another process is measuring these images; waiting for it"); });
  if (auto kept = find_kept(path, key, extractor.name(), options)) {
    log_info("features of " + options.name + ": kept from before");
    log_detail("they are of " + images_text(kept->images) + ", in " + path.string());
    return std::move(*kept);
  }
  auto measured = measure(*images(), extractor, options);
  keep(path, measured, key, options);
  return measured;
}

KnownData known_of(const Dataset& data) {
  KnownData known{data.info(), data.changes(), std::vector<int64_t>(data.info().class_names.size())};
  if (!known.class_images.empty())
    for (int64_t i = 0; i < known.info.images; ++i)
      if (const auto label = data.label(i); label >= 0) ++known.class_images[label];
  return known;
}

std::optional<KnownData> known_data(const std::string& key) {
  const auto folder = measured_folder();
  if (!folder) return std::nullopt;
  const auto path = info_file(*folder, key);
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(read_file(path));
    if (json.at("key") != key) return std::nullopt;
    DataInfo info{json.at("images"), json.at("channels"), json.at("height"), json.at("width")};
    info.class_names = json.at("class_names").get<std::vector<std::string>>();
    info.classes = static_cast<int64_t>(info.class_names.size());
    info.unlabelled = json.at("unlabelled");
    const auto& changes = json.at("changes");
    const Changes counts{changes.at("reshaped"), changes.at("small"), changes.at("large"), changes.at("transparent")};
    const KnownData known{info, counts, json.at("class_images").get<std::vector<int64_t>>()};
    const bool one_size = info.height > 0 && info.width > 0, own_sizes = info.height == 0 && info.width == 0;
    const bool plausible = info.images > 0 && info.channels > 0 && info.channels <= 4 && (one_size || own_sizes) &&
                           known.class_images.size() == info.class_names.size();
    return plausible ? std::optional(known) : std::nullopt;
  } catch (const std::exception& error) {
    log_detail("[" + path.string() + "] cannot be read: " + error.what());
    return std::nullopt;
  }
}

void keep_data(const std::string& key, const KnownData& data) {
  const auto folder = measured_folder();
  if (!folder) return;
  const auto& [info, changes, class_images] = data;
  const nlohmann::json counts = {{"reshaped", changes.reshaped},
                                 {"small", changes.small},
                                 {"large", changes.large},
                                 {"transparent", changes.transparent}};
  const nlohmann::json json = {{"key", key},
                               {"images", info.images},
                               {"channels", info.channels},
                               {"height", info.height},
                               {"width", info.width},
                               {"class_names", info.class_names},
                               {"unlabelled", info.unlabelled},
                               {"changes", counts},
                               {"class_images", class_images}};
  try {
    write_file_atomically(info_file(*folder, key), json.dump());
  } catch (const SystemError& error) {
    log_detail(error.what());
  }
}

}  // namespace fqgan
