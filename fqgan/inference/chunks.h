// Divides the images of a data set into chunks for scoring and classification.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "fqgan/data/dataset.h"

namespace fqgan {

/// Images [first, first + count) are one batch; the first `known` of them were already in the chunk before.
struct Chunk {
  int64_t first, count, known;
};

/// Chunks of all images. batch: Scorer::batch. If it is set, the last chunk overlaps the one before so that it is as
/// large as the others, as in train_svhn_*.py of openai/improved-gan; an image keeps its first score. Fewer images than
/// `batch` are one chunk. otherwise: the size of a chunk if `batch` is 0.
std::vector<Chunk> chunks_of(int64_t images, int64_t batch, int64_t otherwise);

struct ChunkPixels {
  torch::Tensor images, labels;  // uint8 N x C x H x W, channels_last; int64 N, -1: no label
};
ChunkPixels read_chunk(const Dataset& images, const Chunk& chunk);

}  // namespace fqgan
