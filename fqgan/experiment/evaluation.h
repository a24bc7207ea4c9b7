// Evaluation during a training. It only reads the averages and has its own random streams, so that a run with
// evaluation is bit-identical to one without.
#pragma once

#include "fqgan/experiment/evaluation_side.h"
#include "fqgan/experiment/training_sets.h"
#include "fqgan/run/event_file.h"
#include "fqgan/run/json_lines.h"
#include "fqgan/run/run_folder.h"
#include "fqgan/training/observer.h"

namespace fqgan {

/// Measures the generated images of a training against a reference set. The metric "error" is the test error of the
/// family's own classifier.
class TrainingEvaluator {
 public:
  /// Opens files and views, and refuses impossible metrics. `family`: built for images of `data`; `sets`: the
  /// training's data sets, which must outlive this. Errors: UserError.
  TrainingEvaluator(const Recipe& recipe, std::shared_ptr<OpenedData> opened, const DataInfo& data,
                    const DatasetsByName& sets, const Family& family);
  /// The slow part, called once: trains the classifier if the cache has none, and reads the reference images.
  void prepare();
  /// Measures the current averages. Needs prepare().
  Evaluation measure(Family& family) const;

  const EvaluationOptions& options() const { return options_; }
  /// The images of a measurement, for messages: "2000 images against 10000", or the images that are classified.
  std::string scope() const;
  /// The numbers of generated images and of reference images; unset: unknown, from statistics of another tool.
  std::pair<int64_t, std::optional<int64_t>> counts() const;
  bool smaller_is_better(const std::string& metric) const;
  /// The first value of `metric`, by its full name. Needs prepare().
  std::string value_name(const std::string& metric) const;

 private:
  void check();
  Evaluation measure_images(Family& family) const;
  void open_images(const Recipe& recipe, const DataInfo& data, const DatasetsByName& sets, const Family& family);

  EvaluationOptions options_;
  std::vector<std::string> of_images_;  // the metrics of generated images; the only other one is "error"
  const Dataset* source_ = nullptr;     // source images of a translator, from the training; must outlive this
  std::shared_ptr<OpenedData> data_;
  std::shared_ptr<const Dataset> test_;  // test images of the metric "error"
  torch::Device device_;
  bool labelled_ = false;  // whether the data has classes
  FeatureRequest request_;
  SideFacts generated_;
  Side against_;
  Measured measured_;                // of `against_`
  std::optional<Side> training_;     // if a metric compares with the training images
  std::optional<Measured> learned_;  // of `training_`
  std::unique_ptr<FeatureExtractor> extractor_;
};

/// Writes metrics.jsonl, TensorBoard scalars, curves/<metric>.png and checkpoints/best.safetensors.
class EvaluationRecorder : public Observer {
 public:
  /// `evaluator`: prepared; null: no evaluations, but existing lines are kept. `checkpoint` returns the content of a
  /// best checkpoint.
  EvaluationRecorder(const RunFolder& folder, TrainingEvaluator* evaluator, EventFile& events,
                     std::function<Checkpoint()> checkpoint);
  void on_start(const Progress& progress) override;
  void on_evaluation(const Progress& progress, Family& family) override;
  void on_end(const Progress& progress) override;
  void save(std::map<std::string, std::string>& metadata) override;

 private:
  struct Point {
    int64_t step;
    std::map<std::string, double> metrics;
  };
  void append(const Progress& progress, const Evaluation& evaluation);
  void draw_curves() const;
  void read_kept();
  void keep_if_best();

  const RunFolder& folder_;
  TrainingEvaluator* evaluator_;
  EventFile& events_;
  std::function<Checkpoint()> checkpoint_;
  std::optional<JsonLines> lines_;
  std::vector<Point> points_;  // all evaluations of the run
  std::optional<Point> kept_;  // of checkpoints/best.safetensors
  bool other_best_ = false;    // whether this file is the best by another metric or other features
};

}  // namespace fqgan
