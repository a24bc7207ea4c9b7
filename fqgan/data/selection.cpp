#include "fqgan/data/selection.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/streams.h"
#include "fqgan/data/sources/class_names.h"
#include "fqgan/data/views.h"

namespace fqgan {
namespace {

void keep_where(Selection& selection, const std::function<bool(size_t)>& wanted) {
  size_t kept = 0;
  for (size_t i = 0; i < selection.entries.size(); ++i) {
    if (!wanted(i)) continue;
    selection.entries[kept] = selection.entries[i];
    selection.labels[kept++] = selection.labels[i];
  }
  selection.entries.resize(kept);
  selection.labels.resize(kept);
}

std::vector<std::string> names_of_classes(const Source& source, const DataOptions& options) {
  int64_t highest = -1;
  for (const auto& entry : source.entries) highest = std::max(highest, entry.label);
  if (!source.class_names.empty() && !options.class_names.empty() && source.class_names != options.class_names)
    log_info_once("data.class_names is not used: " + *options.path + " has names of its own");
  auto names = source.class_names.empty() ? options.class_names : source.class_names;
  if (highest < 0) {
    if (!options.class_names.empty())
      log_info_once("data.class_names is not used: " + *options.path + " has no labels");
    return {};
  }
  if (names.empty()) {
    for (int64_t label = 0; label <= highest; ++label) names.push_back(std::to_string(label));
  }
  check_class_names(names, *options.path);
  const auto given = static_cast<int64_t>(names.size());
  if (given <= highest) {
    fail("data", "class_names: expected " + std::to_string(highest + 1) + " names, one per class of " + *options.path +
                     ", got " + std::to_string(given));
  }
  return names;
}

// Semi-supervised learning: in each class the first `labels_per_class` images of a random order keep their label.
void hide_labels(Selection& selection, const DataOptions& options) {
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t i = 0; i < selection.entries.size(); ++i) {
    order.emplace_back(mix_bits(static_cast<uint64_t>(options.labels_seed), "labels", {selection.entries[i]}), i);
  }
  std::sort(order.begin(), order.end());
  std::vector<int64_t> kept(selection.class_names.size(), 0);
  for (const auto& [bits, i] : order) {
    auto& label = selection.labels[i];
    if (label >= 0 && kept[static_cast<size_t>(label)]++ >= *options.labels_per_class) label = -1;
  }
  for (size_t k = 0; k < kept.size(); ++k)
    if (kept[k] < *options.labels_per_class)
      fail("data.labels_per_class",
           "expected at most the number of images in each class; '" + selection.class_names[k] + "' has " +
               std::to_string(kept[k]) +
               (options.limit ? " among the " + std::to_string(selection.entries.size()) + " images of data.limit"
                              : "") +
               ", got " + std::to_string(*options.labels_per_class));
}

// Keeps at most `limit` images: the first of each class, as evenly as the classes' sizes allow (images without a class
// count as a class), or the first of all. The choice does not depend on whether this view uses the labels.
void apply_limit(Selection& selection, const Source& source, const DataOptions& options) {
  const auto all = static_cast<int64_t>(selection.entries.size());
  if (!options.limit || *options.limit >= all) return;
  std::map<int64_t, int64_t> left, quota;  // by label
  const auto label_of = [&](size_t i) {
    const auto label = source.entries[static_cast<size_t>(selection.entries[i])].label;
    return options.limit_by == "order" ? 0 : label < 0 ? std::numeric_limits<int64_t>::max() : label;
  };
  for (size_t i = 0; i < selection.entries.size(); ++i) ++left[label_of(i)];
  for (int64_t open = *options.limit; open > 0;) {
    const int64_t each = std::max<int64_t>(1, open / static_cast<int64_t>(left.size()));
    for (auto at = left.begin(); at != left.end() && open > 0;) {
      const int64_t now = std::min({each, at->second, open});
      quota[at->first] += now;
      open -= now;
      at = (at->second -= now) == 0 ? left.erase(at) : std::next(at);
    }
  }
  keep_where(selection, [&](size_t i) { return quota[label_of(i)]-- > 0; });
}

// Removes the held-out images, or with `part` = "held_out" all others. The choice does not depend on whether this view
// uses the labels.
void hold_out_of(Selection& selection, const Source& source, const DataOptions& options) {
  std::vector<int64_t> labels;
  for (const auto& entry : source.entries) labels.push_back(entry.label);
  if (options.held_out_per_class && std::all_of(labels.begin(), labels.end(), [](int64_t label) { return label < 0; }))
    fail("data.held_out_per_class", "expected images with labels, found none in " + *options.path);
  const HoldOut chosen{*options.held_out, options.held_out_per_class, static_cast<uint64_t>(options.held_out_seed)};
  const auto parts = hold_out(labels, chosen);
  std::vector<char> kept(labels.size());
  for (const auto i : options.part == "held_out" ? parts.held_out : parts.rest) kept[static_cast<size_t>(i)] = 1;
  keep_where(selection, [&](size_t i) { return kept[i] != 0; });
}

// Keeps the images with or without a label, as `part` says.
void keep_part(Selection& selection, const DataOptions& options) {
  if (options.part == "all") return;
  keep_where(selection, [&](size_t i) { return (options.part == "labelled") == (selection.labels[i] >= 0); });
}

// All images, or those that are left by held_out and the limit, which come before the choice of labels and parts.
Selection within_limit(const Source& source, const DataOptions& options) {
  Selection selection;
  for (size_t i = 0; i < source.entries.size(); ++i) {
    selection.entries.push_back(static_cast<int64_t>(i));
    selection.labels.push_back(options.labels ? source.entries[i].label : -1);
  }
  if (options.held_out) hold_out_of(selection, source, options);
  if (options.part != "held_out") apply_limit(selection, source, options);
  return selection;
}

}  // namespace

bool needs_labels(const DataOptions& options) {
  return options.labels || (options.held_out && options.held_out_per_class) ||
         (options.limit && options.limit_by == "classes");
}

std::vector<int64_t> entries_needed(const Source& source, const DataOptions& options) {
  auto wanted = options;
  if (options.held_out) wanted.limit.reset();  // held-out images come from all images
  wanted.held_out.reset();
  return within_limit(source, wanted).entries;
}

Selection select(const Source& source, const DataOptions& options) {
  const bool held_out = options.part == "held_out";
  if (held_out && !options.held_out)
    fail("data.part", "expected data.held_out (a number of images) for the part \"held_out\", got none");
  auto selection = within_limit(source, options);
  if (options.labels) selection.class_names = names_of_classes(source, options);
  if (held_out) return selection;
  if (options.labels_per_class) hide_labels(selection, options);
  keep_part(selection, options);
  if (selection.entries.empty()) {
    fail("data", *options.path + ": no images" + (options.part == "all" ? "" : " in the part '" + options.part + "'"));
  }
  return selection;
}

}  // namespace fqgan
