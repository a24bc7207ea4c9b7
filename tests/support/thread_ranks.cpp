#include "support/thread_ranks.h"

#include <ATen/ATen.h>

#include <barrier>
#include <thread>
#include <vector>

namespace fqgan::test {
namespace {

struct Meeting {
  explicit Meeting(int64_t count) : slots(count), gate(count) {}
  std::vector<at::Tensor> slots;
  std::barrier<> gate;
};

struct ThreadRank : Ranks {
  ThreadRank(Meeting& meeting, int64_t rank) : meeting(meeting), own(rank) {}
  int64_t rank() const override { return own; }
  int64_t size() const override { return static_cast<int64_t>(meeting.slots.size()); }
  void sum(at::Tensor& x) const override {
    meeting.slots[own] = x;
    meeting.gate.arrive_and_wait();
    auto total = meeting.slots[0];
    for (size_t r = 1; r < meeting.slots.size(); ++r) total = total + meeting.slots[r];
    meeting.gate.arrive_and_wait();
    x = total;
  }
  Meeting& meeting;
  int64_t own;
};

}  // namespace

void on_ranks(int64_t count, const std::function<void(const Ranks&)>& body) {
  Meeting meeting(count);
  std::vector<std::thread> threads;
  for (int64_t r = 0; r < count; ++r) threads.emplace_back([&, r] { body(ThreadRank(meeting, r)); });
  for (auto& thread : threads) thread.join();
}

}  // namespace fqgan::test
