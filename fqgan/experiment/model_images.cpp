#include "fqgan/experiment/model_images.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/store/prepare.h"
#include "fqgan/experiment/recipe.h"

namespace fqgan {
namespace {

/// A source of one image file.
struct ImageFile : Source {
  ImageFile(const std::string& path, int64_t most_pixels) : bytes(read_file(path)), most_pixels(most_pixels) {
    entries = {{path}};
  }
  RasterShape shape(int64_t) const override { return probe_raster(bytes, most_pixels); }
  Raster decode(int64_t) const override { return decode_raster(bytes, most_pixels); }

  std::string bytes;
  int64_t most_pixels;
};

}  // namespace

DataOptions data_of_model(const Checkpoint& checkpoint, const std::string& where, const DataInfo& trained,
                          const std::vector<std::string>& set) {
  const auto recipe = checkpoint.metadata.find("recipe");
  auto text = recipe == checkpoint.metadata.end() ? RecipeText() : RecipeText::from_string(recipe->second, where);
  for (const auto* all_images : {"data.limit=none", "data.part=all", "data.labels_per_class=none", "data.held_out=none",
                                 "data.crop_margin=0", "data.split=none"})
    text.set(all_images);
  for (const auto& assignment : set) text.set(assignment);
  auto data = read_recipe(text)->data;
  data.resolution = trained.height;
  data.width = trained.width;
  data.channels = trained.channels;
  return data;
}

at::Tensor read_model_image(const std::string& path, const DataOptions& options) {
  const ImageFile file(path, options.max_pixels);
  const RasterShape shape{*options.resolution, *options.width, *options.channels};
  try {
    const auto image = prepared(file, 0, shape, options).image;
    const auto pixels = at::empty({shape.height, shape.width, shape.channels}, at::TensorOptions(at::kByte));
    std::copy(image.bytes.begin(), image.bytes.end(), pixels.mutable_data_ptr<uint8_t>());
    return pixels.permute({2, 0, 1});
  } catch (const DecodeError& error) {
    fail(path, std::string("expected a PNG, JPEG or WebP image, got a file that cannot be read: ") + error.what());
  }
}

}  // namespace fqgan
