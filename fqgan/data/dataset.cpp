// The images of a data set in order.
#include "fqgan/data/dataset.h"

#include <ATen/ops/empty.h>

#include "fqgan/core/error.h"
#include "fqgan/data/opened_data.h"

namespace fqgan {
namespace {

class InOrder : public ImageSource {
 public:
  explicit InOrder(const Dataset& dataset) : dataset_(dataset) {}
  std::vector<Image> next(int64_t count) override {
    const auto& info = dataset_.info();
    std::vector<Image> images;
    for (; count > 0 && at_ < info.images; --count, ++at_) {
      auto pixels = at::empty({info.height, info.width, info.channels}, at::kByte);
      const int64_t label = dataset_.read(at_, pixels.mutable_data_ptr<uint8_t>());
      images.push_back({pixels, label < 0 ? std::nullopt : std::optional(label), dataset_.name(at_)});
    }
    return images;
  }

 private:
  const Dataset& dataset_;
  int64_t at_ = 0;
};

}  // namespace

int64_t Dataset::label(int64_t index) const {
  std::vector<uint8_t> pixels(static_cast<size_t>(info().height * info().width * info().channels));
  return read(index, pixels.data());
}

void Dataset::read_enlarged(int64_t, uint8_t*) const { FQGAN_CHECK(false, "this data set has no enlarged images"); }

std::shared_ptr<const Dataset> open_dataset(const DataOptions& options) { return OpenedData(options).view(); }

std::unique_ptr<ImageSource> in_order(const Dataset& dataset) { return std::make_unique<InOrder>(dataset); }

}  // namespace fqgan
