// How fast the loader delivers: fqgan_loader_benchmark DATA [RESOLUTION] [SECONDS]
// Opens DATA (building its cache if there is none), checks the first epoch's order against a second loader, then prints
// one JSON line: images and megabytes a second of shuffled batches of 64, after one batch that is not counted.
#include <ATen/ops/equal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "fqgan/data/dataset.h"
#include "fqgan/data/store/loader.h"

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

int benchmark(int argc, char** argv) {
  fqgan::DataOptions options;
  options.path = argv[1];
  options.fit = "crop";
  if (argc > 2) options.resolution = std::atoll(argv[2]);
  const double seconds = argc > 3 ? std::atof(argv[3]) : 3;
  const double opening = now();
  const auto data = fqgan::open_dataset(options);
  const double opened = now() - opening;

  fqgan::LoaderOptions order;
  fqgan::Loader loader(*data, order), second(*data, order);
  if (!at::equal(loader.next().pixels, second.next().pixels)) throw std::runtime_error("two loaders differ");
  int64_t images = 0;
  const double start = now();
  while (now() - start < seconds) images += loader.next().labels.size(0);
  const auto& info = data->info();
  const double rate = static_cast<double>(images) / (now() - start);
  std::printf(
      "{\"data\": \"%s\", \"shape\": [%lld, %lld, %lld], \"open_seconds\": %.2f, \"images_per_second\": %.0f, "
      "\"megabytes_per_second\": %.0f}\n",
      argv[1], static_cast<long long>(info.channels), static_cast<long long>(info.height),
      static_cast<long long>(info.width), opened, rate,
      rate * static_cast<double>(info.channels * info.height * info.width) / 1e6);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc >= 2) return benchmark(argc, argv);
    std::fprintf(stderr, "usage: fqgan_loader_benchmark DATA [RESOLUTION] [SECONDS]\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  }
  return 2;
}
