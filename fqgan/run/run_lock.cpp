#include "fqgan/run/run_lock.h"

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"

namespace fqgan {
namespace {

std::filesystem::path file_of(const std::filesystem::path& run) { return run / ".lock"; }

}  // namespace

RunLock::RunLock(const std::filesystem::path& run) {
  try {
    lock_.emplace(file_of(run));
  } catch (const SystemError& error) {
    fail(run.string(), std::string("expected a run folder to train in, got: ") + error.what());
  }
  bool locked = false;
  try {
    locked = lock_->try_lock();
  } catch (const SystemError& error) {
    log_warning(std::string(error.what()) + "; a second training in this folder would not be noticed");
    return;
  }
  if (locked) return;
  const auto holder = lock_->holder();
  fail(run.string(), "expected a run that no process is training, found one in training" +
                         (holder.empty() ? "" : " (process " + holder + ")") +
                         ". Hint: stop that process, or choose another --out");
}

bool RunLock::is_held(const std::filesystem::path& run) { return FileLock::is_held(file_of(run)); }

}  // namespace fqgan
