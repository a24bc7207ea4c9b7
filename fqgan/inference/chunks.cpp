#include "fqgan/inference/chunks.h"

#include <algorithm>

namespace fqgan {

std::vector<Chunk> chunks_of(int64_t images, int64_t batch, int64_t otherwise) {
  const auto size = std::min(images, batch > 0 ? batch : otherwise);
  std::vector<Chunk> chunks;
  for (int64_t done = 0; done < images; done += size) {
    const auto first = batch > 0 ? std::min(done, images - size) : done;
    chunks.push_back({first, std::min(size, images - first), done - first});
  }
  return chunks;
}

ChunkPixels read_chunk(const Dataset& images, const Chunk& chunk) {
  const auto& info = images.info();
  ChunkPixels pixels{torch::empty({chunk.count, info.height, info.width, info.channels}, torch::kByte),
                     torch::empty({chunk.count}, torch::kLong)};
  for (int64_t i = 0; i < chunk.count; ++i)
    pixels.labels[i] = images.read(chunk.first + i, pixels.images[i].mutable_data_ptr<uint8_t>());
  pixels.images = pixels.images.permute({0, 3, 1, 2});
  return pixels;
}

}  // namespace fqgan
