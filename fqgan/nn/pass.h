// The context of one forward pass: every mode, random stream and side result is in this value, never in a global, a
// thread-local or a train()/eval() flag. Layers take it as their last argument.
#pragma once

#include <c10/core/ScalarType.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "fqgan/core/streams.h"
#include "fqgan/nn/ranks.h"

namespace fqgan {

/// The kind of images in a segment of a batch.
enum class Role { real, fake, labelled, unlabelled, reference };
const char* role_name(Role role);

struct Segment {
  Role role;
  int64_t rows;  // images, in batch order
};

/// The real rows of a batch (labelled and unlabelled ones too), or its fake rows.
struct RowGroup {
  struct Range {
    int64_t first, rows;
  };
  Role role;                  // real or fake
  std::vector<Range> ranges;  // in order
  int64_t rows() const;
  /// Selects these rows of a tensor, in order: a view if they are contiguous.
  at::Tensor of(const at::Tensor& batch) const;
};

/// What a tap module reports about one group of rows. Tensors, so that nothing waits for a device before a report.
struct TapReport {
  std::string tap;
  Role role;                // real or fake
  at::Tensor loss;          // [rows]: a term of the objective, or undefined
  at::Tensor codes, error;  // [rows, H, W], [rows]: a quantizer's codes and errors, without gradient
  /// Computes the other log entries: scalars without gradient (perplexity, used_codes, ...). May be empty.
  std::function<std::map<std::string, at::Tensor>()> log_entries;
};

struct Pass {
  explicit Pass(Streams& streams) : random(streams) {}

  bool training = false;                // use batch statistics, noise, dropout
  bool update_state = false;            // update running statistics, spectral vectors, dictionaries
  bool initialise = false;              // data-dependent initialisation (once, from Family::prepare)
  bool reference_operators = false;     // use plain reference operators; needed for float64 and to record a network
  bool penalty = false;                 // the gradient of this pass is differentiated itself: layers without operators
                                        // for this use the reference operators
  int64_t standing = 0;                 // k > 0: the k-th batch of BigGAN's standing statistics, which average batch
                                        // statistics: stored += (batch - stored) / k
  at::ScalarType compute = at::kFloat;  // type of the activations; the parameters keep their type
  double images_seen = 0;               // for warm-ups
  std::vector<Segment> segments;        // the rows of this rank's batch, in order; empty: all of one kind
  Streams& random;
  const Ranks* ranks = nullptr;  // the processes of a distributed training; null: a single process

  std::string network;  // prefix of a tap's name ("global_a" -> "global_a/block0"); empty if a family has one D

  std::set<std::string> keep;                  // taps whose features are wanted, without the network's name
  std::map<std::string, at::Tensor> features;  // filled: N x C x H x W, by the names in keep
  std::vector<TapReport> reports;

  /// Whether layers whose fast operators can be differentiated once have to use the reference operators.
  bool plain() const { return reference_operators || penalty; }
  int64_t rows() const;  // sum over segments
  /// The rows of every segment with this role, in order. Errors: InternalError when there is none.
  at::Tensor rows_of(const at::Tensor& batch, Role role) const;
  /// The real and the fake rows of a batch of `rows` images, in the order of their first rows; all are real when the
  /// pass has no segments. Errors: InternalError when the segments hold another number of rows.
  std::vector<RowGroup> groups(int64_t rows) const;
  /// The FQ term of an objective (FQ-GAN, section 3.2): the sum over taps of the mean loss over fake rows plus the mean
  /// loss over real rows (not the mean of the joint batch). A zero scalar when no tap reported a loss.
  at::Tensor tap_loss() const;
};

}  // namespace fqgan
