#include "fqgan/data/store/loader.h"

#include <ATen/ops/empty.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "fqgan/core/error.h"
#include "fqgan/data/store/augmentation.h"
#include "fqgan/data/store/order.h"

namespace fqgan {

// Workers claim batches by number and fill them; next() takes them in order. A seek starts a new generation; batches
// that were claimed before it are dropped.
struct Loader::Impl {
  Impl(const Dataset& dataset, LoaderOptions options)
      : dataset(dataset),
        options(std::move(options)),
        orders(dataset.info().images, this->options.seed, this->options.stream),
        augmentation(dataset, this->options.flip, this->options.seed, this->options.stream) {
    const auto images = dataset.info().images, wanted = this->options.batch * this->options.ranks;
    FQGAN_CHECK(wanted > 0 && this->options.ahead > 0 && this->options.workers > 0,
                "batch, ahead and workers must be > 0");
    FQGAN_CHECK(this->options.rank >= 0 && this->options.rank < this->options.ranks, "rank must be below ranks");
    if (wanted > images && !this->options.repeats) {
      fail("data", "expected a batch of at most " + std::to_string(images) + " images, the size of the data set, got " +
                       std::to_string(wanted) + ". Hint: use a smaller batch, or more images");
    }
    const auto observer =
        c10::ThreadLocalDebugInfo::current();  // a memory profiler of this thread sees the workers' too
    for (int64_t i = 0; i < this->options.workers; ++i)
      workers.emplace_back([this, observer] {
        c10::ThreadLocalDebugInfo::_forceCurrentDebugInfo(observer);
        work();
      });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
  }

  int64_t images_per_batch() const { return options.batch * options.ranks; }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return stopping || claimed < taken + options.ahead; });
      if (stopping) return;
      const int64_t number = claimed++, mine = generation, first = start + number * images_per_batch();
      lock.unlock();
      Slot slot;
      try {
        slot.batch = filled(first + options.rank * options.batch);
      } catch (...) {
        slot.error = std::current_exception();
      }
      lock.lock();
      if (mine == generation) ready.emplace(number, std::move(slot));
      changed.notify_all();
    }
  }

  // Reuses the memory of a batch that nobody holds any more, because the system clears fresh memory page by page, which
  // takes as long as filling it.
  at::Tensor free_memory() {
    const auto& info = dataset.info();
    const std::lock_guard lock(mutex);
    for (const auto& one : memory) {
      if (one.use_count() > 1 || one.storage().use_count() > 1) continue;
      std::atomic_thread_fence(std::memory_order_acquire);  // after the reads of its last holder
      return one;
    }
    auto fresh = at::empty({options.batch, info.channels, info.height, info.width},
                           at::TensorOptions(at::kByte).memory_format(at::MemoryFormat::ChannelsLast));
    if (static_cast<int64_t>(memory.size()) < options.ahead + 2) memory.push_back(fresh);
    return fresh;
  }

  RawBatch filled(int64_t first) {
    const auto& info = dataset.info();
    RawBatch batch;
    batch.pixels = free_memory();
    batch.labels = at::empty({options.batch}, at::kLong);
    const int64_t stride = info.channels * info.height * info.width;
    for (int64_t i = 0; i < options.batch; ++i) {
      const int64_t epoch = (first + i) / info.images;
      const int64_t index = orders.at(epoch, (first + i) % info.images);
      auto* pixels = batch.pixels.mutable_data_ptr<uint8_t>() + i * stride;
      batch.labels.mutable_data_ptr<int64_t>()[i] = augmentation.read(epoch, index, pixels);
    }
    return batch;
  }

  RawBatch next() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ready.contains(taken); });
    auto slot = std::move(ready.extract(taken).mapped());
    if (slot.error) {
      ready.emplace(taken, slot);  // the error stays, because the images of this batch cannot be skipped
      std::rethrow_exception(slot.error);
    }
    ++taken;
    changed.notify_all();
    return std::move(slot.batch);
  }

  void seek(int64_t cursor) {
    FQGAN_CHECK(cursor >= 0, "a cursor counts from 0");
    const std::lock_guard lock(mutex);
    start = cursor;
    claimed = taken = 0;
    ++generation;
    ready.clear();
    changed.notify_all();
  }

  struct Slot {
    RawBatch batch;
    std::exception_ptr error;
  };
  const Dataset& dataset;
  const LoaderOptions options;
  EpochOrders orders;
  const Augmentation augmentation;
  std::mutex mutex;
  std::condition_variable changed;
  int64_t start = 0;               // cursor of batch 0
  int64_t claimed = 0, taken = 0;  // number of batches since the last seek
  int64_t generation = 0;
  bool stopping = false;
  std::map<int64_t, Slot> ready;      // by batch number
  std::vector<at::Tensor> memory;     // of batches, for reuse
  std::vector<std::jthread> workers;  // the last member, joined before the others are destroyed
};

Loader::Loader(const Dataset& dataset, LoaderOptions options)
    : impl_(std::make_unique<Impl>(dataset, std::move(options))) {}
Loader::~Loader() = default;
RawBatch Loader::next() { return impl_->next(); }
int64_t Loader::cursor() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->start + impl_->taken * impl_->images_per_batch();
}
void Loader::seek(int64_t cursor) { impl_->seek(cursor); }

}  // namespace fqgan
