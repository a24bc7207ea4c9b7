// The interface of a model family to the training loop: networks, optimizers, averages, image streams and phases, all
// by name. The loop (fqgan/training) runs phases and knows no method and no architecture; a family knows no files.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/core/fields.h"
#include "fqgan/data/dataset_request.h"
#include "fqgan/models/inference.h"
#include "fqgan/nn/pass.h"

namespace fqgan {

/// A batch as input of the networks: images in [-1, 1], in the compute type, on the device, channels_last.
struct Batch {
  torch::Tensor images;  // N x C x H x W
  torch::Tensor labels;  // int64, N; undefined without classes
};

/// What the loop offers to one call of a phase's `gradients`, which is one micro-batch.
class Step {
 public:
  explicit Step(Streams streams, const Ranks* ranks = nullptr) : random(std::move(streams)), ranks(ranks) {}
  virtual ~Step() = default;
  /// The next batch of an image stream.
  virtual Batch next(const std::string& stream) = 0;
  /// A batch of an image stream that is the same for every phase of an iteration (per micro-batch).
  virtual Batch shared(const std::string& stream) = 0;
  /// A training pass over these segments of rows, with update_state on.
  virtual Pass pass(std::vector<Segment> segments) = 0;
  /// A training pass whose gradient is differentiated itself, with activations in this type; it changes no state.
  Pass penalty_pass(std::vector<Segment> segments, at::ScalarType compute);
  /// Adds the gradients of loss / accumulate; may be called repeatedly. Errors: NumericalError for a loss not finite.
  virtual void backward(const torch::Tensor& loss) = 0;
  /// A value for the log, averaged over the calls since the last report. The scalar is read when the report is due.
  virtual void report(const std::string& name, const torch::Tensor& value) = 0;
  /// Reports all log entries of the pass's taps: "fq/<tap>/<real or fake>/<entry>".
  void report_taps(const Pass& pass);

  /// Keeps tensors (some may be undefined) for a later phase of this iteration, for the same micro-batch. At the end of
  /// the iteration the loop drops those that nobody took. Errors: InternalError when the name is taken already.
  virtual void hand_on(const std::string& name, std::vector<torch::Tensor> tensors) = 0;
  /// Returns the tensors that were handed on under this name, once. Errors: InternalError when there are none.
  virtual std::vector<torch::Tensor> take(const std::string& name) = 0;

  /// Draws random numbers for a global batch of `rows` rows of shape `row`, and returns this rank's rows / ranks of
  /// them. float32 (integers: int64), on the CPU. Errors: UserError when the ranks do not divide `rows`.
  torch::Tensor normal(int64_t rows, at::IntArrayRef row, const std::string& name);                   // N(0, 1)
  torch::Tensor uniform(int64_t rows, at::IntArrayRef row, const std::string& name);                  // [0, 1)
  torch::Tensor integers(int64_t below, int64_t rows, at::IntArrayRef row, const std::string& name);  // 0 .. below - 1

  /// Number of this rank's rows in a global batch. Same error.
  int64_t rows(int64_t global) const { return rows_per_rank(global, ranks); }

