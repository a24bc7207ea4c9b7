// In which chunks the images of a data set go through a trained network that scores or classifies them.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "fqgan/data/dataset.h"

namespace fqgan {

/// Images [first, first + count) go through a network together; the first `known` of them were in a chunk before.
struct Chunk {
  int64_t first, count, known;
};

/// All images once. batch: Scorer::batch; where it is set, the last chunk reaches back into the one before so that it
/// is as large as the others, as in train_svhn_*.py of openai/improved-gan. An image keeps its first score: in a whole
/// chunk it does not depend on how many images follow. Fewer images than `batch` are one chunk. otherwise: the size
/// where `batch` is 0.
std::vector<Chunk> chunks_of(int64_t images, int64_t batch, int64_t otherwise);

struct ChunkPixels {
  torch::Tensor images, labels;  // uint8 N x C x H x W, channels_last; int64 N: -1 where an image has none
};
ChunkPixels read_chunk(const Dataset& images, const Chunk& chunk);

}  // namespace fqgan
