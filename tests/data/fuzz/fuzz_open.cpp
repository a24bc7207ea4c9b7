// libFuzzer target: a file of any content as a data set or as arrays of NumPy. The first byte chooses its name and its
// parser: IDX, IDX in gzip, CIFAR's tar, zip, the labels of a StyleGAN2-ADA folder, .npz, or a .npy header.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/archives/npy.h"
#include "fqgan/data/archives/npz.h"
#include "fqgan/data/dataset.h"
#include "fqgan/data/sources/dataset_json.h"

namespace {

const char* const names[] = {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "cifar.tar", "images.zip"};
constexpr size_t labels_file = 4, npy_file = 5, npz_file = 6;

std::filesystem::path folder() {
  static const auto path = [] {
    char name[] = "/tmp/fqgan-fuzz-XXXXXX";
    return std::filesystem::path(mkdtemp(name));
  }();
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  fqgan::set_log_level(fqgan::LogLevel::quiet);
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t kind = data[0] % 7;
  try {
    if (kind == labels_file) {
      fqgan::parse_dataset_json(bytes, "dataset.json");
      return 0;
    }
    if (kind == npy_file) {
      fqgan::parse_npy_header(bytes, "array");
      return 0;
    }
    const auto path = folder() / (kind == npz_file ? "arrays.npz" : names[kind]);
    std::ofstream(path, std::ios::binary) << bytes;
    if (kind == npz_file) {
      fqgan::read_npz(path.string(), {"mu", "sigma", "convention", "count"});
      return 0;
    }
    fqgan::DataOptions options;
    options.path = path.string();
    options.resolution = 16;
    options.max_pixels = 1 << 20;
    options.cache = "off";
    fqgan::open_dataset(options);
  } catch (const fqgan::UserError&) {
  }
  return 0;
}
