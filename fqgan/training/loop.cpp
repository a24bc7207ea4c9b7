#include "fqgan/training/loop.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/core/error.h"
#include "fqgan/models/weights.h"
#include "fqgan/nn/copy.h"
#include "fqgan/training/average.h"
#include "fqgan/training/log_entries.h"
#include "fqgan/training/machine.h"
#include "fqgan/training/ranks.h"
#include "fqgan/training/step.h"

namespace fqgan {
namespace {

constexpr const char* entries_prefix = "state.loop.entries.";

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// 0 for a checkpoint that does not tell.
double seconds_of(const std::map<std::string, std::string>& metadata) {
  const auto found = metadata.find("seconds");
  return found == metadata.end() ? 0 : std::strtod(found->second.c_str(), nullptr);
}

/// Drops the tensors that an iteration handed on, when it ends or throws.
struct Cleared {
  ~Cleared() { handed_on.clear(); }
  HandedOn& handed_on;
};

}  // namespace

struct Loop::Impl {
  Family& family;
  LoopOptions options;
  std::vector<Observer*> observers;
  ImageStreams images;
  LogEntries entries;
  HandedOn handed_on;
  std::map<std::string, Adam> optimizers;
  std::map<std::string, std::vector<torch::Tensor>> parameters;  // by network
  Counters at;
  bool prepared, shared = false;
  bool broken_loss = false;  // whether this rank had a loss that is not finite since the last optimizer step
  double started = 0, reported = 0, seconds_before = 0;  // seconds_before: of earlier processes
  int64_t images_reported = 0, checkpointed = -1, sampled = -1, evaluated = -1;

  Impl(Family& f, const std::map<std::string, const Dataset*>& datasets, LoopOptions o)
      : family(f),
        options(std::move(o)),
        images(f, datasets, options.seed, options.flip, options.ranks),
        prepared(options.fine_tune) {
    for (const auto& [name, network] : family.networks) parameters[name] = network->parameters();
    for (const auto& [name, average] : family.averages) {
      if (!options.fine_tune) copy_state(*family.networks.at(average.of), *average.network);
      for (auto& parameter : average.network->parameters()) parameter.requires_grad_(false);
    }
    for (const auto& [name, spec] : family.optimizers) optimizers.emplace(name, Adam(spec, owned(spec)));
  }

  std::map<std::string, torch::Tensor> owned(const OptimizerSpec& spec) const {
    std::map<std::string, torch::Tensor> named;
    for (const auto& network : spec.networks)
      for (const auto& [name, parameter] : family.networks.at(network)->named_parameters().pairs())
        named.emplace(network + "." + name, parameter);
    return named;
  }

  LoopStep step(int64_t phase, int64_t accumulate) {
    at.phase = phase;
    at.images_seen = images.images_taken();
    return LoopStep(Streams(options.seed, at), images, entries, handed_on, family.numerics, accumulate, options.ranks,
                    broken_loss);
  }

