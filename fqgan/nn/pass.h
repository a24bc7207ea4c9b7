// One forward pass, explicit: every mode, random stream and side result of a forward travels in this value, never in a
// global, a thread-local or a train()/eval() flag. Layers take it as their last argument.
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

/// What the rows of a batch are.
enum class Role { real, fake, labelled, unlabelled, reference };
const char* role_name(Role role);

struct Segment {
  Role role;
  int64_t rows;  // images, in batch order
};

/// The rows of a batch that are real (labelled and unlabelled ones are) or fake.
struct RowGroup {
  struct Range {
    int64_t first, rows;
  };
  Role role;                  // real or fake
  std::vector<Range> ranges;  // in order
  int64_t rows() const;
  /// Those rows of a tensor of the batch, in order: a view when they are neighbours.
  at::Tensor of(const at::Tensor& batch) const;
};

/// What a tap module says of one group of rows. Tensors, so that nothing waits for a device until a report is due.
struct TapReport {
  std::string tap;
  Role role;                // real or fake
  at::Tensor loss;          // [rows]: to be added to the objective, or undefined
  at::Tensor codes, error;  // [rows, H, W], [rows]: of a quantizer; without gradient
  /// Computes what is logged besides: scalars without gradient (perplexity, used_codes, ...). May be empty.
  std::function<std::map<std::string, at::Tensor>()> log_entries;
};

struct Pass {
  explicit Pass(Streams& streams) : random(streams) {}

  bool training = false;                // batch statistics, noise, dropout
  bool update_state = false;            // running statistics, spectral vectors, dictionaries may be replaced
  bool initialise = false;              // data-dependent initialisation (once, from Family::prepare)
  bool reference_operators = false;     // plain reference operators; needed for double backward and float64
  int64_t standing = 0;                 // k > 0: the k-th batch of a pass that averages batch statistics (BigGAN's
                                        // standing statistics): stored += (batch - stored) / k
  at::ScalarType compute = at::kFloat;  // type of the activations; parameters stay as they are
  double images_seen = 0;               // for warm-ups
  std::vector<Segment> segments;        // the rows of this rank's batch, in order; empty: all of one kind
  Streams& random;
  const Ranks* ranks = nullptr;  // other processes that hold a share of the batch; null: none

  std::string network;  // goes before a tap's name ("global_a" -> "global_a/block0"); empty where a family has one D

  std::set<std::string> keep;                  // taps whose features are asked for, without the network's name
  std::map<std::string, at::Tensor> features;  // filled: N x C x H x W, by the names in keep
  std::vector<TapReport> reports;

  int64_t rows() const;  // sum over segments
  /// The rows of every segment with this role, in order. Errors: InternalError when there is none.
  at::Tensor rows_of(const at::Tensor& batch, Role role) const;
  /// The real and the fake rows of a batch of `rows` images, in the order of their first rows; all are real when the
  /// pass has no segments. Errors: InternalError when the segments hold another number of rows.
  std::vector<RowGroup> groups(int64_t rows) const;
  /// sum over taps of the mean loss over all fakes plus that over all reals: the FQ term of an objective (FQ-GAN,
  /// section 3.2; not the mean of the joint batch). A zero scalar when no tap reported a loss.
  at::Tensor tap_loss() const;
};

}  // namespace fqgan
