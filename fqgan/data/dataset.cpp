// The images of a data set in order.
#include "fqgan/data/dataset.h"

#include <ATen/ops/empty.h>

#include "fqgan/core/error.h"
#include "fqgan/data/opened_data.h"
#include "fqgan/data/parallel.h"

namespace fqgan {
namespace {

constexpr int64_t most_bytes = int64_t{1} << 28;  // of the images of own sizes that are decoded at once

class InOrder : public ImageSource {
 public:
  explicit InOrder(const Dataset& dataset) : dataset_(dataset) {}
  std::vector<Image> next(int64_t count) override {
    const auto first = at_;
    std::vector<Image> images;
    const bool own_sizes = dataset_.info().height == 0;
    for (int64_t bytes = 0; std::ssize(images) < count && at_ < dataset_.info().images; ++at_) {
      const auto shape = dataset_.shape(at_);
      bytes += shape.bytes();
      if (own_sizes && bytes > most_bytes && !images.empty()) break;
      images.push_back({at::empty({shape.height, shape.width, shape.channels}, at::kByte), {}, dataset_.name(at_)});
    }
    const auto read = [&](int64_t begin, int64_t end) {
      for (auto i = begin; i < end; ++i) {
        auto& image = images[static_cast<size_t>(i)];
        const auto label = dataset_.read(first + i, image.pixels.mutable_data_ptr<uint8_t>());
        if (label >= 0) image.label = label;
      }
    };
    if (own_sizes)
      parallel_chunks(std::ssize(images), 1, read);  // decodes them
    else
      read(0, std::ssize(images));
    return images;
  }

 private:
  const Dataset& dataset_;
  int64_t at_ = 0;
};

}  // namespace

RasterShape Dataset::shape(int64_t) const { return {info().height, info().width, info().channels}; }

int64_t Dataset::label(int64_t index) const {
  std::vector<uint8_t> pixels(static_cast<size_t>(info().height * info().width * info().channels));
  return read(index, pixels.data());
}

void Dataset::read_enlarged(int64_t, uint8_t*) const { FQGAN_CHECK(false, "this data set has no enlarged images"); }

std::shared_ptr<const Dataset> open_dataset(const DataOptions& options) { return OpenedData(options).view(); }

std::unique_ptr<ImageSource> in_order(const Dataset& dataset) { return std::make_unique<InOrder>(dataset); }

}  // namespace fqgan
