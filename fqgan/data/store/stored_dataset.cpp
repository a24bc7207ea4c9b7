#include "fqgan/data/store/stored_dataset.h"

#include <algorithm>
#include <cstring>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/store/pixel_cache.h"

namespace fqgan {
namespace {

// All that the decoded pixels depend on; a change of what decoding does must change the version.
Manifest pixels_manifest(const Source& source, const Selection& selection, const DataOptions& options) {
  Manifest manifest = source.manifest;
  manifest.add("pixels version 2");
  for (const auto& number : {options.resolution, options.width, options.channels}) manifest.add(number.value_or(-1));
  for (const auto* text : {&options.fit, &options.filter, &options.alpha}) manifest.add(*text);
  for (const int64_t value : options.background) manifest.add(value);
  manifest.add(options.pad_value);
  manifest.add(options.max_pixels);
  for (const int64_t entry : selection.entries) manifest.add(entry);
  return manifest;
}

std::string dataset_key(Manifest manifest, const Selection& selection) {
  for (const int64_t label : selection.labels) manifest.add(label);
  for (const auto& name : selection.class_names) manifest.add(name);
  return manifest.digest();
}

PixelStore decode(const std::string& key, const Source& source, const Selection& selection,
                  const DataOptions& options) {
  const auto images = static_cast<int64_t>(selection.entries.size());
  const bool may_cache = options.cache == "on" || (options.cache == "auto" && cache_folder());
  if (may_cache) {
    if (auto cached = find_cached(key, images)) return std::move(*cached);
  }
  Unreadable unreadable;
  const auto shape = common_shape(source, selection, options, unreadable);
  if (static_cast<int64_t>(unreadable.size()) == images) return {shape, nullptr, unreadable};
  const bool big = images * shape.bytes() > source.largest_in_memory;
  if (!may_cache || (options.cache == "auto" && !big)) {
    return decode_into_memory(source, selection, options, shape, unreadable);
  }
  try {
    return build_cached(key, source, selection, options, shape, unreadable);
  } catch (const UserError& error) {
    if (options.cache == "on") throw;
    log_warning(std::string(error.what()) + ": decoding into memory instead of the cache");
    return decode_into_memory(source, selection, options, shape, unreadable);
  }
}

class StoredDataset : public Dataset {
 public:
  StoredDataset(const Source& source, const Selection& selection, const DataOptions& options) {
    const auto manifest = pixels_manifest(source, selection, options);
    store_ = decode(manifest.digest(), source, selection, options);
    report(store_.unreadable, source, selection, options);
    for (size_t i = 0; i < selection.entries.size(); ++i) {
      const auto& name = source.entries[static_cast<size_t>(selection.entries[i])].name;
      if (const auto bad = store_.unreadable.find(static_cast<int64_t>(i)); bad != store_.unreadable.end()) {
        skipped_.push_back({name, bad->second});
        continue;
      }
      slots_.push_back(static_cast<int64_t>(i));
      labels_.push_back(selection.labels[i]);
      names_.push_back(name);
    }
    key_ = dataset_key(manifest, selection);
    info_ = {static_cast<int64_t>(slots_.size()),
             store_.shape.channels,
             store_.shape.height,
             store_.shape.width,
             static_cast<int64_t>(selection.class_names.size()),
             selection.class_names};
    if (info_.classes > 0) info_.unlabelled = std::count(labels_.begin(), labels_.end(), -1);
  }

  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override {
    const auto i = checked(index);
    const int64_t stride = store_.shape.bytes();
    std::memcpy(pixels, store_.pixels.get() + slots_[i] * stride, static_cast<size_t>(stride));
    return labels_[i];
  }
  std::string name(int64_t index) const override { return names_[checked(index)]; }
  std::string key() const override { return key_; }
  std::vector<Skipped> skipped() const override { return skipped_; }

 private:
  size_t checked(int64_t index) const {
    FQGAN_CHECK(index >= 0 && index < info_.images, "no image of this index");
    return static_cast<size_t>(index);
  }

  DataInfo info_;
  std::string key_;
  PixelStore store_;
  std::vector<int64_t> slots_, labels_;  // of the readable images
  std::vector<std::string> names_;
  std::vector<Skipped> skipped_;
};

}  // namespace

std::unique_ptr<Dataset> make_dataset(const Source& source, const DataOptions& options) {
  return std::make_unique<StoredDataset>(source, select(source, options), options);
}

}  // namespace fqgan
