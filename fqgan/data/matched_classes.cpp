#include "fqgan/data/matched_classes.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <set>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

/// A form of the name in which "T-shirt/top" and its folder "T-shirt_top" are equal.
std::string comparable_name(std::string name) {
  for (char& c : name)
    c = std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 128
            ? static_cast<char>(std::tolower(static_cast<unsigned char>(c)))
            : '_';
  return name;
}

/// The index of the name in `to`, or -1.
int64_t same_name(const std::string& name, const std::vector<std::string>& to) {
  const auto same = std::find(to.begin(), to.end(), name);
  return same == to.end() ? -1 : same - to.begin();
}

/// The index of the only similar name in `to`, or -1.
int64_t similar_name(const std::string& name, const std::vector<std::string>& to) {
  const auto similar = [wanted = comparable_name(name)](const std::string& other) {
    return comparable_name(other) == wanted;
  };
  const auto first = std::find_if(to.begin(), to.end(), similar);
  if (first == to.end() || std::find_if(first + 1, to.end(), similar) != to.end()) return -1;
  return first - to.begin();
}

}  // namespace

bool are_numbers(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] != std::to_string(i)) return false;
  return true;
}

std::vector<int64_t> matched_classes(const std::vector<std::string>& from, const std::vector<std::string>& to,
                                     const std::string& where, const std::string& otherwise) {
  std::vector<int64_t> by_index(from.size()), by_name;
  std::iota(by_index.begin(), by_index.end(), 0);
  if (from == to) return by_index;
  for (const auto& name : from) by_name.push_back(same_name(name, to));
  std::set<int64_t> taken(by_name.begin(), by_name.end());
  std::vector<std::string> unknown;
  for (size_t k = 0; k < from.size(); ++k) {
    if (by_name[k] >= 0) continue;
    by_name[k] = similar_name(from[k], to);
    if (by_name[k] < 0 || !taken.insert(by_name[k]).second) unknown.push_back(from[k]);
  }
  if (unknown.empty()) return by_name;
  const bool equally_long = from.size() == to.size();
  if (from.size() <= to.size() && (are_numbers(from) || (equally_long && are_numbers(to)))) return by_index;
  fail(where, "expected classes among " + short_list(to) + " (" + std::to_string(to.size()) +
                  "), got others: " + short_list(unknown) +
                  suggestion(unknown.front(), to,
                             ". Hint: name the classes with --set 'data.class_names=[...]', or " + otherwise));
}

at::Tensor matched_labels(const at::Tensor& labels, const std::vector<std::string>& from,
                          const std::vector<std::string>& to, const std::string& where) {
  auto matched = matched_classes(from, to, where, "leave out accuracy and intra_fid");
  matched.push_back(-1);  // for the label -1, the last index
  return at::tensor(matched).index_select(0, labels.remainder(static_cast<int64_t>(matched.size())));
}

std::string first_difference(const std::vector<std::string>& a, const std::string& in_a,
                             const std::vector<std::string>& b, const std::string& in_b) {
  const auto name = [](const auto& names, size_t k) { return k < names.size() ? "'" + names[k] + "'" : "absent"; };
  for (size_t k = 0; k < std::max(a.size(), b.size()); ++k)
    if (name(a, k) != name(b, k))
      return "class " + std::to_string(k) + " is " + name(a, k) + " " + in_a + " and " + name(b, k) + " " + in_b;
  return "";
}

}  // namespace fqgan