  void unfreeze_only(const Phase& phase) {
    const auto listed = [](const std::vector<std::string>& names, const std::string& name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    for (auto& [name, tensors] : parameters) {
      const bool wanted = listed(phase.trains, name) || listed(phase.records, name);
      for (auto& tensor : tensors) tensor.requires_grad_(wanted);
    }
  }

  void run_phase(int64_t index) {
    const auto& phase = family.phases[index];
    if (at.iteration % phase.interval) return;
    unfreeze_only(phase);
    auto& optimizer = optimizers.at(phase.optimizer);
    for (at.repeat = 0; at.repeat < phase.repeats; ++at.repeat) {
      optimizer.clear_gradients();
      for (at.micro_batch = 0; at.micro_batch < phase.accumulate; ++at.micro_batch) {
        auto micro = step(index, phase.accumulate);
        phase.gradients(micro);
      }
      average_gradients(optimizer, std::exchange(broken_loss, false), options.ranks);
      auto micro = step(index, phase.accumulate);  // the index after the last micro-batch gives other random streams
      if (phase.before_update) phase.before_update(micro);
      optimizer.step(options.training.rate_factor(at.iteration));
      if (phase.after_update) phase.after_update(micro);
      at.micro_batch = 0;
    }
    at.repeat = 0;
    optimizer.clear_gradients();
    for (auto* observer : observers) observer->on_phase(phase.name);
  }

  void prepare() {
    if (!std::exchange(shared, true)) share_tensors(tensors(), options.ranks);  // all ranks start from rank 0's tensors
    if (prepared) return;
    auto first = step(prepare_phase, 1);
    family.prepare(first);
    prepared = true;
  }

  void iterate() {
    const Cleared cleared{handed_on};
    broken_loss = false;
    prepare();
    images.start_iteration();
    const auto seen = images.images_taken();
    for (size_t p = 0; p < family.phases.size(); ++p) run_phase(static_cast<int64_t>(p));
    for (const auto& [name, average] : family.averages)
      update_average(average, *family.networks.at(average.of), {at.iteration, images.images_taken() - seen, seen});
    auto last = step(after_iteration_phase, 1);
    family.after_iteration(last);
    ++at.iteration;
    at.images_seen = images.images_taken();
  }

  Progress progress() const {
    Progress progress{at, options.training.iterations, seconds_before + (started > 0 ? now() - started : 0)};
    progress.images_per_second =
        static_cast<double>(at.images_seen - images_reported) / std::max(now() - reported, 1e-9);
    return progress;
  }

  void report() {
    const Report due{progress(), entries.take(options.ranks)};
    for (auto* observer : observers) observer->on_report(due);
    reported = now();
    images_reported = at.images_seen;
  }

  void sample() {
    if (sampled == at.iteration) return;
    sampled = at.iteration;
    for (auto* observer : observers) observer->on_samples(progress(), family);
  }

  void evaluate() {
    if (evaluated == at.iteration) return;
    evaluated = at.iteration;
    for (auto* observer : observers) observer->on_evaluation(progress(), family);
  }

  /// Handles to everything that a checkpoint saves: the family's tensors and the optimizers' state.
  std::map<std::string, torch::Tensor> tensors() const {
    auto tensors = family_tensors(family);
    for (const auto& [name, optimizer] : optimizers)
      for (const auto& [key, tensor] : optimizer.state()) tensors.emplace("optimizer." + name + "." + key, tensor);
    return tensors;
  }

  Checkpoint checkpoint() const {
    Checkpoint saved{tensors(), options.metadata};
    for (const auto& [name, pair] : entries.state(options.ranks)) saved.tensors.emplace(entries_prefix + name, pair);
    auto& metadata = saved.metadata;
    metadata["kind"] = "full";
    metadata["iteration"] = std::to_string(at.iteration);
    metadata["attempt"] = std::to_string(at.attempt);
    metadata["images_seen"] = std::to_string(at.images_seen);
    for (const auto& [stream, cursor] : images.cursors()) metadata["cursor." + stream] = std::to_string(cursor);
    for (const auto& [key, value] : machine()) metadata[key] = value;
    return saved;
  }

  void save() {
    if (!options.checkpoint_path || checkpointed == at.iteration) return;
    auto saved = checkpoint();
    saved.metadata["seconds"] = std::to_string(progress().seconds);
    for (auto* observer : observers) observer->save(saved.metadata);
    for (const auto& [name, tensor] : saved.tensors)
      if (tensor.is_floating_point() && !at::isfinite(tensor).all().item<bool>())
        throw NumericalError(name,
                             "the values are not finite; the training has diverged. Earlier checkpoints are kept");
    const auto path = options.checkpoint_path(at.iteration);
    on_first_rank([&] { save_checkpoint(path, saved); }, options.ranks);
    checkpointed = at.iteration;
    for (auto* observer : observers) observer->on_checkpoint(progress(), path);
  }

  void restore(const Checkpoint& checkpoint) {
    if (text_of(checkpoint.metadata, "kind", "resume") != "full")
      fail("resume", "expected a full checkpoint, found one with weights only. Hint: start from weights with --from");
    load_tensors(checkpoint.tensors, tensors(), "resume", {});
    at.iteration = number_of(checkpoint.metadata, "iteration", "resume");
    at.attempt = number_of(checkpoint.metadata, "attempt", "resume");
    for (const auto& [stream, cursor] : images.cursors())
      images.seek(stream, number_of(checkpoint.metadata, "cursor." + stream, "resume"));
    std::map<std::string, torch::Tensor> pending;
    for (const auto& [name, tensor] : checkpoint.tensors)
      if (name.rfind(entries_prefix, 0) == 0) pending.emplace(name.substr(std::string(entries_prefix).size()), tensor);
    entries.restore(pending);
    prepared = true;
    checkpointed = at.iteration;
    if (at.iteration > 0) sampled = evaluated = at.iteration;  // a fine-tuning saves before its first images
    seconds_before = seconds_of(checkpoint.metadata);
    at.images_seen = images_reported = images.images_taken();
    compare_machine(checkpoint.metadata);
  }

  int run() {
    const auto& training = options.training;
    started = reported = now();
    for (auto* observer : observers) observer->on_start(progress());
    prepare();
    if (at.iteration == 0 && options.fine_tune) save();  // so that a resume does not start from initial weights
    if (at.iteration == 0 && training.sample_every > 0) sample();
    if (at.iteration == 0 && options.evaluate_every > 0) evaluate();
    int signal = 0;
    while (at.iteration < training.iterations && !signal) {
      iterate();
      const auto due = [&](int64_t every) { return every > 0 && at.iteration % every == 0; };
      for (auto* observer : observers) observer->on_iteration(progress());
      const bool last = at.iteration == training.iterations;
      if (due(training.log_every) || last) report();
      if (due(training.sample_every) || (last && training.sample_every > 0)) sample();
      if (due(options.evaluate_every) || (last && options.evaluate_every > 0)) evaluate();
      if (due(training.checkpoint_every) || last) save();  // last, because it saves the lengths of the logs
      if (options.interrupted) signal = shared_signal(options.interrupted(), options.ranks);
    }
    save();
    for (auto* observer : observers) observer->on_end(progress());
    return signal;
  }
};

Loop::Loop(Family& family, const std::map<std::string, const Dataset*>& datasets, LoopOptions options)
    : impl_(std::make_unique<Impl>(family, datasets, std::move(options))) {}
Loop::~Loop() = default;

void Loop::restore(const Checkpoint& checkpoint) { impl_->restore(checkpoint); }
int Loop::run(std::vector<Observer*> observers) {
  impl_->observers = rank_in(impl_->options.ranks) == 0 ? std::move(observers) : std::vector<Observer*>{};
  return impl_->run();
}
void Loop::iterate() { impl_->iterate(); }
Checkpoint Loop::checkpoint() const { return impl_->checkpoint(); }
const Counters& Loop::at() const { return impl_->at; }

}  // namespace fqgan
