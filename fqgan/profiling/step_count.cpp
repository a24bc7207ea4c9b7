#include "fqgan/profiling/step_count.h"

#include <c10/core/Allocator.h>

#include <algorithm>
#include <atomic>

#include "fqgan/profiling/meta_operators.h"
#include "fqgan/profiling/recorder.h"
#include "fqgan/training/loop.h"

namespace fqgan {
namespace {

/// From construction to destruction the allocator of `meta`, which has no memory to give: counts what tensors would
/// hold. Tensors may outlive it.
class MetaMemory : public c10::Allocator {
 public:
  MetaMemory() : before_(c10::GetAllocator(c10::kMeta)), count_(std::make_shared<Count>()) {
    c10::SetAllocator(c10::kMeta, this);
  }
  ~MetaMemory() override { c10::SetAllocator(c10::kMeta, before_); }
  MetaMemory(const MetaMemory&) = delete;
  MetaMemory& operator=(const MetaMemory&) = delete;

  c10::DataPtr allocate(size_t bytes) override {
    count_->held += static_cast<int64_t>(bytes);
    use(0);
    auto* block = new Block{count_, static_cast<int64_t>(bytes)};
    return {nullptr, block, [](void* given) { delete static_cast<Block*>(given); }, c10::kMeta};
  }
  void copy_data(void*, const void*, size_t) const override {}
  /// What an operator holds for its own use while it runs.
  void use(int64_t bytes) { count_->peak = std::max(count_->peak.load(), count_->held + bytes); }
  int64_t peak() const { return count_->peak; }

 private:
  struct Count {
    std::atomic<int64_t> held = 0, peak = 0;
  };
  struct Block {
    ~Block() { count->held -= bytes; }
    std::shared_ptr<Count> count;
    int64_t bytes;
  };
  c10::Allocator* before_;
  std::shared_ptr<Count> count_;
};

/// Images of a data set that nobody looks at.
class BlackImages : public Dataset {
 public:
  explicit BlackImages(DataInfo info) : info_(std::move(info)) {}
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override {
    std::fill_n(pixels, info_.channels * info_.height * info_.width, uint8_t{0});
    return info_.classes ? index % info_.classes : -1;
  }
  std::string name(int64_t) const override { return "black"; }
  std::string key() const override { return "black"; }

 private:
  DataInfo info_;
};

/// Adds `weight` times the totals of all operators so far.
void add_totals(const OperatorRecorder& recorder, double weight, StepCount& count) {
  for (const auto& [key, total] : recorder.totals()) {
    count.bytes += weight * total.bytes;
    for (const auto& [product, times] : total.products) count.products[product] += weight * static_cast<double>(times);
  }
}

/// From now on phases that run in every k-th iteration only add 1 / k of what they take.
void weigh_phases(Family& family, const OperatorRecorder& recorder, StepCount& count) {
  for (auto& phase : family.phases) {
    if (phase.interval == 1) continue;
    const auto surplus = 1 - 1 / static_cast<double>(phase.interval);
    phase.gradients = [gradients = phase.gradients, surplus, &recorder, &count](Step& step) {
      add_totals(recorder, surplus, count);
      gradients(step);
      add_totals(recorder, -surplus, count);
    };
  }
}

}  // namespace

StepCount count_step(const FamilyOptions& options, const DataInfos& infos, const Numerics& numerics) {
  add_meta_operators();
  auto shapes_only = numerics;
  shapes_only.device = torch::kMeta;
  MetaMemory memory;
  const auto family = options.build(infos, shapes_only, std::nullopt);
  std::map<std::string, BlackImages> images;
  std::map<std::string, const Dataset*> datasets;
  for (const auto& [name, info] : infos) datasets[name] = &images.emplace(name, info).first->second;
  Loop loop(*family, datasets, {});
  StepCount count;
  {
    const OperatorRecorder recorder(numerics.device, [&](int64_t workspace) { memory.use(workspace); });
    weigh_phases(*family, recorder, count);
    loop.iterate();
    add_totals(recorder, 1, count);
  }
  count.memory = static_cast<double>(memory.peak());
  return count;
}

}  // namespace fqgan
