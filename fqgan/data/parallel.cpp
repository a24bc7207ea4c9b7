#include "fqgan/data/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace fqgan {

void parallel_chunks(int64_t count, int64_t chunk, const std::function<void(int64_t, int64_t)>& work) {
  std::atomic<int64_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  const auto loop = [&] {
    try {
      for (int64_t begin = next.fetch_add(chunk); begin < count; begin = next.fetch_add(chunk)) {
        work(begin, std::min(begin + chunk, count));
      }
    } catch (...) {
      next = count;
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  const int64_t pieces = (count + chunk - 1) / chunk;
  const auto threads = std::min<int64_t>(pieces, std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::jthread> helpers;
  for (int64_t i = 1; i < threads; ++i) helpers.emplace_back(loop);
  loop();
  helpers.clear();  // joins
  if (error) std::rethrow_exception(error);
}

}  // namespace fqgan
