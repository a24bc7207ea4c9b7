#include "fqgan/sweep/sweep_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "fqgan/core/text.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/plot/curve.h"
#include "fqgan/run/log_reader.h"

namespace fqgan {
namespace {

struct Spread {
  int64_t count = 0;
  double mean = 0, stddev = 0;  // sample standard deviation; 0 for one value
};

Spread spread_of(const std::vector<double>& values) {
  Spread spread{static_cast<int64_t>(values.size())};
  for (const auto value : values) spread.mean += value / static_cast<double>(values.size());
  for (const auto value : values) spread.stddev += (value - spread.mean) * (value - spread.mean);
  if (values.size() > 1) spread.stddev = std::sqrt(spread.stddev / static_cast<double>(values.size() - 1));
  return spread;
}

std::string number(double x) {
  return std::abs(x) >= 100 ? fixed(x, 0) : std::abs(x) >= 1 ? fixed(x, 2) : significant(x, 3);
}

std::string cell(const std::vector<double>& values) {
  if (values.empty()) return "";
  const auto spread = spread_of(values);
  return number(spread.mean) + (spread.count > 1 ? " ± " + number(spread.stddev) : "");
}

/// All metrics of the runs; the one whose name starts with `metric` comes first.
std::vector<std::string> value_names(const std::vector<Finding>& findings, const std::string& metric) {
  std::set<std::string> names;
  for (const auto& finding : findings)
    for (const auto& run : finding.runs)
      for (const auto& [name, value] : run.metrics) names.insert(name);
  std::vector<std::string> order(names.begin(), names.end());
  std::stable_partition(order.begin(), order.end(), [&](const auto& name) { return name.starts_with(metric); });
  return order;
}

/// The curve of means over runs, at the steps that all of them have.
Curve curve_of(const Finding& finding, const std::string& name) {
  std::map<double, std::vector<double>> at_step;
  for (const auto& run : finding.runs)
    for (const auto& line : read_log(run.curve)) {
      const auto step = line.numbers.find("step"), value = line.numbers.find("metrics." + name);
      if (step != line.numbers.end() && value != line.numbers.end()) at_step[step->second].push_back(value->second);
    }
  Curve curve;
  curve.name = finding.experiment;
  for (const auto& [step, values] : at_step) {
    if (values.size() < finding.runs.size()) continue;
    const auto spread = spread_of(values);
    curve.x.push_back(step);
    curve.y.push_back(spread.mean);
    curve.stddev.push_back(spread.stddev);
  }
  return curve;
}

}  // namespace

std::string sweep_table(const std::vector<Finding>& findings, const std::string& metric) {
  const auto metrics = value_names(findings, metric);
  std::string text = sweep_table_start;
  for (const auto& name : metrics) text += " " + name + " |";
  text += " iterations | images/s | minutes |\n| --- | --- |";
  for (size_t i = 0; i < metrics.size(); ++i) text += " --- |";
  text += " --- | --- | --- |\n";
  for (const auto& finding : findings) {
    const auto values = [&](auto of) {
      std::vector<double> list;
      for (const auto& run : finding.runs) of(run, list);
      return cell(list);
    };
    const auto diverged = std::count_if(finding.runs.begin(), finding.runs.end(),
                                        [](const auto& run) { return run.outcome == "diverged"; });
    text += "| " + finding.experiment + " | " + std::to_string(finding.runs.size()) + " of " +
            std::to_string(finding.seeds) + (diverged ? ", " + std::to_string(diverged) + " diverged" : "") + " |";
    for (const auto& name : metrics)
      text += " " + values([&](const auto& run, auto& list) {
                const auto found = run.metrics.find(name);
                if (found != run.metrics.end()) list.push_back(found->second);
              }) +
              " |";
    text += " " + values([](const auto& run, auto& list) { list.push_back(static_cast<double>(run.iterations)); }) +
            " | " + values([](const auto& run, auto& list) { list.push_back(run.images_per_second); }) + " | " +
            values([](const auto& run, auto& list) { list.push_back(run.seconds / 60); }) + " |\n";
  }
  return text;
}

std::string sweep_curves(const std::vector<Finding>& findings, const std::string& metric) {
  const auto metrics = value_names(findings, metric);
  if (metrics.empty()) return "";
  std::vector<Curve> curves;
  bool any_point = false;
  for (const auto& finding : findings) {
    curves.push_back(curve_of(finding, metrics[0]));
    any_point |= !curves.back().x.empty();
  }
  if (!any_point) return "";
  PlotOptions options;
  options.x_label = "iteration";
  options.y_label = metrics[0];
  return encode_png(draw_curves(curves, options));
}

}  // namespace fqgan
