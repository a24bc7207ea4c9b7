#include "fqgan/data/store/pixel_store.h"

#include <algorithm>
#include <mutex>

#include "fqgan/core/log.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/parallel.h"

namespace fqgan {
namespace {

Chunk decode_chunk(const Source& source, const DataOptions& options, const RasterShape& shape,
                   const Unreadable& unreadable, int64_t begin, int64_t end) {
  const int64_t stride = shape.bytes();
  Chunk chunk{begin,
              end,
              std::vector<uint8_t>(static_cast<size_t>((end - begin) * stride)),
              std::vector<uint8_t>(static_cast<size_t>(end - begin)),
              {}};
  for (int64_t i = begin; i < end; ++i) {
    if (const auto known = unreadable.find(i); known != unreadable.end()) {
      chunk.unreadable.insert(*known);
      continue;
    }
    try {
      const auto [image, changes] = prepared(source, i, shape, options);
      chunk.changes[static_cast<size_t>(i - begin)] = changes;
      std::copy(image.bytes.begin(), image.bytes.end(), chunk.pixels.begin() + (i - begin) * stride);
    } catch (const DecodeError& error) {
      chunk.unreadable[i] = error.what();
    }
  }
  return chunk;
}

}  // namespace

void decode_chunks(const Source& source, const DataOptions& options, const RasterShape& shape,
                   const Unreadable& unreadable, const std::function<bool(int64_t, int64_t)>& wanted,
                   const std::function<void(Chunk&)>& finished) {
  const auto images = static_cast<int64_t>(source.entries.size());
  const int64_t size = std::clamp<int64_t>((int64_t{4} << 20) / shape.bytes(), 1, 32);
  std::mutex mutex;
  int64_t done = 0;
  parallel_chunks(images, size, [&](int64_t begin, int64_t end) {
    const bool needed = !wanted || wanted(begin, end);
    Chunk chunk;
    if (needed) chunk = decode_chunk(source, options, shape, unreadable, begin, end);
    const std::lock_guard lock(mutex);
    if (needed) finished(chunk);
    done += end - begin;
    log_status("[data] decoding: " + std::to_string(done) + " of " + std::to_string(images) + " images");
  });
  log_status("");
}

PixelStore decode_into_memory(const Source& source, const DataOptions& options, const RasterShape& shape,
                              const Unreadable& unreadable) {
  PixelStore store{shape, nullptr, unreadable, std::vector<uint8_t>(source.entries.size())};
  const auto bytes = source.entries.size() * static_cast<size_t>(shape.bytes());
  const auto memory = std::make_shared<std::vector<uint8_t>>(bytes);
  decode_chunks(source, options, shape, unreadable, nullptr, [&](Chunk& chunk) {
    std::copy(chunk.pixels.begin(), chunk.pixels.end(), memory->begin() + chunk.begin * shape.bytes());
    std::copy(chunk.changes.begin(), chunk.changes.end(), store.changes.begin() + chunk.begin);
    store.unreadable.merge(chunk.unreadable);
  });
  store.pixels = std::shared_ptr<const uint8_t>(memory, memory->data());
  return store;
}

}  // namespace fqgan
