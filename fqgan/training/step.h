// The loop's implementation of a step: image streams, passes, gradients, log entries.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "fqgan/data/store/loader.h"
#include "fqgan/models/family.h"
#include "fqgan/training/log_entries.h"

namespace fqgan {

/// A family's image streams, and their batches in use.
class ImageStreams {
 public:
  /// With several ranks the batches are this rank's part. Errors: UserError when the ranks do not divide a batch.
  ImageStreams(const Family& family, const std::map<std::string, const Dataset*>& datasets, uint64_t seed, bool flip,
               const Ranks* ranks);
  Batch next(const std::string& stream, const Numerics& numerics);
  Batch shared(const std::string& stream, int64_t micro_batch, const Numerics& numerics);
  void start_iteration() { shared_.clear(); }

  int64_t images_taken() const;
  std::map<std::string, int64_t> cursors() const;
  void seek(const std::string& stream, int64_t cursor);

 private:
  Loader& loader(const std::string& stream);
  std::map<std::string, std::unique_ptr<Loader>> loaders_;
  std::map<std::pair<std::string, int64_t>, Batch> shared_;
};

/// Tensors that phases hand on to later ones, by name and micro-batch; the loop clears them after every iteration.
using HandedOn = std::map<std::pair<std::string, int64_t>, std::vector<torch::Tensor>>;

class LoopStep : public Step {
 public:
  LoopStep(Streams streams, ImageStreams& images, LogEntries& entries, HandedOn& handed_on, const Numerics& numerics,
           int64_t accumulate, const Ranks* ranks, bool& broken_loss);
  Batch next(const std::string& stream) override;
  Batch shared(const std::string& stream) override;
  Pass pass(std::vector<Segment> segments) override;
  void backward(const torch::Tensor& loss) override;
  void report(const std::string& name, const torch::Tensor& value) override;
  void hand_on(const std::string& name, std::vector<torch::Tensor> tensors) override;
  std::vector<torch::Tensor> take(const std::string& name) override;

 private:
  ImageStreams& images_;
  LogEntries& entries_;
  HandedOn& handed_on_;
  const Numerics& numerics_;
  int64_t accumulate_;
  bool& broken_loss_;
};

}  // namespace fqgan
