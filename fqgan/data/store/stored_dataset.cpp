#include "fqgan/data/store/stored_dataset.h"

#include <algorithm>
#include <cstring>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/store/chosen_entries.h"
#include "fqgan/data/store/pixel_cache.h"

namespace fqgan {
namespace {

// The key of everything that the decoded pixels depend on; a change of the decoding must change the version.
std::string key_of_pixels(const ChosenEntries& source, const DataOptions& options) {
  Manifest manifest = source.manifest;
  manifest.add("pixels version 3");
  for (const auto& number : {options.resolution, options.width, options.channels}) manifest.add(number.value_or(-1));
  for (const auto* text : {&options.fit, &options.filter, &options.alpha}) manifest.add(*text);
  for (const int64_t value : options.background) manifest.add(value);
  manifest.add(options.pad_value);
  manifest.add(options.max_pixels);
  manifest.add(static_cast<int64_t>(source.entries.size()));
  if (!source.are_first())
    for (const int64_t entry : source.chosen()) manifest.add(entry);
  return manifest.digest();
}

// Uses the source's own memory, if the images need no change.
std::optional<PixelStore> as_they_are(const Source& source, const DataOptions& options) {
  auto pixels = source.in_memory();
  if (!pixels || options.cache == "on") return std::nullopt;
  Unreadable none;
  const auto shape = common_shape(source, options, none);
  if (source.entries.empty() || source.shape(0) != shape) return std::nullopt;
  return PixelStore{shape, std::move(pixels), {}, {}};
}

PixelStore decode(const std::string& key, const Source& source, const DataOptions& options) {
  if (auto ready = as_they_are(source, options)) return std::move(*ready);
  const auto images = static_cast<int64_t>(source.entries.size());
  const bool may_cache = options.cache == "on" || (options.cache == "auto" && cache_folder());
  if (may_cache) {
    if (auto cached = find_cached(key, images)) return std::move(*cached);
  }
  Unreadable unreadable;
  const auto shape = common_shape(source, options, unreadable);
  if (static_cast<int64_t>(unreadable.size()) == images) return {shape, nullptr, unreadable, {}};
  const bool big = images * shape.bytes() > source.largest_in_memory;
  if (!may_cache || (options.cache == "auto" && !big)) return decode_into_memory(source, options, shape, unreadable);
  try {
    return build_cached(key, source, options, shape, unreadable);
  } catch (const UserError& error) {
    if (options.cache == "on") throw;
    log_warning(std::string(error.what()) + "; decoding into memory instead of the cache");
    return decode_into_memory(source, options, shape, unreadable);
  }
}

class StoredDataset : public Dataset {
 public:
  StoredDataset(std::shared_ptr<const DecodedImages> images, const Selection& selection,
                std::shared_ptr<const DecodedImages> enlarged)
      : images_(std::move(images)), enlarged_(std::move(enlarged)) {
    const auto& store = images_->store;
    key_ = key_of_view(images_->key, enlarged_ ? std::optional(enlarged_->key) : std::nullopt, selection);
    for (size_t i = 0; i < selection.entries.size(); ++i) {
      const auto slot = slot_of(selection.entries[i]);
      if (store.unreadable.contains(slot)) continue;
      slots_.push_back(slot);
      labels_.push_back(selection.labels[i]);
    }
    if (slots_.empty()) fail("data", "expected readable images, found none in this part of the data");
    info_ = {static_cast<int64_t>(slots_.size()),
             store.shape.channels,
             store.shape.height,
             store.shape.width,
             static_cast<int64_t>(selection.class_names.size()),
             selection.class_names};
    if (info_.classes > 0) info_.unlabelled = std::count(labels_.begin(), labels_.end(), -1);
  }

  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override {
    copy(*images_, index, pixels);
    return label(index);
  }
  int64_t crop_margin() const override {
    return enlarged_ ? enlarged_->store.shape.height - images_->store.shape.height : 0;
  }
  void read_enlarged(int64_t index, uint8_t* pixels) const override { copy(*enlarged_, index, pixels); }
  int64_t label(int64_t index) const override { return labels_[checked(index)]; }
  std::string name(int64_t index) const override {
    return images_->names.at(static_cast<size_t>(slots_[checked(index)]));
  }
  std::string key() const override { return key_; }
  Changes changes() const override {
    const auto& changes = images_->store.changes;
    std::vector<uint8_t> own;
    if (!changes.empty())
      for (const int64_t slot : slots_) own.push_back(changes[static_cast<size_t>(slot)]);
    return counted(own);
  }
  std::vector<Skipped> skipped() const override { return images_->skipped; }

 private:
  int64_t slot_of(int64_t entry) const {
    const auto& entries = images_->entries;
    const auto found = std::lower_bound(entries.begin(), entries.end(), entry);
    FQGAN_CHECK(found != entries.end() && *found == entry, "a selected image was not decoded");
    return found - entries.begin();
  }
  void copy(const DecodedImages& images, int64_t index, uint8_t* pixels) const {
    const int64_t stride = images.store.shape.bytes();
    std::memcpy(pixels, images.store.pixels.get() + slots_[checked(index)] * stride, static_cast<size_t>(stride));
  }
  size_t checked(int64_t index) const {
    FQGAN_CHECK(index >= 0 && index < info_.images, "no image of this index");
    return static_cast<size_t>(index);
  }

  std::shared_ptr<const DecodedImages> images_, enlarged_;
  DataInfo info_;
  std::string key_;
  std::vector<int64_t> slots_, labels_;  // of the readable images
};

}  // namespace

std::shared_ptr<const DecodedImages> decode_images(const Source& source, const std::vector<int64_t>& entries,
                                                   const DataOptions& options) {
  auto result = std::make_shared<DecodedImages>();
  const ChosenEntries chosen(source, entries);
  result->entries = entries;
  result->key = key_of_pixels(chosen, options);
  result->store = decode(result->key, chosen, options);
  report(result->store.unreadable, chosen, options);
  for (const auto& entry : chosen.entries) result->names.push_back(entry.name);
  for (const auto& [slot, reason] : result->store.unreadable)
    result->skipped.push_back({result->names[static_cast<size_t>(slot)], reason});
  return result;
}

std::string key_of_images(const Source& source, const std::vector<int64_t>& entries, const DataOptions& options) {
  return key_of_pixels(ChosenEntries(source, entries), options);
}

std::string key_of_view(const std::string& images, const std::optional<std::string>& enlarged,
                        const Selection& selection) {
  Manifest manifest;
  manifest.add_digest(images);
  if (enlarged) manifest.add_digest(*enlarged);
  for (size_t i = 0; i < selection.entries.size(); ++i) {
    manifest.add(selection.entries[i]);
    manifest.add(selection.labels[i]);
  }
  for (const auto& name : selection.class_names) manifest.add(name);
  return manifest.digest();
}

std::shared_ptr<const Dataset> view_of(std::shared_ptr<const DecodedImages> images, const Selection& selection,
                                       std::shared_ptr<const DecodedImages> enlarged) {
  return std::make_shared<StoredDataset>(std::move(images), selection, std::move(enlarged));
}

std::shared_ptr<const Dataset> make_dataset(const Source& source, const DataOptions& options) {
  const auto selection = select(source, options);
  return view_of(decode_images(source, entries_needed(source, options), options), selection);
}

}  // namespace fqgan