  Counters at() const { return random.at(); }
  Streams random;
  const Ranks* ranks;  // the processes of a distributed training; null: a single process
};

/// A part of an iteration that ends in one optimizer step (per repeat).
struct Phase {
  std::string name, optimizer;       // several phases may share one optimizer (Gmain and Greg)
  std::vector<std::string> trains;   // networks whose parameters get gradients; the loop freezes the others
  std::vector<std::string> records;  // networks that also build a graph, because a later phase of the iteration
                                     // differentiates their outputs; this phase neither steps nor clears them
  int64_t interval = 1;              // the phase runs when iteration % interval == 0
  int64_t repeats = 1;               // optimizer steps per iteration
  int64_t accumulate = 1;            // micro-batches per optimizer step
  std::function<void(Step&)> gradients;
  std::function<void(Step&)> before_update, after_update;  // after_update: e.g. clipping rho; may be empty
};

struct OptimizerSpec {
  std::vector<std::string> networks;  // whose parameters it updates
  double learning_rate = 2e-4, beta1 = 0., beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.;
  bool epsilon_in_root = false;  // divide by sqrt(v + epsilon), not by sqrt(v) + epsilon
};

/// How an averaged network treats floating buffers (statistics, spectral vectors); integer buffers are always copied.
enum class AverageBuffers {
  average,  // averaged like parameters, as in BigGAN-PyTorch's utils.ema
  copy      // copied, as in stylegan2-ada-pytorch
};

/// A moving average of a network's weights: average <- decay average + (1 - decay) weights after each iteration.
struct AverageSpec {
  std::string of;                              // name of the averaged network
  std::shared_ptr<torch::nn::Module> network;  // holds the average; starts as a copy
  double decay = 0.9999;
  int64_t start = 0;       // iteration at which averaging begins; until then the average is a copy
  bool ramp = false;       // decay_t = min(decay, (1 + t) / (10 + t))
  bool corrected = false;  // with Adam's bias correction: initial weights have no part in the average
  // Number of images after which the old average counts half; replaces `decay` by 0.5^(images per iteration /
  // half_life).
  std::optional<double> half_life = std::nullopt;
  double half_life_ramp = 0;  // above 0: half_life is at most this fraction of the images seen so far
  AverageBuffers buffers = AverageBuffers::average;
};

/// An endless stream of batches over a data set of the run.
struct StreamSpec {
  std::string dataset = "train";  // name of one of the run's data sets
  int64_t batch = 64;             // images per batch
  bool repeats = false;           // a batch may hold an image several times, so the set may be smaller than a batch
};

/// The device and the types in which networks compute.
struct Numerics {
  torch::Device device = torch::kCPU;
  torch::ScalarType compute = torch::kFloat;  // type of the activations: float32, bfloat16, float64
  bool reference_operators = false;           // use the plain reference operators
  torch::ScalarType parameters() const { return compute == torch::kDouble ? torch::kDouble : torch::kFloat; }
  /// pixels: uint8, N x C x H x W; labels: int64, N.
  Batch batch(const torch::Tensor& pixels, const torch::Tensor& labels) const;
  /// A pass that neither trains nor changes the networks.
  Pass pass(Streams& random) const;
};

class Family {
 public:
  virtual ~Family() = default;
  std::map<std::string, std::shared_ptr<torch::nn::Module>> networks;
  std::map<std::string, OptimizerSpec> optimizers;
  std::map<std::string, AverageSpec> averages;
  std::map<std::string, StreamSpec> streams;
  std::vector<Phase> phases;                   // in order
  std::map<std::string, torch::Tensor> state;  // other tensors that a checkpoint must hold
  Numerics numerics;
  // What inference can do with the family (models/inference.h); an unset member means that it cannot.
  std::optional<GeneratorAccess> generator;
  std::optional<TranslatorAccess> translator;
  std::optional<Scorer> scorer, classifier;

  /// Called once before the first iteration, not on resume: data-dependent initialisation, reference batch.
  virtual void prepare(Step&) {}
  virtual void after_iteration(Step&) {}
  /// Number of classes that the generator can draw; 0: it is unconditional, or there is no generator.
  int64_t drawn_classes() const { return generator ? generator->space.classes : 0; }
  /// Errors: InternalError for a phase, optimizer or average that names something the family does not have.
  void check_names() const;
  /// Moves all networks and averages to numerics.device and the parameters' type.
  void place();
};

/// A family's options: the table [model] of a recipe.
struct FamilyOptions : Options {
  int64_t batch = 64;
  /// The data sets that the family's streams use.
  virtual std::vector<DatasetRequest> datasets() const { return {{"train"}}; }
  /// Adds every problem that these options have with this data. `data`: one info for each of datasets().
  virtual void check(const DataInfos& data, Problems& problems) const = 0;
  /// The problems that check() finds, and a batch that is larger than the data.
  Problems problems(const DataInfos& data) const;
  /// Errors: UserError that joins every problem.
  void require(const DataInfos& data) const;
  /// Networks with initial weights that are a function of the seed; without a seed with zeros, for those who load
  /// weights into them or only need their shapes. Errors: as require().
  std::unique_ptr<Family> build(const DataInfos& data, const Numerics& numerics, std::optional<uint64_t> seed) const;

 protected:
  /// Makes the family that build() returns, for data without problems.
  virtual std::unique_ptr<Family> make(const DataInfos& data, const Numerics& numerics, Streams& initial) const = 0;
};

}  // namespace fqgan
