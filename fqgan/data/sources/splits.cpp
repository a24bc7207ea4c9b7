#include "fqgan/data/sources/splits.h"

#include <algorithm>
#include <cctype>

#include "fqgan/core/text.h"

namespace fqgan {
namespace {

const std::map<std::string, std::vector<std::string>> names_of_splits = {
    {"train", {"train", "training", "trainset", "trn"}},
    {"trainval", {"trainval", "trainvalidation"}},
    {"test", {"test", "testing", "testset", "tst"}},
    {"val", {"val", "valid", "validation", "valset", "validationset"}},
    {"dev", {"dev", "devel", "development", "devset"}},
    {"eval", {"eval", "evaluation", "evalset"}},
    {"holdout", {"holdout", "heldout"}},
    {"extra", {"extra"}},
    {"pred", {"pred", "predict", "prediction", "predictions"}},
    {"unlabelled", {"unlabelled", "unlabeled"}},
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80; }

// Words and numbers of a name: "Cars_train2017" has "cars", "train" and "2017"; what is between words is kept as well.
std::vector<std::string> words_of(const std::string& name) {
  const auto kind = [](char c) { return is_letter(c) ? 2 : c >= '0' && c <= '9' ? 1 : 0; };
  std::vector<std::string> words;
  for (const char c : lower(name)) {
    if (words.empty() || kind(words.back().back()) != kind(c)) words.emplace_back();
    words.back() += c;
  }
  return words;
}

// A name as a split between other words.
struct Reading {
  std::string split, before, after;
};

std::vector<Reading> readings_of(const std::string& name) {
  const auto words = words_of(name);
  std::vector<Reading> result;
  if (const auto whole = split_named(name); !whole.empty()) result.push_back({whole, "", ""});
  for (size_t i = 0; i < words.size(); ++i) {
    const auto split = split_named(words[i]);
    if (split.empty()) continue;
    result.push_back({split, join({words.begin(), words.begin() + static_cast<int64_t>(i)}, ""),
                      join({words.begin() + static_cast<int64_t>(i) + 1, words.end()}, "")});
  }
  return result;
}

bool of_training_or_test(const std::string& split) {
  return split == "train" || split == "trainval" || split == "test" || split == "val";
}

// The splits of names with the same words before and after.
std::map<std::string, std::string> read_with(const std::set<std::string>& names, const Reading& other_words) {
  std::map<std::string, std::string> result;
  for (const auto& name : names) {
    const auto readings = readings_of(name);
    const auto found = std::find_if(readings.begin(), readings.end(), [&](const Reading& reading) {
      return reading.before == other_words.before && reading.after == other_words.after;
    });
    if (found == readings.end()) return {};
    result[name] = found->split;
  }
  return result;
}

std::string without_side(const std::string& name) {
  auto stem = name.substr(0, name.size() - 1);
  while (!stem.empty() && (stem.ends_with('_') || stem.ends_with('-') || stem.ends_with(' '))) stem.pop_back();
  return stem;
}

// The splits that may serve as the wanted one, the best first.
std::vector<std::string> choices_for(const std::optional<std::string>& split) {
  if (!split) return {"train", "trainval"};
  if (*split == "train") return {"train", "trainval"};
  if (*split == "test") return {"test", "val", "dev", "eval", "holdout"};
  if (*split == "val") return {"val", "dev"};
  return {*split};
}

}  // namespace

std::vector<std::string> names_in(const std::map<std::string, std::string>& splits) {
  std::vector<std::string> names;
  for (const auto& [name, of] : splits) names.push_back(name);
  return names;
}

std::string split_named(const std::string& name) {
  std::string plain;
  for (const char c : lower(name))
    if (c != '-' && c != '_' && c != ' ') plain += c;
  for (const auto& [split, names] : names_of_splits)
    if (std::find(names.begin(), names.end(), plain) != names.end()) return split;
  return "";
}

std::optional<std::string> checked_split(const std::optional<std::string>& split) {
  if (!split) return split;
  if (const auto known = split_named(*split); !known.empty()) return known;
  std::vector<std::string> all;
  for (const auto& [name, others] : names_of_splits) all.push_back(name);
  fail("data.split",
       "expected the name of a split (" + join(all) + "), got '" + *split + "'" + suggestion(lower(*split), all));
}

std::string side_of(const std::string& name) {
  if (name.empty() || split_named(without_side(name)).empty()) return "";
  const char side = name.back();
  return side == 'A' || side == 'a' ? "A" : side == 'B' || side == 'b' ? "B" : "";
}

std::map<std::string, std::string> splits_of(const std::set<std::string>& names, bool sides) {
  std::map<std::string, std::string> result;
  if (names.empty()) return result;
  if (sides) {
    for (const auto& name : names) {
      if (side_of(name).empty()) return {};
      result[name] = split_named(without_side(name));
    }
  } else {
    std::vector<Reading> tries = {{"", "", ""}};  // the names themselves
    if (names.size() > 1) tries = readings_of(*names.begin());
    for (const auto& words : tries) {
      result = read_with(names, words);
      if (!result.empty()) break;
    }
  }
  const bool enough =
      std::any_of(result.begin(), result.end(), [](const auto& one) { return of_training_or_test(one.second); });
  return enough ? result : std::map<std::string, std::string>{};
}

std::map<std::string, std::string> splits_among(const std::set<std::string>& names) {
  std::map<std::string, std::string> found;
  std::set<std::string> splits;
  for (const auto& name : names) {
    const auto readings = readings_of(side_of(name).empty() ? name : without_side(name));
    if (readings.empty()) continue;
    found[name] = readings[0].split;
    splits.insert(readings[0].split);
  }
  return std::any_of(splits.begin(), splits.end(), of_training_or_test) ? found : std::map<std::string, std::string>{};
}

std::string name_of_split(const std::map<std::string, std::string>& splits, const std::optional<std::string>& split,
                          const std::string& where) {
  for (const auto& wanted : choices_for(split)) {
    std::vector<std::string> found;
    for (const auto& [name, of] : splits)
      if (of == wanted) found.push_back(name);
    if (found.size() == 1) return found[0];
    if (found.size() > 1)
      fail("data", where + ": expected one place for the split '" + wanted + "', found " + quoted_list(found) +
                       ". Hint: move their images into one of them");
  }
  fail<MissingSplit>("data", where + ": expected the split '" + split.value_or("train") + "', found only " +
                                 short_list(names_in(splits)) + ". Hint: data.split = \"" + splits.begin()->second +
                                 "\" reads '" + splits.begin()->first + "'");
}

void fail_without_splits(const std::string& split, const std::string& where) {
  fail<MissingSplit>(
      "data",
      where + ": expected the split '" + split +
          "', found images without splits. Hint: leave data.split out (--set data.split=none), which reads all images");
}

}  // namespace fqgan
