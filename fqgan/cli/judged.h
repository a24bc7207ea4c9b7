// How the images of a data set go through a trained network that judges them: in which chunks.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "fqgan/data/dataset.h"

namespace fqgan {

/// Images [first, first + count) go through a network together; the first `known` of them have been judged before.
struct JudgedChunk {
  int64_t first, count, known;
};

/// All images once. together: Family::judged_together; where it is set, the last chunk reaches back into the one before
/// so that it is as large as the others, as in train_svhn_*.py of openai/improved-gan. An image keeps its first
/// judgement: in a whole chunk it does not depend on how many images follow. Fewer than `together` are one chunk.
/// otherwise: the size where `together` is 0.
std::vector<JudgedChunk> judged_chunks(int64_t images, int64_t together, int64_t otherwise);

struct JudgedPixels {
  torch::Tensor images, labels;  // uint8 N x C x H x W, channels_last; int64 N: -1 where an image has none
};
JudgedPixels read_chunk(const Dataset& images, const JudgedChunk& chunk);

}  // namespace fqgan
