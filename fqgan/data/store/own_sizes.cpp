#include "fqgan/data/store/own_sizes.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/store/chosen_entries.h"
#include "fqgan/data/store/prepare.h"

namespace fqgan {
namespace {

class ImagesOfOwnSizes : public Dataset {
 public:
  ImagesOfOwnSizes(std::shared_ptr<const Source> source, const Selection& selection, const DataOptions& options,
                   std::string key)
      : source_(std::move(source)), options_(options), key_(std::move(key)) {
    const ChosenEntries chosen(*source_, selection.entries);
    Unreadable unreadable;
    const auto shapes = shapes_of(chosen, unreadable);
    report(unreadable, chosen, options);
    for (size_t i = 0; i < shapes.size(); ++i) {
      if (const auto found = unreadable.find(static_cast<int64_t>(i)); found != unreadable.end()) {
        skipped_.push_back({chosen.entries[i].name, found->second});
        continue;
      }
      entries_.push_back(selection.entries[i]);
      labels_.push_back(selection.labels[i]);
      shapes_.push_back(shapes[i]);
    }
    const auto channels = common_channels(shapes_, options);
    for (auto& shape : shapes_) shape.channels = channels;
    changes_.resize(entries_.size());
    info_.images = static_cast<int64_t>(entries_.size());
    info_.channels = channels;
    info_.class_names = selection.class_names;
    info_.classes = static_cast<int64_t>(info_.class_names.size());
    if (info_.classes > 0) info_.unlabelled = std::count(labels_.begin(), labels_.end(), -1);
  }

  const DataInfo& info() const override { return info_; }
  RasterShape shape(int64_t index) const override { return shapes_[checked(index)]; }
  int64_t read(int64_t index, uint8_t* pixels) const override try {
    const auto i = checked(index);
    const auto [image, changes] = prepared(*source_, entries_[i], shapes_[i], options_);
    changes_[i] = changes;
    std::copy(image.bytes.begin(), image.bytes.end(), pixels);
    return labels_[i];
  } catch (const DecodeError& error) {
    fail("data", *options_.path + ": '" + name(index) + "' cannot be read: " + error.what() +
                     ". Hint: remove it, or set data.resolution, with which data.strict = false skips it");
  }
  int64_t label(int64_t index) const override { return labels_[checked(index)]; }
  std::string name(int64_t index) const override {
    return source_->entries[static_cast<size_t>(entries_[checked(index)])].name;
  }
  std::string key() const override { return key_; }
  Changes changes() const override { return counted(changes_); }
  std::vector<Skipped> skipped() const override { return skipped_; }

 private:
  size_t checked(int64_t index) const {
    FQGAN_CHECK(index >= 0 && index < info_.images, "no image of this index");
    return static_cast<size_t>(index);
  }

  std::shared_ptr<const Source> source_;
  DataOptions options_;
  std::string key_;
  DataInfo info_;
  std::vector<int64_t> entries_, labels_;  // of the readable images
  std::vector<RasterShape> shapes_;
  mutable std::vector<uint8_t> changes_;  // bits of Change
  std::vector<Skipped> skipped_;
};

}  // namespace

std::shared_ptr<const Dataset> images_of_own_sizes(std::shared_ptr<const Source> source, const Selection& selection,
                                                   const DataOptions& options, const std::string& key) {
  return std::make_shared<ImagesOfOwnSizes>(std::move(source), selection, options, key);
}

}  // namespace fqgan
