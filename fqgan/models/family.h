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
  explicit Step(Streams streams) : random(std::move(streams)) {}
  virtual ~Step() = default;
  /// The next batch of an image stream.
  virtual Batch next(const std::string& stream) = 0;
  /// The same batch for every phase of an iteration (by micro-batch).
  virtual Batch shared(const std::string& stream) = 0;
  /// A training pass over rows in this order, with update_state on.
  virtual Pass pass(std::vector<Segment> segments) = 0;
  /// Adds the gradients of loss / accumulate. Any number of times. Errors: NumericalError when the loss is not finite.
  virtual void backward(const torch::Tensor& loss) = 0;
  /// A figure for the log, averaged over the calls since the last report. The scalar is read when the report is due.
  virtual void report(const std::string& name, const torch::Tensor& value) = 0;
  /// Reports every figure of the pass's taps ("fq/<tap>/<role>/<figure>").
  void report_taps(const Pass& pass);

  Counters at() const { return random.at(); }
  Streams random;
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

/// A network that follows another: p <- decay p + (1 - decay) q after each iteration, for parameters and buffers.
struct AverageSpec {
  std::string of;  // network name
  std::shared_ptr<torch::nn::Module> network;
  double decay = 0.9999;
  int64_t start = 0;       // iterations; before, the average is a copy
  bool ramp = false;       // decay_t = min(decay, (1 + t) / (10 + t))
  bool corrected = false;  // as Adam corrects its bias: the weighted mean of what there was, no initial weights in it
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
  bool twin = false;                          // plain reference operators
  torch::ScalarType parameters() const { return compute == torch::kDouble ? torch::kDouble : torch::kFloat; }
  /// pixels: uint8, N x C x H x W; labels: int64, N.
  Batch batch(const torch::Tensor& pixels, const torch::Tensor& labels) const;
  /// A pass that neither trains nor changes the networks.
  Pass pass(Streams& random) const;
};

struct SampleOptions {
  bool average = true;  // the averaged generator, where the family has one
  uint64_t seed = 0;
  std::vector<int64_t> labels;       // the class of each image, repeated as needed; empty: drawn uniformly
  std::optional<double> truncation;  // latents beyond it are drawn again; unset: none
  torch::Tensor latents;             // N x Z instead of drawn ones; undefined: drawn
};

/// Images one after another, from a generator.
struct Sampler {
  struct Images {
    torch::Tensor pixels, labels;
  };  // float32 N x C x H x W in [-1, 1]; int64 N or undefined
  virtual ~Sampler() = default;
  virtual Images next(int64_t count) = 0;
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
  int64_t classes = 0;      // that the generator knows; 0: unconditional
  bool classifies = false;  // it has a classifier of the data's classes
  /// Images that judge and classify take at a time where the rows of a batch meet (minibatch discrimination): as many
  /// as in training. 0: any number.
  int64_t judged_together = 0;

  /// Once before the first iteration, never on resume: data-dependent initialisation, reference batch.
  virtual void prepare(Step&) {}
  virtual void after_iteration(Step&) {}
  /// Draws images without touching the networks' state. Errors: UserError for a class out of range, latents of another
  /// width, a family that cannot sample.
  virtual std::unique_ptr<Sampler> sampler(const SampleOptions& options) = 0;
  /// Logits N of images as the trained discriminator sees them: its state is only read; pass.reports tells what stands
  /// at its taps. Errors: UserError for a family without such a discriminator.
  virtual torch::Tensor judge(const Batch& images, Pass& pass);
  /// Class logits N x K of images as the trained classifier sees them; its state is only read. Errors: UserError for a
  /// family without one.
  virtual torch::Tensor classify(const Batch& images, Pass& pass);
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
  /// Errors: UserError that joins every problem which check() finds.
  void require(const DataInfos& data) const;
  /// Networks with initial weights from (seed, "initialise", ...). Errors: as require().
  std::unique_ptr<Family> build(const DataInfos& data, const Numerics& numerics, uint64_t seed) const;

 protected:
  /// What build() returns, for data without problems.
  virtual std::unique_ptr<Family> make(const DataInfos& data, const Numerics& numerics, uint64_t seed) const = 0;
};

}  // namespace fqgan
