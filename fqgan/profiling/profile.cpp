#include "fqgan/profiling/profile.h"

#include <algorithm>
#include <fstream>
#include <numeric>

#include "fqgan/ops/kernels/kernels.h"
#include "fqgan/profiling/clock.h"
#include "fqgan/profiling/recorder.h"

namespace fqgan {
namespace {

/// Times iterations and keeps the first one's losses.
struct Watch : Observer {
  explicit Watch(StepProfile& profile) : profile(profile) {}
  void on_start(const Progress&) override { started = seconds_now(); }
  void on_iteration(const Progress&) override {
    seconds.push_back(seconds_now() - started);
    started = seconds_now();
  }
  void on_report(const Report& report) override {
    if (report.progress.at.iteration == 1)
      for (const auto& [name, value] : report.figures)
        if (name.starts_with("loss/")) profile.losses[name] = value;
    started = seconds_now();
  }
  StepProfile& profile;
  double started = 0;
  std::vector<double> seconds;
};

/// The layers of all networks by the number that their scopes give.
std::map<std::string, std::string> layer_names(const Family& family) {
  std::map<std::string, std::string> names;
  for (const auto& [network, module] : family.networks)
    for (const auto& child : module->named_modules(network))
      names[std::to_string(reinterpret_cast<uintptr_t>(child.value().get()))] = child.key();
  return names;
}

void fill(const OperatorRecorder& recorder, const Family& family, double iterations, StepProfile& profile) {
  const auto names = layer_names(family);
  std::map<std::string, LayerProfile> layers;
  std::map<std::tuple<std::string, std::string, bool>, OperatorProfile> operators;
  for (const auto& [key, total] : recorder.totals()) {
    const auto found = names.find(key.layer);
    const auto name = found == names.end() ? "" : found->second;
    auto& layer = layers[name];
    layer.name = name;
    (key.backward ? layer.backward : layer.forward) += total.seconds / iterations;
    layer.operations += total.operations / iterations;
    layer.bytes += total.bytes / iterations;
    layer.bound += total.operations / iterations / (total.bfloat16 ? profile.peak_bfloat16 : profile.peak_float32);
    auto& entry = operators[{key.name, key.shapes, key.backward}];
    entry.name = key.name;
    entry.shapes = key.shapes;
    entry.backward = key.backward;
    entry.calls += static_cast<double>(total.calls) / iterations;
    entry.seconds += total.seconds / iterations;
    entry.operations += total.operations / iterations;
    entry.bytes += total.bytes / iterations;
  }
  for (auto& [name, layer] : layers) {
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

StepProfile profile_step(Family& family, const Dataset& images, uint64_t seed, const ProfileOptions& options) {
  StepProfile profile;
  LoopOptions loop_options;
  loop_options.seed = seed;
  auto& training = loop_options.training;
  training.iterations = options.warmup + options.iterations;
  training.log_every = 1;
  training.sample_every = training.checkpoint_every = 0;
  Watch watch(profile);
  Loop loop(family, {{"train", &images}}, loop_options);
  loop.run({&watch});
  profile.seconds.assign(watch.seconds.begin() + options.warmup, watch.seconds.end());
  profile.peak_memory = peak_resident_memory();
  if (!options.layers) return profile;
  profile.peak_float32 = measured_peak(false);
  profile.peak_bfloat16 = measured_peak(true);
  const OperatorRecorder recorder;
  const double started = seconds_now();
  for (int64_t i = 0; i < options.iterations; ++i) loop.iterate();
  profile.recorded_seconds = (seconds_now() - started) / static_cast<double>(options.iterations);
  fill(recorder, family, static_cast<double>(options.iterations), profile);
  return profile;
}

double measured_peak(bool bfloat16) {
  const auto& kernels = ops::kernels::active();
  const auto burn = bfloat16 ? kernels.burn_bfloat16 : kernels.burn_float32;
  constexpr int64_t rounds = 400000, side = 2048;
  const auto threads = at::get_num_threads();
  double best = 0;
  for (int repeat = 0; burn && repeat < 5; ++repeat) {
    std::vector<double> done(threads);
    const double started = seconds_now();
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
      for (auto t = begin; t < end; ++t) done[t] = burn(rounds);
    });
    const double seconds = seconds_now() - started;
    best = std::max(best, std::accumulate(done.begin(), done.end(), 0.) / seconds);
  }
  const auto a = at::ones({side, side}, bfloat16 ? at::kBFloat16 : at::kFloat);
  for (int repeat = 0; repeat < 3; ++repeat) {
    const double started = seconds_now();
    const auto product = at::mm(a, a);
    best = std::max(best, 2. * side * side * side / (seconds_now() - started));
  }
  return best;
}

double peak_resident_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024;
  return 0;
}

}  // namespace fqgan
