// The progress bar: redrawn in place on a terminal, occasional lines elsewhere.
#include <chrono>
#include <cstdio>

#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/experiment/observers.h"

namespace fqgan {
namespace {

constexpr double redraw_seconds = 0.2, plain_line_seconds = 10;
constexpr int bar_width = 24;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string clock_text(double seconds) {
  const auto total = static_cast<int64_t>(seconds + 0.5);
  char text[32];
  if (total >= 3600)
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", static_cast<long long>(total / 3600),
                  static_cast<long long>(total / 60 % 60), static_cast<long long>(total % 60));
  else
    std::snprintf(text, sizeof text, "%lld:%02lld", static_cast<long long>(total / 60),
                  static_cast<long long>(total % 60));
  return text;
}

class ProgressBar : public Observer {
 public:
  void on_start(const Progress& progress) override {
    start_iteration_ = progress.at.iteration;
    start_images_ = progress.at.images_seen;
    start_seconds_ = progress.seconds;
  }
  void on_iteration(const Progress& progress) override {
    if (!log_is_terminal() || now() - drawn_ < redraw_seconds) return;
    drawn_ = now();
    const auto filled = static_cast<int>(bar_width * progress.at.iteration / progress.iterations);
    log_status("[" + std::string(filled, '=') + std::string(bar_width - filled, ' ') + "] " + text(progress) + losses_);
  }
  void on_report(const Report& report) override {
    losses_.clear();
    for (const auto& [name, value] : report.entries)
      if (name.starts_with("loss/")) losses_ += part(name.substr(5), value);
    const bool last = report.progress.at.iteration == report.progress.iterations;
    if (log_is_terminal() || (!last && now() - drawn_ < plain_line_seconds)) return;
    drawn_ = now();
    log_info(text(report.progress) + losses_);
  }
  void on_end(const Progress& progress) override {
    log_status("");
    if (progress.at.iteration == start_iteration_ && start_iteration_ >= progress.iterations)
      return log_info("nothing left to train: the run is at iteration " + std::to_string(progress.at.iteration) +
                      ", training.iterations is " + std::to_string(progress.iterations));
    log_info("trained to iteration " + std::to_string(progress.at.iteration) + " of " +
             std::to_string(progress.iterations) + " in " + clock_text(progress.seconds) + ", " +
             std::to_string(static_cast<int64_t>(rate(progress))) + " images/s");
  }

 private:
  static std::string part(const std::string& name, double value) { return ", " + name + " " + fixed(value, 3); }
  double rate(const Progress& progress) const {
    const auto seconds = progress.seconds - start_seconds_;
    return seconds > 0 ? static_cast<double>(progress.at.images_seen - start_images_) / seconds : 0;
  }
  std::string text(const Progress& progress) const {
    const auto done = progress.at.iteration - start_iteration_;
    const auto left = done > 0 ? (progress.seconds - start_seconds_) / static_cast<double>(done) *
                                     static_cast<double>(progress.iterations - progress.at.iteration)
                               : 0.;
    return std::to_string(progress.at.iteration) + "/" + std::to_string(progress.iterations) + "  " +
           std::to_string(static_cast<int64_t>(rate(progress))) + " images/s, " + clock_text(left) + " left";
  }

  int64_t start_iteration_ = 0, start_images_ = 0;
  double start_seconds_ = 0, drawn_ = 0;
  std::string losses_;
};

}  // namespace

std::unique_ptr<Observer> progress_bar() { return std::make_unique<ProgressBar>(); }

}  // namespace fqgan
