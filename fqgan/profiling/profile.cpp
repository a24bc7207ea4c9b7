#include "fqgan/profiling/profile.h"

#include <algorithm>

#include "fqgan/nn/layer_scope.h"
#include "fqgan/profiling/clock.h"
#include "fqgan/profiling/memory.h"
#include "fqgan/profiling/rates.h"
#include "fqgan/profiling/recorder.h"

namespace fqgan {
namespace {

/// Times iterations and keeps the first one's losses.
struct Watch : Observer {
  Watch(StepProfile& profile, torch::Device device, int64_t warmup)
      : profile(profile), device(device), warmup(warmup) {}
  void on_start(const Progress&) override { started = phase_started = seconds_now(); }
  void on_phase(const std::string& name) override {
    wait_for(device);
    const auto now = seconds_now();
    if (iteration >= warmup) phases[name] += now - phase_started;
    phase_started = now;
  }
  void on_iteration(const Progress&) override {
    wait_for(device);
    seconds.push_back(seconds_now() - started);
    ++iteration;
    started = phase_started = seconds_now();
  }
  void on_report(const Report& report) override {
    if (report.progress.at.iteration == 1)
      for (const auto& [name, value] : report.entries)
        if (name.starts_with("loss/")) profile.losses[name] = value;
    started = phase_started = seconds_now();
  }
  StepProfile& profile;
  torch::Device device;
  int64_t warmup, iteration = 0;
  double started = 0, phase_started = 0;
  std::vector<double> seconds;
  std::map<std::string, double> phases;  // seconds of all iterations after the warm-up
};

/// The layers of all networks by the number that their scopes give.
std::map<std::string, std::string> layer_names(const Family& family) {
  std::map<std::string, std::string> names;
  for (const auto& [network, module] : family.networks)
    for (const auto& child : module->named_modules(network))
      names[std::to_string(reinterpret_cast<uintptr_t>(child.value().get()))] = child.key();
  return names;
}

struct Work {
  double operations = 0, at_peak = 0, bound = 0;  // floating-point operations; seconds
};

Work work_of(const OperatorTotals& total, const StepProfile& profile, ShapeRates& rates) {
  Work work;
  for (const auto& [product, times] : total.products) {
    const double operations = product.operations() * static_cast<double>(times);
    work.operations += operations;
    work.at_peak += operations / (product.bfloat16 ? profile.peak_bfloat16 : profile.peak_float32);
    work.bound += operations / rates.rate(product);
  }
  return work;
}

void fill(const OperatorRecorder& recorder, const Family& family, double iterations, StepProfile& profile) {
  const auto names = layer_names(family);
  ShapeRates rates;
  std::map<std::string, LayerProfile> layers;
  std::map<std::tuple<std::string, std::string, bool>, OperatorProfile> operators;
  for (const auto& [key, total] : recorder.totals()) {
    const auto found = names.find(key.layer);
    const auto name = found == names.end() ? "" : found->second;
    auto& layer = layers[name];
    layer.name = name;
    (key.backward ? layer.backward : layer.forward) += total.seconds / iterations;
    const auto work = work_of(total, profile, rates);
    layer.operations += work.operations / iterations;
    layer.bytes += total.bytes / iterations;
    layer.at_peak += work.at_peak / iterations;
    layer.bound += std::min(work.bound, total.seconds) / iterations;
    const bool scope = key.name.starts_with(layer_scope_prefix);  // the layer's own work between its operators
    auto& entry = operators[{scope ? name : key.name, key.shapes, key.backward}];
    entry.name = scope ? name : key.name;
    entry.shapes = key.shapes;
    entry.backward = key.backward;
    entry.calls += static_cast<double>(total.calls) / iterations;
    entry.seconds += total.seconds / iterations;
    entry.operations += work.operations / iterations;
    entry.bytes += total.bytes / iterations;
  }
  for (auto& [name, layer] : layers) {
    profile.at_peak += layer.at_peak;
    profile.bound += layer.bound;
    profile.layers.push_back(layer);
  }
  for (auto& [key, entry] : operators) profile.operators.push_back(entry);
  std::sort(profile.layers.begin(), profile.layers.end(),
            [](const auto& a, const auto& b) { return a.forward + a.backward > b.forward + b.backward; });
  std::sort(profile.operators.begin(), profile.operators.end(),
            [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
}

}  // namespace

StepProfile profile_step(Family& family, const std::map<std::string, const Dataset*>& datasets, uint64_t seed,
                         const ProfileOptions& options) {
  StepProfile profile;
  LoopOptions loop_options;
  loop_options.seed = seed;
  auto& training = loop_options.training;
  training.iterations = options.warmup + options.iterations;
  training.log_every = 1;
  training.sample_every = training.checkpoint_every = 0;
  Watch watch(profile, family.numerics.device, options.warmup);
  Loop loop(family, datasets, loop_options);
  loop.run({&watch});
  profile.seconds.assign(watch.seconds.begin() + options.warmup, watch.seconds.end());
  for (const auto& phase : family.phases)
    profile.phases.push_back(
        {phase.name, phase.interval, watch.phases[phase.name] / static_cast<double>(options.iterations)});
  profile.peak_memory = peak_memory(family.numerics.device);
  if (!options.layers) return profile;
  profile.peak_float32 = measured_peak(false);
  profile.peak_bfloat16 = measured_peak(true);
  const OperatorRecorder recorder(family.numerics.device);
  const double started = seconds_now();
  for (int64_t i = 0; i < options.iterations; ++i) loop.iterate();
  profile.recorded_seconds = (seconds_now() - started) / static_cast<double>(options.iterations);
  fill(recorder, family, static_cast<double>(options.iterations), profile);
  return profile;
}

}  // namespace fqgan
