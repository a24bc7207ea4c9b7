// What training knows of a model family: networks, optimizers, averages, image streams and phases, all by name. The
// loop (fqgan/training) runs phases; it knows no method and no architecture. A family knows no files and no loop.
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

/// A batch as networks take it: images in [-1, 1], in the compute type, on the device, channels_last.
struct Batch {
  torch::Tensor images;  // N x C x H x W
  torch::Tensor labels;  // int64, N; undefined without classes
};

/// One call of a phase's `gradients`: one micro-batch. The loop's side of the conversation.
class Step {
 public:
  explicit Step(Streams streams, const Ranks* ranks = nullptr) : random(std::move(streams)), ranks(ranks) {}
  virtual ~Step() = default;
  /// The next batch of an image stream.
  virtual Batch next(const std::string& stream) = 0;
  /// The same batch for every phase of an iteration (by micro-batch).
  virtual Batch shared(const std::string& stream) = 0;
  /// A training pass over rows in this order, with update_state on.
  virtual Pass pass(std::vector<Segment> segments) = 0;
  /// Adds the gradients of loss / accumulate. Any number of times. Errors: NumericalError when the loss is not finite.
  virtual void backward(const torch::Tensor& loss) = 0;
  /// A value for the log, averaged over the calls since the last report. The scalar is read when the report is due.
  virtual void report(const std::string& name, const torch::Tensor& value) = 0;
  /// Reports all log entries of the pass's taps: "fq/<tap>/<real or fake>/<entry>".
  void report_taps(const Pass& pass);

  /// Keeps tensors (some may be undefined) for a later phase of this iteration, for the same micro-batch. The loop
  /// clears what was not taken, also after an exception. Errors: InternalError when the name is taken already.
  virtual void hand_on(const std::string& name, std::vector<torch::Tensor> tensors) = 0;
  /// What was handed on, once. Errors: InternalError when there is none.
  virtual std::vector<torch::Tensor> take(const std::string& name) = 0;

  /// Draws for the global batch of `rows` rows, each of shape `row`, of which this rank gets its part: rows / ranks
  /// x row. float32 (integers: int64), on the CPU. Errors: UserError when the ranks do not divide `rows`.
  torch::Tensor normal(int64_t rows, at::IntArrayRef row, const std::string& name);                   // N(0, 1)
  torch::Tensor uniform(int64_t rows, at::IntArrayRef row, const std::string& name);                  // [0, 1)
  torch::Tensor integers(int64_t below, int64_t rows, at::IntArrayRef row, const std::string& name);  // 0 .. below - 1

  /// This rank's rows of a global batch. Same error.
  int64_t rows(int64_t global) const { return rows_per_rank(global, ranks); }

  Counters at() const { return random.at(); }
  Streams random;
  const Ranks* ranks;  // the processes that share each batch; null: one
};

/// A part of an iteration that ends in one optimizer step (per repeat).
struct Phase {
  std::string name, optimizer;       // several phases may share one optimizer (Gmain and Greg)
  std::vector<std::string> trains;   // networks whose parameters take gradients; the others are frozen by the loop
  std::vector<std::string> records;  // networks that keep gradients too because a later phase of the same iteration
                                     // goes on from what they made here; their gradients are not stepped or cleared
  int64_t interval = 1;              // runs when iteration % interval == 0
  int64_t repeats = 1;               // optimizer steps an iteration
  int64_t accumulate = 1;            // micro-batches an optimizer step
  std::function<void(Step&)> gradients;
  std::function<void(Step&)> before_update, after_update;  // after_update: e.g. clipping rho; may be empty
};

struct OptimizerSpec {
  std::vector<std::string> networks;  // whose parameters it owns
  double learning_rate = 2e-4, beta1 = 0., beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.;
  bool epsilon_in_root = false;  // the step divides by sqrt(v + epsilon), not by sqrt(v) + epsilon
};

/// What an average makes of its network's floating buffers (statistics, spectral vectors); counters are always copied.
enum class AverageBuffers {
  average,  // as parameters: BigGAN-PyTorch's utils.ema
  copy      // stylegan2-ada-pytorch
};

/// A network that follows another: p <- decay p + (1 - decay) q after each iteration.
struct AverageSpec {
  std::string of;                              // network name
  std::shared_ptr<torch::nn::Module> network;  // of the same architecture; a copy of it when a training starts
  double decay = 0.9999;
  int64_t start = 0;       // iterations; before, the average is a copy
  bool ramp = false;       // decay_t = min(decay, (1 + t) / (10 + t))
  bool corrected = false;  // as Adam corrects its bias: the weighted mean of what there was, no initial weights in it
  // Images after which a network's part has halved, instead of `decay`: 0.5^(images of the iteration / half_life).
  std::optional<double> half_life = std::nullopt;
  double half_life_ramp = 0;  // more than 0: half_life is at most this fraction of the images seen before
  AverageBuffers buffers = AverageBuffers::average;
};

/// An endless stream of batches over a data set of the run.
struct StreamSpec {
  std::string dataset = "train";  // which of the run's data sets
  int64_t batch = 64;             // images a call
  bool repeats = false;           // a batch may hold an image several times: the set may be smaller than it
};

/// Where and how networks compute.
struct Numerics {
  torch::Device device = torch::kCPU;
  torch::ScalarType compute = torch::kFloat;  // of the activations: float32, bfloat16, float64
  bool reference_operators = false;           // plain reference operators
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
  std::map<std::string, torch::Tensor> state;  // whatever else must survive a resume
  Numerics numerics;
  // What inference can do with the family (models/inference.h); unset: it cannot.
  std::optional<GeneratorAccess> generator;
  std::optional<TranslatorAccess> translator;
  std::optional<Scorer> scorer, classifier;

  /// Once before the first iteration, never on resume: data-dependent initialisation, reference batch.
  virtual void prepare(Step&) {}
  virtual void after_iteration(Step&) {}
  /// Classes that the generator draws; 0: it is unconditional, or there is none.
  int64_t drawn_classes() const { return generator ? generator->space.classes : 0; }
  /// Errors: InternalError for a phase, optimizer or average that names what is not there.
  void check_names() const;
  /// Brings all networks and averages to numerics.device and the parameters' type.
  void place();
};

/// A family's options: the table [model] of a recipe.
struct FamilyOptions : Options {
  int64_t batch = 64;  // images of one kind a pass
  /// The data sets that the family's streams use.
  virtual std::vector<DatasetRequest> datasets() const { return {{"train"}}; }
  /// Problems of these options with this data, all of them. `data`: an info under each name that datasets() requests.
  virtual void check(const DataInfos& data, Problems& problems) const = 0;
  /// What check() finds, and a batch that is larger than the data.
  Problems problems(const DataInfos& data) const;
  /// Errors: UserError that joins every problem.
  void require(const DataInfos& data) const;
  /// Networks with initial weights that are a function of the seed; without a seed with zeros, for those who load
  /// weights into them or only need their shapes. Errors: as require().
  std::unique_ptr<Family> build(const DataInfos& data, const Numerics& numerics, std::optional<uint64_t> seed) const;

 protected:
  /// What build() returns, for data without problems.
  virtual std::unique_ptr<Family> make(const DataInfos& data, const Numerics& numerics, Streams& initial) const = 0;
};

}  // namespace fqgan
