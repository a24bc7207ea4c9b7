#include "support/thread_ranks.h"

#include <ATen/ATen.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fqgan/core/error.h"

namespace fqgan::test {
namespace {

/// Another rank has failed or left: what stops those that would wait for it.
struct Abandoned : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where ranks meet: each brings tensors, and takes away those of all.
class Meeting {
 public:
  explicit Meeting(int64_t count) : slots_(count), present_(count) {}
  int64_t size() const { return static_cast<int64_t>(slots_.size()); }

  std::vector<std::vector<at::Tensor>> exchange(int64_t rank, const char* what, const std::vector<at::Tensor>& own) {
    std::unique_lock lock(mutex_);
    if (arrived_ == 0) what_ = what;
    if (what_ != what) {
      broken_ = true;
      changed_.notify_all();
      throw_internal(__FILE__, __LINE__, "what_ == what", "ranks call different collectives: " + what_ + ", " + what);
    }
    slots_[rank].clear();
    for (const auto& tensor : own) slots_[rank].push_back(tensor.detach().clone());  // its owner may write into it
    const auto mine = round_;
    if (++arrived_ == size()) {
      all_ = slots_;
      arrived_ = 0;
      ++round_;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return broken_ || round_ != mine || present_ < size(); });
    if (round_ == mine) throw Abandoned(std::string("another rank did not come to ") + what);
    return all_;  // the next round cannot begin before all have taken these: each must arrive again first
  }

  void leave(bool by_error) {
    const std::lock_guard lock(mutex_);
    broken_ |= by_error;
    --present_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<at::Tensor>> slots_, all_;
  std::string what_;
  int64_t arrived_ = 0, round_ = 0, present_;
  bool broken_ = false;
};

struct ThreadRank : Ranks {
  ThreadRank(Meeting& meeting, int64_t rank) : meeting(meeting), own(rank) {}
  int64_t rank() const override { return own; }
  int64_t size() const override { return meeting.size(); }
  void sum(std::vector<at::Tensor>& tensors) const override {
    const auto all = meeting.exchange(own, "sum", tensors);
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < tensors.size(); ++i) {
      auto total = all[0].at(i).clone();
      for (size_t r = 1; r < all.size(); ++r) total += all[r].at(i);
      tensors[i] = total;
    }
  }
  std::vector<at::Tensor> gather(const at::Tensor& tensor) const override {
    std::vector<at::Tensor> gathered;
    for (const auto& of_rank : meeting.exchange(own, "gather", {tensor})) gathered.push_back(of_rank.at(0).clone());
    return gathered;
  }
  void broadcast(std::vector<at::Tensor>& tensors, int64_t root) const override {
    const auto all = meeting.exchange(own, "broadcast", tensors);
    for (size_t i = 0; i < tensors.size(); ++i) tensors[i] = all.at(root).at(i).clone();
  }
  bool any(bool condition) const override {
    bool found = false;
    for (const auto& of_rank : meeting.exchange(own, "any", {at::full({}, condition)}))
      found |= of_rank.at(0).item<bool>();
    return found;
  }
  Meeting& meeting;
  int64_t own;
};

}  // namespace

void on_ranks(int64_t count, const std::function<void(const Ranks&)>& body) {
  Meeting meeting(count);
  std::mutex mutex;
  std::exception_ptr first, abandoned;  // the cause; and what it did to the others
  const auto run = [&](int64_t rank) {
    bool failed = true;
    try {
      body(ThreadRank(meeting, rank));
      failed = false;
    } catch (const Abandoned&) {
      const std::lock_guard lock(mutex);
      if (!abandoned) abandoned = std::current_exception();
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
    }
    meeting.leave(failed);
  };
  std::vector<std::thread> threads;
  for (int64_t r = 0; r < count; ++r) threads.emplace_back(run, r);
  for (auto& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
  if (abandoned) std::rethrow_exception(abandoned);
}

void CountingRanks::sum(std::vector<at::Tensor>& tensors) const {
  ++calls;
  if (inner) inner->sum(tensors);
}
std::vector<at::Tensor> CountingRanks::gather(const at::Tensor& tensor) const {
  ++calls;
  return inner ? inner->gather(tensor) : std::vector<at::Tensor>{tensor};
}
void CountingRanks::broadcast(std::vector<at::Tensor>& tensors, int64_t root) const {
  ++calls;
  if (inner) inner->broadcast(tensors, root);
}
bool CountingRanks::any(bool condition) const {
  ++calls;
  return inner ? inner->any(condition) : condition;
}

}  // namespace fqgan::test
