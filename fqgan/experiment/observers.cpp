#include "fqgan/experiment/observers.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/inference/chunks.h"
#include "fqgan/inference/grid_plan.h"
#include "fqgan/models/family.h"
#include "fqgan/plot/grid.h"
#include "fqgan/run/log_reader.h"

namespace fqgan {
namespace {

constexpr const char* offset_prefix = "log.";

}  // namespace

RunRecorder::RunRecorder(const RunFolder& folder)
    : folder_(folder),
      events_name_(folder.events().filename()),
      log_(folder.log()),
      events_(folder.path() / events_name_) {}

void RunRecorder::on_report(const Report& report) {
  const auto& progress = report.progress;
  nlohmann::ordered_json line{{"step", progress.at.iteration},
                              {"images", progress.at.images_seen},
                              {"seconds", progress.seconds},
                              {"images_per_second", progress.images_per_second}};
  for (const auto& [name, value] : report.entries) {
    line[name] = value;
    events_.scalar(name, value, progress.at.iteration);
  }
  events_.scalar("images_per_second", progress.images_per_second, progress.at.iteration);
  log_.append(line.dump());
  last_ = report.entries;
}

void RunRecorder::refuse_divergence() const {
  constexpr double limit = 1e6;
  auto last = last_;
  if (last.empty())  // a finished run was resumed
    for (const auto& record : read_log(folder_.log())) last = record.numbers;
  for (const auto& [name, value] : last)
    if (name.starts_with("loss/") && !(std::abs(value) < limit))
      throw NumericalError(name, "the training has diverged: at its end this loss is " + significant(value, 3) +
                                     ". Its checkpoints are kept. Hint: lower the learning rates");
}

void RunRecorder::save(std::map<std::string, std::string>& metadata) {
  metadata[std::string(offset_prefix) + "log.jsonl"] = std::to_string(log_.flush());
  metadata[std::string(offset_prefix) + events_name_.string()] = std::to_string(events_.flush());
}

LogOffsets RunRecorder::offsets(const std::map<std::string, std::string>& metadata) {
  LogOffsets offsets;
  for (const auto& [key, value] : metadata)
    if (key.starts_with(offset_prefix))
      offsets[key.substr(std::string(offset_prefix).size())] = number_of(metadata, key, "resume");
  return offsets;
}

/// Pairs: a source image, then its translation. -> float32 2 count x C x H x W
torch::Tensor SampleGrids::translated(Family& family, SampleOptions options, int64_t count) const {
  options.source = sets_.at(direction_named(*family.translator, options.direction).source);
  count = std::min(count, options.source->info().images);
  const auto pixels = read_chunk(*options.source, {0, count, 0});
  const auto before = pixels.images.to(torch::kFloat).div_(127.5).sub_(1);
  return at::stack({before, open_sampler(family, options)->next(count).pixels}, 1).flatten(0, 1);
}

void SampleGrids::on_samples(const Progress& progress, Family& family) {
  auto options = options_;
  if (!family.generator && !family.translator) return;
  auto plan = plan_grid(data_, {});
  options.labels = plan.labels;
  if (!family.generator) plan.grid.columns = std::max<int64_t>(2, plan.grid.columns / 2 * 2);  // whole pairs in a row
  const auto images = family.generator ? open_sampler(family, options)->next(plan.count).pixels
                                       : translated(family, options, std::max<int64_t>(1, plan.count / 2));
  if (!plan.left_out.empty() && !said_left_out_) log_info("samples: " + plan.left_out);
  said_left_out_ = true;
  const auto picture = make_grid(to_pixels(images), plan.grid);
  const auto png = encode_png(picture);
  write_file_atomically(folder_.samples(progress.at.iteration), png);
  events_.image("samples", png, picture.size(1), picture.size(2), progress.at.iteration);
}

}  // namespace fqgan
