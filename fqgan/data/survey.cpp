#include "fqgan/data/survey.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/data/fit_report.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/parallel.h"
#include "fqgan/data/selection.h"
#include "fqgan/data/store/chosen_entries.h"
#include "fqgan/data/store/prepare.h"
#include "fqgan/data/store/stored_dataset.h"

namespace fqgan {
namespace {

constexpr size_t most_duplicates = 1000;
constexpr int64_t contact_side = 8;  // largest number of rows and columns of the contact sheet

at::Tensor pixels_of(const Dataset& data, int64_t index) {  // C x H x W
  auto pixels = at::empty({data.info().height, data.info().width, data.info().channels}, at::kByte);
  data.read(index, pixels.mutable_data_ptr<uint8_t>());
  return pixels.permute({2, 0, 1});
}

std::vector<SizeCount> count_sizes(const Source& source) {
  Unreadable unreadable;
  std::vector<SizeCount> sizes;
  std::map<std::array<int64_t, 3>, int64_t> counts;
  const auto shapes = shapes_of(source, unreadable);
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (!unreadable.contains(static_cast<int64_t>(i)))
      ++counts[{shapes[i].height, shapes[i].width, shapes[i].channels}];
  }
  for (const auto& [shape, count] : counts) sizes.push_back({{shape[0], shape[1], shape[2]}, count});
  std::stable_sort(sizes.begin(), sizes.end(), [](const auto& a, const auto& b) { return a.images > b.images; });
  return sizes;
}

bool are_mixed(const std::vector<SizeCount>& sizes) {
  return std::any_of(sizes.begin(), sizes.end(), [&](const SizeCount& size) {
    return size.shape.height != sizes[0].shape.height || size.shape.width != sizes[0].shape.width;
  });
}

// One pass over all images: mean, labels, fingerprints.
void read_all(const Dataset& data, Survey& result) {
  const auto& info = data.info();
  Raster image({info.height, info.width, info.channels});
  std::vector<double> sums(image.bytes.size());
  result.class_counts.assign(static_cast<size_t>(info.classes), 0);
  for (int64_t i = 0; i < info.images; ++i) {
    const int64_t label = data.read(i, image.bytes.data());
    ++(label < 0 ? result.unlabelled : result.class_counts[static_cast<size_t>(label)]);
    for (size_t k = 0; k < sums.size(); ++k) sums[k] += image.bytes[k];
    result.fingerprints.push_back(fingerprint_of(image));
    result.names.push_back(data.name(i));
  }
  auto pixels = at::empty({info.height, info.width, info.channels}, at::kByte);
  auto* mean = pixels.mutable_data_ptr<uint8_t>();
  for (size_t k = 0; k < sums.size(); ++k)
    mean[k] = static_cast<uint8_t>(sums[k] / static_cast<double>(info.images) + 0.5);
  result.mean = pixels.permute({2, 0, 1});
}

// With classes: one row for each of the first eight classes with at least eight images; else images from the whole set.
void choose_contact(const Dataset& data, Survey& result) {
  std::vector<at::Tensor> images;
  std::vector<std::vector<int64_t>> rows(result.class_counts.size());
  std::vector<uint8_t> scratch(static_cast<size_t>(result.mean.numel()));
  for (int64_t i = 0; i < data.info().images && !rows.empty(); ++i) {
    const int64_t label = data.read(i, scratch.data());
    if (label >= 0) rows[static_cast<size_t>(label)].push_back(i);
  }
  for (size_t c = 0; c < rows.size() && static_cast<int64_t>(result.contact_labels.size()) < contact_side; ++c) {
    if (static_cast<int64_t>(rows[c].size()) < contact_side) continue;
    result.contact_labels.push_back(data.info().class_names[c]);
    for (int64_t k = 0; k < contact_side; ++k) images.push_back(pixels_of(data, rows[c][static_cast<size_t>(k)]));
  }
  const int64_t wanted = std::min(data.info().images, contact_side * contact_side);
  for (int64_t k = 0; k < wanted && result.contact_labels.empty(); ++k) {
    images.push_back(pixels_of(data, k * data.info().images / wanted));
  }
  result.contact = at::stack(images);
  result.contact_columns = std::min<int64_t>(contact_side, result.contact.size(0));
}

// Fingerprints of the selected images as squares without borders, which would make different images look the same.
std::vector<Fingerprint> without_borders(const Source& source, const Selection& selection, DataOptions options,
                                         int64_t channels) {
  constexpr int64_t side = 64;
  options.fit = "crop";
  std::vector<std::optional<Fingerprint>> found(selection.entries.size());
  parallel_chunks(std::ssize(found), 16, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) try {
        found[i] = fingerprint_of(prepared(source, selection.entries[i], {side, side, channels}, options).image);
      } catch (const DecodeError&) {
        continue;  // as in the data set
      }
  });
  std::vector<Fingerprint> result;
  for (const auto& one : found)
    if (one) result.push_back(*one);
  return result;
}

