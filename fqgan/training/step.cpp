#include "fqgan/training/step.h"

#include "fqgan/core/error.h"
#include "fqgan/training/ranks.h"

namespace fqgan {

ImageStreams::ImageStreams(const Family& family, const std::map<std::string, const Dataset*>& datasets, uint64_t seed,
                           bool flip, const Ranks* ranks) {
  for (const auto& [name, spec] : family.streams) {
    const auto dataset = datasets.find(spec.dataset);
    if (dataset == datasets.end()) fail("data", "expected a data set '" + spec.dataset + "' for this family, got none");
    LoaderOptions options;
    options.stream = name;
    options.seed = seed;
    options.batch = rows_per_rank(spec.batch, ranks);
    options.rank = rank_in(ranks);
    options.ranks = ranks_in(ranks);
    options.repeats = spec.repeats;
    options.flip = flip;
    loaders_.emplace(name, std::make_unique<Loader>(*dataset->second, options));
  }
}

Loader& ImageStreams::loader(const std::string& stream) {
  const auto found = loaders_.find(stream);
  FQGAN_CHECK(found != loaders_.end(), "no image stream '" + stream + "'");
  return *found->second;
}

Batch ImageStreams::next(const std::string& stream, const Numerics& numerics) {
  const auto raw = loader(stream).next();
  return numerics.batch(raw.pixels, raw.labels);
}

Batch ImageStreams::shared(const std::string& stream, int64_t micro_batch, const Numerics& numerics) {
  auto& batch = shared_[{stream, micro_batch}];
  if (!batch.images.defined()) batch = next(stream, numerics);
  return batch;
}

int64_t ImageStreams::images_taken() const {
  int64_t total = 0;
  for (const auto& [name, loader] : loaders_) total += loader->cursor();
  return total;
}

std::map<std::string, int64_t> ImageStreams::cursors() const {
  std::map<std::string, int64_t> cursors;
  for (const auto& [name, loader] : loaders_) cursors[name] = loader->cursor();
  return cursors;
}

void ImageStreams::seek(const std::string& stream, int64_t cursor) { loader(stream).seek(cursor); }

LoopStep::LoopStep(Streams streams, ImageStreams& images, LogEntries& entries, HandedOn& handed_on,
                   const Numerics& numerics, int64_t accumulate, const Ranks* ranks, bool& broken_loss)
    : Step(std::move(streams), ranks),
      images_(images),
      entries_(entries),
      handed_on_(handed_on),
      numerics_(numerics),
      accumulate_(accumulate),
      broken_loss_(broken_loss) {}

Batch LoopStep::next(const std::string& stream) { return images_.next(stream, numerics_); }

Batch LoopStep::shared(const std::string& stream) { return images_.shared(stream, at().micro_batch, numerics_); }

Pass LoopStep::pass(std::vector<Segment> segments) {
  auto pass = numerics_.pass(random);
  pass.training = pass.update_state = true;
  pass.images_seen = static_cast<double>(at().images_seen);
  pass.segments = std::move(segments);
  pass.ranks = ranks;
  return pass;
}

void LoopStep::backward(const torch::Tensor& loss) {
  // This check would wait for a device; there the log entries are checked at the next report. A rank that throws alone
  // would leave the others waiting, so that with several ranks the loop throws on all when it averages the gradients.
  if (loss.is_cpu() && !at::isfinite(loss.detach()).item<bool>()) {
    if (!ranks) throw_broken_loss();
    broken_loss_ = true;
  }
  (accumulate_ == 1 ? loss : loss / static_cast<double>(accumulate_)).backward();
}

void LoopStep::report(const std::string& name, const torch::Tensor& value) { entries_.add(name, value); }

void LoopStep::hand_on(const std::string& name, std::vector<torch::Tensor> tensors) {
  const bool added = handed_on_.emplace(std::pair(name, at().micro_batch), std::move(tensors)).second;
  FQGAN_CHECK(added, "'" + name + "' was handed on already and not taken");
}

std::vector<torch::Tensor> LoopStep::take(const std::string& name) {
  auto found = handed_on_.extract({name, at().micro_batch});
  FQGAN_CHECK(!found.empty(), "no earlier phase of this iteration has handed on '" + name + "'");
  return std::move(found.mapped());
}

}  // namespace fqgan
