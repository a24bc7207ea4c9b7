// Evaluation while training: a pure reader of the averages, with random streams of its own, so that a run with it ends
// in the same bits as one without.
#pragma once

#include "fqgan/experiment/evaluation_side.h"
#include "fqgan/experiment/training_sets.h"
#include "fqgan/run/event_file.h"
#include "fqgan/run/json_lines.h"
#include "fqgan/run/run_folder.h"
#include "fqgan/training/observer.h"

namespace fqgan {

/// What a training measures its generated images with, and against what. The metric "error" is the fraction of the test
/// split's images that a family's own classifier gets wrong.
class TrainingEvaluator {
 public:
  /// Opens files and views, and refuses what cannot be measured: `family` as it was built for images of `data`; `sets`:
  /// the training's data sets, which must outlive this.
  /// Errors: UserError.
  TrainingEvaluator(const Recipe& recipe, std::shared_ptr<OpenedData> opened, const DataInfo& data,
                    const DatasetsByName& sets, const Family& family);
  /// The slow part, once: trains the classifier if the cache has none, and reads the other side's images.
  void prepare();
  /// The metrics of the averages as they are. Needs prepare().
  Evaluation measure(Family& family) const;

  const EvaluationOptions& options() const { return options_; }
  /// "2000 images against 10000", or which images are classified.
  std::string scope() const;
  /// Generated images, and what they are held against.
  std::pair<int64_t, int64_t> counts() const;
  bool smaller_is_better(const std::string& metric) const;
  /// The first value of `metric`, by its full name. Needs prepare().
  std::string value_name(const std::string& metric) const;

 private:
  void check();
  Evaluation measure_images(Family& family) const;
  void open_images(const Recipe& recipe, const DataInfo& data, const DatasetsByName& sets, const Family& family);

  EvaluationOptions options_;
  std::vector<std::string> of_images_;  // the metrics of generated images; the other is "error", of the classifier
  const Dataset* source_ = nullptr;     // what a translator starts from; the training's, and outlives this
  std::shared_ptr<OpenedData> data_;
  std::shared_ptr<const Dataset> test_;  // what the classifier classifies
  torch::Device device_;
  SideFacts generated_;
  Side against_;
  Measured measured_;  // of `against_`
  std::unique_ptr<FeatureExtractor> extractor_;
};

/// metrics.jsonl, TensorBoard scalars, curves/<metric>.png and checkpoints/best.safetensors.
class EvaluationRecorder : public Observer {
 public:
  /// `evaluator`: prepared; null: no evaluations, but the lines that are there stay. `checkpoint` gives what a best
  /// checkpoint holds.
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
  void keep_if_best(int64_t step);
  std::optional<Point> best() const;

  const RunFolder& folder_;
  TrainingEvaluator* evaluator_;
  EventFile& events_;
  std::function<Checkpoint()> checkpoint_;
  std::optional<JsonLines> lines_;
  std::vector<Point> points_;  // of the whole run
};

}  // namespace fqgan