void warn_of_classes(Survey& result) {
  constexpr int64_t few = 10;
  auto& warnings = result.warnings;
  if (result.info.classes == 1) warnings.push_back("one class only ('" + result.info.class_names[0] + "')");
  for (size_t c = 0; c < result.class_counts.size(); ++c) {
    if (result.class_counts[c] >= few) continue;
    warnings.push_back("the class '" + result.info.class_names[c] + "' has " + std::to_string(result.class_counts[c]) +
                       " images");
  }
}

void warn_of_images(Survey& result) {
  auto& warnings = result.warnings;
  if (!result.unreadable.empty()) {
    warnings.push_back(plural(std::ssize(result.unreadable), "image") + " cannot be read; the first is '" +
                       result.unreadable[0].name + "': " + result.unreadable[0].reason);
  }
  if (result.nearly_empty > 0) {
    const auto flat =
        std::find_if(result.fingerprints.begin(), result.fingerprints.end(), [](const auto& f) { return f.flat; });
    warnings.push_back(std::to_string(result.nearly_empty) + " images are nearly empty; the first is '" +
                       result.names[static_cast<size_t>(flat - result.fingerprints.begin())] + "'");
  }
  if (!result.duplicates.empty()) {
    const auto [a, b] = result.duplicates[0];
    const auto count =
        std::to_string(result.duplicates.size()) + (result.duplicates.size() == most_duplicates ? " or more" : "");
    warnings.push_back(count + " pairs of images look the same; the first is '" + result.names[static_cast<size_t>(a)] +
                       "' and '" + result.names[static_cast<size_t>(b)] + "'");
  }
}

}  // namespace

Survey survey(DataOptions options) {
  const auto source = open_source(options);
  Survey result;
  result.path = *options.path;
  result.sizes = count_sizes(ChosenEntries(*source, entries_needed(*source, options)));
  if (!options.resolution && are_mixed(result.sizes)) {
    options.resolution = 64;
    result.warnings.push_back("images of " + std::to_string(result.sizes.size()) +
                              " different shapes, looked at as 64x64; a training needs data.resolution");
  }
  options.flip = false;
  const auto selection = select(*source, options);
  const auto data = view_of(decode_images(*source, entries_needed(*source, options), options), selection);
  result.info = data->info();
  result.key = data->key();
  result.unreadable = data->skipped();
  result.fit = fit_report(result.info, data->changes(), options);
  read_all(*data, result);
  const auto changes = data->changes();
  if (options.fit == "pad" && changes.reshaped + changes.small > 0)
    result.fingerprints = without_borders(*source, selection, options, result.info.channels);
  FQGAN_CHECK(result.fingerprints.size() == result.names.size(), "one fingerprint for each image");
  result.nearly_empty = std::count_if(result.fingerprints.begin(), result.fingerprints.end(),
                                      [](const Fingerprint& one) { return one.flat; });
  choose_contact(*data, result);
  result.duplicates = near_duplicates(result.fingerprints, most_duplicates);
  warn_of_classes(result);
  warn_of_images(result);
  return result;
}

std::string overlap_warning(const Survey& a, const Survey& b) {
  const auto pairs = overlap(a.fingerprints, b.fingerprints, most_duplicates);
  if (pairs.empty()) return "";
  const auto count = std::to_string(pairs.size()) + (pairs.size() == most_duplicates ? " or more" : "");
  return count + " pairs of images look the same across the two sets; the first is '" +
         a.names[static_cast<size_t>(pairs[0].first)] + "' in " + a.path + " and '" +
         b.names[static_cast<size_t>(pairs[0].second)] + "' in " + b.path;
}

}  // namespace fqgan
