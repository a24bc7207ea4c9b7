#include "fqgan/data/archives/npy.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr int64_t most_header_bytes = 10'000;
constexpr size_t most_dimensions = 32, most_digits = 15;

uint64_t byte_at(std::string_view text, size_t i) { return static_cast<unsigned char>(text[i]); }

/// The dictionary {'descr': '<f8', 'fortran_order': False, 'shape': (3, 3), } as Python writes it.
class Dictionary {
 public:
  Dictionary(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  NpyHeader read() {
    NpyHeader header;
    take('{');
    while (!at('}')) {
      const auto key = quoted();
      take(':');
      if (key == "descr")
        header.type = type();
      else if (key == "fortran_order")
        header.fortran_order = truth();
      else if (key == "shape")
        header.shape = numbers();
      else
        refuse();
      found_.push_back(key);
      if (at(',')) take(',');
    }
    std::sort(found_.begin(), found_.end());
    if (found_ != std::vector<std::string>{"descr", "fortran_order", "shape"}) refuse();
    return header;
  }

 private:
  [[noreturn]] void refuse() const { fail(where_, "expected an array of NumPy, found a damaged header"); }

  bool at(char sign) {
    const auto next = text_.find_first_not_of(" \n");
    if (next == std::string_view::npos) refuse();
    text_.remove_prefix(next);
    return text_.front() == sign;
  }
  void take(char sign) {
    if (!at(sign)) refuse();
    text_.remove_prefix(1);
  }
  std::string up_to(size_t length) {
    if (length >= text_.size()) refuse();
    std::string part(text_.substr(0, length));
    text_.remove_prefix(length);
    return part;
  }
  std::string quoted() {
    const char quote = at('"') ? '"' : '\'';
    take(quote);
    auto word = up_to(text_.find(quote));
    take(quote);
    return word;
  }
  std::string type() {
    if (at('[')) fail(where_, "expected an array of numbers, found one of records");
    return quoted();
  }
  bool truth() {
    const bool yes = at('T');
    if (up_to(yes ? 4 : 5) != (yes ? "True" : "False")) refuse();
    return yes;
  }
  std::vector<int64_t> numbers() {
    std::vector<int64_t> shape;
    take('(');
    while (!at(')')) {
      const auto digits = up_to(text_.find_first_not_of("0123456789"));
      if (digits.empty() || digits.size() > most_digits || shape.size() == most_dimensions) refuse();
      shape.push_back(std::stoll(digits));
      if (at(',')) take(',');
    }
    take(')');
    return shape;
  }

  std::string_view text_;
  const std::string& where_;
  std::vector<std::string> found_;
};

}  // namespace

int64_t npy_header_bytes(std::string_view start, const std::string& where) {
  if (static_cast<int64_t>(start.size()) < npy_start_bytes || !start.starts_with(magic))
    fail(where, "expected an array of NumPy (.npy), found something else");
  const auto version = byte_at(start, 6);
  if (version < 1 || version > 3)
    fail(where, "expected version 1, 2 or 3 of NumPy's format, got " + std::to_string(version));
  uint64_t length = 0;
  const size_t digits = version == 1 ? 2 : 4;
  for (size_t i = 0; i < digits; ++i) length += byte_at(start, 8 + i) << 8 * i;
  const auto bytes = static_cast<int64_t>(8 + digits + length);
  if (bytes > most_header_bytes || bytes < npy_start_bytes)
    fail(where, "expected a header of " + std::to_string(npy_start_bytes) + " to " + std::to_string(most_header_bytes) +
                    " bytes, got " + std::to_string(bytes));
  return bytes;
}

NpyHeader parse_npy_header(std::string_view header, const std::string& where) {
  const auto bytes = npy_header_bytes(header.substr(0, npy_start_bytes), where);
  if (static_cast<int64_t>(header.size()) < bytes) fail(where, "expected a whole header, found a part of it");
  auto read = Dictionary(header.substr(byte_at(header, 6) == 1 ? 10 : 12), where).read();
  read.bytes = bytes;
  return read;
}

std::string npy_header(const std::string& type, const std::vector<int64_t>& shape) {
  std::vector<std::string> numbers;
  for (const auto extent : shape) numbers.push_back(std::to_string(extent));
  std::string text = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + join(numbers) +
                     (numbers.size() == 1 ? ",), }" : "), }");
  text.append(63 - (10 + text.size()) % 64, ' ');  // the values begin at a multiple of 64 bytes, as NumPy's do
  text += '\n';
  const char start[] = {1, 0, static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return std::string(magic) + std::string(start, sizeof start) + text;
}

}  // namespace fqgan
