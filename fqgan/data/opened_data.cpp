#include "fqgan/data/opened_data.h"

#include <algorithm>
#include <map>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/selection.h"
#include "fqgan/data/sources/class_names.h"
#include "fqgan/data/sources/source.h"
#include "fqgan/data/sources/splits.h"
#include "fqgan/data/store/own_sizes.h"
#include "fqgan/data/store/stored_dataset.h"

namespace fqgan {
namespace {

// A larger margin only makes the stored images huge, and each crop a small piece of one.
void check_margin(const DataOptions& options) {
  if (options.crop_margin == 0) return;
  if (!options.resolution) fail("data", "crop_margin: expected data.resolution (the size of the crops) too, got none");
  const auto largest = std::min(*options.resolution, options.width.value_or(*options.resolution));
  if (options.crop_margin > largest)
    fail("data", "crop_margin: expected at most the size of the crops, " + std::to_string(largest) + " pixels, got " +
                     std::to_string(options.crop_margin) + ": each image would be stored with " +
                     std::to_string(*options.resolution + options.crop_margin) + " rows");
}

void check_options(const DataOptions& options) {
  if (options.width && !options.resolution) fail("data", "width: expected data.resolution (the height) too, got none");
  check_margin(options);
  check_class_names(options.class_names, "class_names");
  if (options.channels && *options.channels == 2) fail("data", "channels: expected 1, 3 or 4, got 2");
  if (options.background.size() != 3) {
    fail("data", "background: expected 3 values (red, green, blue), got " + std::to_string(options.background.size()));
  }
}

// The images of one split and domain.
struct Part {
  std::shared_ptr<Source> source;
  bool has_labels = false;
  // By the decoded entries, and the number of pixels by which they are enlarged.
  std::map<std::pair<std::vector<int64_t>, int64_t>, std::shared_ptr<const DecodedImages>> decoded;

  static DataOptions enlarged(DataOptions options, int64_t margin) {
    if (margin == 0) return options;
    options.width = options.width.value_or(*options.resolution) + margin;
    *options.resolution += margin;
    return options;
  }
  std::shared_ptr<const DecodedImages> images(const DataOptions& options, int64_t margin = 0) {
    const auto entries = entries_needed(*source, options);
    auto& found = decoded[{entries, margin}];
    return found ? found : found = decode_images(*source, entries, enlarged(options, margin));
  }
  std::string key(const DataOptions& options, int64_t margin = 0) const {
    return key_of_images(*source, entries_needed(*source, options), enlarged(options, margin));
  }
};

}  // namespace

struct OpenedData::Impl {
  DataOptions options;
  std::unique_ptr<OpenedPath> path;
  std::map<std::string, Part> parts;  // by split and domain

  std::string place(const std::optional<std::string>& split, const std::optional<std::string>& domain) {
    if (!path) path = open_path(options);
    return path->place(split, domain);
  }

  Part& part(const std::string& place) {
    const auto found = parts.find(place);
    if (found != parts.end()) return found->second;
    return parts.emplace(place, Part{path->open(place)}).first->second;
  }

  std::pair<Part*, DataOptions> selected(const View& which);

  // A view's options, in the form of the recipe's.
  DataOptions of_view(const View& which) const {
    auto result = options;
    if (which.training) result.split.reset();
    if (which.split) result.split = which.split;
    if (which.domain) result.domain = which.domain;
    if (which.labels) result.labels = *which.labels;
    if (which.whole) {
      result.limit.reset();
      result.labels_per_class.reset();
      result.part = "all";
      result.crop_margin = 0;
    }
    if (which.part) result.part = *which.part;
    return result;
  }
};

/// The part of a view with its labels, if they are needed, and the view's options.
std::pair<Part*, DataOptions> OpenedData::Impl::selected(const View& which) {
  auto of = of_view(which);
  const auto where = place(of.split, of.domain);
  const bool other_split = of.held_out && of.split != options.split;
  if (other_split && where != place(options.split, options.domain)) of.held_out.reset();
  auto& found = part(where);
  if (needs_labels(of) && !found.has_labels) {
    found.source->read_labels();
    found.has_labels = true;
  }
  return {&found, std::move(of)};
}

OpenedData::OpenedData(DataOptions options) : impl_(std::make_unique<Impl>()) {
  check_options(options);
  options.split = checked_split(options.split);
  impl_->options = std::move(options);
}
OpenedData::~OpenedData() = default;
OpenedData::OpenedData(OpenedData&&) noexcept = default;

const DataOptions& OpenedData::options() const { return impl_->options; }

std::shared_ptr<const Dataset> OpenedData::view(const View& which) try {
  const auto [part, options] = impl_->selected(which);
  const auto selection = select(*part->source, options);
  const auto images = part->images(options);
  const auto enlarged = options.crop_margin > 0 ? part->images(options, options.crop_margin) : nullptr;
  // With a limit a view of the whole may still follow, and with a margin an enlarged one.
  if (!impl_->options.limit && impl_->options.crop_margin == 0) part->source->forget_pixels();
  return view_of(images, selection, enlarged);
} catch (const MixedSizes&) {
  if (!which.own_sizes) throw;
  const auto [part, options] = impl_->selected(which);
  return images_of_own_sizes(part->source, select(*part->source, options), options, key(which));
}

std::string OpenedData::key(const View& which) {
  const auto [part, options] = impl_->selected(which);
  const auto enlarged = options.crop_margin > 0 ? std::optional(part->key(options, options.crop_margin)) : std::nullopt;
  return key_of_view(part->key(options), enlarged, select(*part->source, options));
}

std::optional<View> OpenedData::test_view(std::optional<bool> labels, std::optional<std::string> domain) {
  if (!domain) domain = impl_->options.domain;
  View all;
  all.domain = domain;
  all.whole = true;
  all.labels = labels;
  if (impl_->options.held_out) {
    all.part = "held_out";
    return all;
  }
  all.split = "test";
  try {
    impl_->place(all.split, all.domain);
    return all;
  } catch (const MissingSplit&) {
    log_info_once("[data] " + printable(*impl_->options.path) + ": no test split");
    return std::nullopt;
  }
}

std::shared_ptr<const Dataset> OpenedData::test(std::optional<bool> labels, std::optional<std::string> domain) {
  const auto which = test_view(labels, std::move(domain));
  return which ? view(*which) : nullptr;
}

}  // namespace fqgan
