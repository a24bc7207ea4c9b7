// Opening a data set: source, selection, and the decoded images in order.
#include "fqgan/data/dataset.h"

#include <ATen/ops/empty.h>

#include "fqgan/core/error.h"
#include "fqgan/data/store/stored_dataset.h"

namespace fqgan {
namespace {

void check_options(const DataOptions& options) {
  if (options.width && !options.resolution) fail("data", "width: expected data.resolution (the height) beside it");
  if (options.channels && *options.channels == 2) fail("data", "channels: expected 1, 3 or 4, got 2");
  if (options.background.size() != 3) {
    fail("data", "background: expected 3 values (red, green, blue), got " + std::to_string(options.background.size()));
  }
}

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
  void rewind() override { at_ = 0; }
  std::optional<int64_t> size() const override { return dataset_.info().images; }
  std::string key() const override { return dataset_.key(); }

 private:
  const Dataset& dataset_;
  int64_t at_ = 0;
};

}  // namespace

std::unique_ptr<Dataset> open_dataset(const DataOptions& options) {
  check_options(options);
  const auto source = open_source(options);
  return make_dataset(*source, options);
}

std::unique_ptr<ImageSource> in_order(const Dataset& dataset) { return std::make_unique<InOrder>(dataset); }

}  // namespace fqgan
