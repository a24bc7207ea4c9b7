#include "fqgan/metrics/conventions.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/pretrained/inception.h"

namespace fqgan {
namespace {

constexpr NetworkInput tensorflow{Resampling::tensorflow1, inception_size, 128, 128};

std::vector<Convention> all_conventions() {
  Convention ours{"fqgan", tensorflow, {}, {}};
  ours.settings.kid.draw = "streams";
  Convention torch_fidelity{"torch-fidelity", tensorflow, {"fid", "kid", "is", "pr"}, {}};
  torch_fidelity.settings.kid.draw = "numpy";
  // Pixels in [0, 1] become 2 x - 1.
  Convention pytorch_fid{"pytorch-fid", {Resampling::half_pixel, inception_size, 127.5, 127.5}, {"fid"}, {}};
  Convention clean_fid{"clean-fid", {Resampling::pillow_bicubic, inception_size, 128, 128}, {"fid", "kid"}, {}};
  clean_fid.settings.kid.shrink = true;
  for (auto* convention : {&pytorch_fid, &clean_fid}) convention->settings.kid.draw = "streams";
  return {ours, torch_fidelity, pytorch_fid, clean_fid};
}

}  // namespace

const std::vector<Convention>& conventions() {
  static const auto all = all_conventions();
  return all;
}

std::vector<std::string> convention_names() {
  std::vector<std::string> names;
  for (const auto& convention : conventions()) names.push_back(convention.name);
  return names;
}

const Convention& convention_named(const std::string& name, const std::string& where) {
  if (name.empty()) return conventions().front();
  for (const auto& convention : conventions())
    if (convention.name == name) return convention;
  const auto known = convention_names();
  fail(where, "expected the name of a convention, got '" + name + "'" +
                  suggestion(name, known, ". Hint: the conventions are " + join(known)));
}

void check_convention(const std::vector<std::string>& metrics, const std::string& convention) {
  const auto& of = convention_named(convention, "convention");
  if (of.metrics.empty()) return;
  for (const auto& name : metrics)
    if (std::find(of.metrics.begin(), of.metrics.end(), name) == of.metrics.end())
      fail("convention", "expected a metric that " + of.name + " has (" + join(of.metrics) + "), got " + name +
                             ". Hint: the convention " + conventions().front().name + " has every metric");
}

MetricOptions under(const Convention& convention, MetricOptions options) {
  const auto& usual = convention.settings.kid;
  if (options.kid.draw == "auto") options.kid.draw = usual.draw;
  options.kid.shrink = options.kid.shrink || usual.shrink;
  return options;
}

}  // namespace fqgan
