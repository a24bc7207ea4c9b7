// fqgan_data_dump PATH OUT [key=value]...: opens a data set as a recipe's [data] would and writes its pixels (N x H x W
// x C bytes) to OUT and what it is, as JSON, to standard output. For comparisons with other programs in tests/parity/.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/data/dataset.h"

namespace {

void dump(int count, char** arguments) {
  if (count < 3) fqgan::fail("fqgan_data_dump", "expected PATH OUT [key=value]...");
  fqgan::RecipeText text;
  fqgan::DataOptions options;
  for (int i = 3; i < count; ++i) text.set(arguments[i]);
  fqgan::read_options(text, options);
  options.path = arguments[1];
  const auto data = fqgan::open_dataset(options);
  const auto& info = data->info();
  nlohmann::json json = {{"images", info.images}, {"channels", info.channels},       {"height", info.height},
                         {"width", info.width},   {"class_names", info.class_names}, {"key", data->key()}};
  std::string pixels(static_cast<size_t>(info.channels * info.height * info.width), '\0');
  std::ofstream out(arguments[2], std::ios::binary);
  for (int64_t i = 0; i < info.images; ++i) {
    json["labels"].push_back(data->read(i, reinterpret_cast<uint8_t*>(pixels.data())));
    json["names"].push_back(data->name(i));
    out << pixels;
  }
  for (const auto& one : data->skipped()) json["skipped"].push_back({one.name, one.reason});
  std::cout << json.dump() << "\n";
}

}  // namespace

int main(int count, char** arguments) {
  try {
    dump(count, arguments);
    return 0;
  } catch (const fqgan::UserError& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
