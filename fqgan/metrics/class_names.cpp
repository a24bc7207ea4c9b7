#include "fqgan/metrics/class_names.h"

#include <torch/torch.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

/// A form of the name in which "T-shirt/top" and its folder "T-shirt_top" are equal.
std::string plain_name(std::string name) {
  for (char& c : name)
    c = std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 128
            ? static_cast<char>(std::tolower(static_cast<unsigned char>(c)))
            : '_';
  return name;
}

/// Whether the names are "0", "1", ..., which stand for classes without names.
bool are_numbers(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] != std::to_string(i)) return false;
  return true;
}

std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < 3; ++i) text += (i ? ", " : "") + names[i];
  return std::to_string(names.size()) + " (" + text + (names.size() > 3 ? ", ..." : "") + ")";
}

/// For each class of `from` its index in `to`; empty if they do not match.
std::vector<int64_t> matched_classes(const std::vector<std::string>& from, const std::vector<std::string>& to) {
  std::vector<int64_t> same(from.size());
  std::iota(same.begin(), same.end(), 0);
  if (from == to) return same;
  std::map<std::string, int64_t> numbers;
  for (size_t i = 0; i < to.size(); ++i) numbers.emplace(plain_name(to[i]), static_cast<int64_t>(i));
  std::vector<int64_t> by_name;
  for (const auto& name : from)
    if (const auto found = numbers.find(plain_name(name)); found != numbers.end()) by_name.push_back(found->second);
  if (by_name.size() == from.size()) return by_name;
  return from.size() == to.size() && (are_numbers(from) || are_numbers(to)) ? same : std::vector<int64_t>{};
}

}  // namespace

at::Tensor matched_labels(const at::Tensor& labels, const std::vector<std::string>& from,
                          const std::vector<std::string>& to, const std::string& where) {
  auto matched = matched_classes(from, to);
  if (matched.empty())
    fail(where, "expected the classes " + some_of(to) + ", got " + some_of(from) +
                    ". Hint: name them with --set 'data.class_names=[...]', or leave out accuracy and intra_fid");
  matched.push_back(-1);  // for the label -1
  return torch::tensor(matched).index({labels});
}

}  // namespace fqgan
