#include "fqgan/experiment/evaluation.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/checkpoint/weights.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/plot/curve.h"
#include "fqgan/run/log_reader.h"

namespace fqgan {
namespace {

constexpr const char* metrics_key = "metrics.";  // prefix of the names from read_log

/// The name of a plot's file: "kid[subset_size=500]/classifier-1a2b3c4d" -> "kid".
std::string picture_name(const std::string& name) { return name.substr(0, name.find_first_of("[/")); }

bool better(double value, double than, bool smaller_is_better) {
  return std::isfinite(value) && (!std::isfinite(than) || (smaller_is_better ? value < than : value > than));
}

}  // namespace

EvaluationRecorder::EvaluationRecorder(const RunFolder& folder, TrainingEvaluator* evaluator, EventFile& events,
                                       std::function<Checkpoint()> checkpoint)
    : folder_(folder), evaluator_(evaluator), events_(events), checkpoint_(std::move(checkpoint)) {
  if (evaluator_ || std::filesystem::exists(folder.metrics())) lines_.emplace(folder.metrics());
  for (const auto& record : read_log(folder.metrics())) {
    Point point{static_cast<int64_t>(record.numbers.at("step")), {}};
    for (const auto& [key, value] : record.numbers)
      if (key.starts_with(metrics_key)) point.metrics[key.substr(std::string(metrics_key).size())] = value;
    points_.push_back(std::move(point));
  }
  if (evaluator_) read_kept();
}

void EvaluationRecorder::on_start(const Progress&) {
  if (evaluator_ && !points_.empty()) draw_curves();  // removes points that a resume has cut off
}

void EvaluationRecorder::on_evaluation(const Progress& progress, Family& family) {
  if (!evaluator_) return;
  const auto evaluation = evaluator_->measure(family);
  if (points_.empty())
    for (const auto& warning : evaluation.warnings) log_info("evaluation: " + warning);
  append(progress, evaluation);
  draw_curves();
  keep_if_best();
}

void EvaluationRecorder::append(const Progress& progress, const Evaluation& evaluation) {
  Point point{progress.at.iteration, {}};
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object();
  std::string text;
  for (const auto& [name, value] : evaluation.values) {
    metrics[name] = value;
    point.metrics[name] = value;
    events_.scalar(name, value, progress.at.iteration);
  }
  for (const auto& metric : evaluator_->options().metrics) {
    const auto name = evaluator_->value_name(metric);
    const auto value = point.metrics.find(name);
    text += (text.empty() ? "" : ", ") + name + " " +
            (value == point.metrics.end() ? "is not defined" : significant(value->second, 4));
  }
  const auto [generated, against] = evaluator_->counts();
  lines_->append(nlohmann::ordered_json{
      {"step", progress.at.iteration},
      {"images", progress.at.images_seen},
      {"seconds", progress.seconds},
      {"counts",
       {{"generated", generated}, {"against", against ? nlohmann::ordered_json(*against) : nlohmann::ordered_json()}}},
      {"metrics",
       metrics}}.dump());
  points_.push_back(std::move(point));
  log_info("iteration " + std::to_string(progress.at.iteration) + ": " + text + " (" + evaluator_->scope() + ")");
}

/// Draws one plot per metric, of its first value; the standard deviation of KID and the inception score is a band.
void EvaluationRecorder::draw_curves() const {
  make_folder(folder_.path() / "curves");
  for (const auto& metric : evaluator_->options().metrics) {
    const auto name = evaluator_->value_name(metric), stem = picture_name(name);
    const auto spread = stem + "_std" + name.substr(stem.size());
    Curve curve;
    for (const auto& point : points_) {
      const auto value = point.metrics.find(name), stddev = point.metrics.find(spread);
      if (value == point.metrics.end()) continue;
      curve.x.push_back(static_cast<double>(point.step));
      curve.y.push_back(value->second);
      if (stddev != point.metrics.end()) curve.stddev.push_back(stddev->second);
    }
    if (curve.stddev.size() != curve.y.size()) curve.stddev.clear();
    PlotOptions options{name, "iteration", ""};
    const auto [least, most] = std::minmax_element(curve.y.begin(), curve.y.end());
    options.log_y = !curve.y.empty() && *least > 0 && *most > 10 * *least;
    const auto picture = fqgan::draw_curves({curve}, options);
    write_file_atomically(folder_.path() / "curves" / (stem + ".png"), encode_png(picture));
  }
}

/// The file counts as well as metrics.jsonl, which may have been lost.
void EvaluationRecorder::read_kept() {
  const auto& metric = evaluator_->options().keep_best;
  const auto path = folder_.best_checkpoint();
  if (!metric || !std::filesystem::exists(path)) return;
  const auto name = evaluator_->value_name(*metric);
  try {
    const auto metadata = read_checkpoint_header(path).metadata;
    const auto best = text_of(metadata, "best", path.string()), prefix = name + " = ";
    if (!best.starts_with(prefix)) {
      other_best_ = true;
      log_warning(path.string() + " is the best by " + best.substr(0, best.find(" = ")) +
                  ", which cannot be compared with " + name +
                  ": no better weights are kept. Hint: to keep some, move this file away");
      return;
    }
    const auto value = nlohmann::json::parse(best.substr(prefix.size()), nullptr, false);
    kept_ =
        Point{number_of(metadata, "iteration", path.string()), {{name, value.is_number() ? value.get<double>() : NAN}}};
  } catch (const UserError& error) {
    log_warning(std::string(error.what()) + ". The next evaluation replaces this file");
  }
}

void EvaluationRecorder::keep_if_best() {
  const auto& metric = evaluator_->options().keep_best;
  if (!metric || other_best_) return;
  const auto name = evaluator_->value_name(*metric);
  const auto& now = points_.back();
  if (!now.metrics.contains(name)) return;
  const auto beats = [&](const Point& other) {
    const auto value = other.metrics.find(name);
    return value == other.metrics.end() ||
           better(now.metrics.at(name), value->second, evaluator_->smaller_is_better(*metric));
  };
  if (!std::all_of(points_.begin(), points_.end() - 1, beats) || (kept_ && !beats(*kept_))) return;
  auto file = weights_only(checkpoint_());
  file.metadata["best"] = name + " = " + nlohmann::json(now.metrics.at(name)).dump();
  save_checkpoint(folder_.best_checkpoint(), file);
  kept_ = now;
}

void EvaluationRecorder::on_end(const Progress&) {
  if (!evaluator_) return;
  for (const auto& metric : evaluator_->options().metrics) {
    const auto name = evaluator_->value_name(metric);
    std::vector<const Point*> measured;  // with this name: other features give others
    for (const auto& point : points_)
      if (point.metrics.contains(name)) measured.push_back(&point);
    if (measured.empty()) continue;
    const auto at = [&](const Point& point) {
      return significant(point.metrics.at(name), 4) + " at iteration " + std::to_string(point.step);
    };
    const bool kept = kept_ && evaluator_->options().keep_best == metric;
    log_info(name + ": " + at(*measured.front()) + ", " + at(*measured.back()) +
             (kept ? "; best " + at(*kept_) + ", kept in checkpoints/best.safetensors" : ""));
  }
}

/// The offset is returned after a sync, so that a checkpoint never counts a line that a crash of the machine could
/// lose.
void EvaluationRecorder::save(std::map<std::string, std::string>& metadata) {
  if (lines_) metadata["log." + folder_.metrics().filename().string()] = std::to_string(lines_->flush());
}

}  // namespace fqgan
