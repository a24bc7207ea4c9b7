// The conventions of other tools: how each resizes and normalizes images for Inception, and how it sets its estimators.
// Values of different conventions cannot be compared, so that the extractor's name has the convention's name.
#pragma once

#include <string>
#include <vector>

#include "fqgan/metrics/evaluate.h"
#include "fqgan/metrics/network_input.h"

namespace fqgan {

struct Convention {
  std::string name;
  NetworkInput input;                // of Inception
  std::vector<std::string> metrics;  // those that the tool has; empty: all
  MetricOptions settings;            // the tool's defaults
};

/// fqgan (the first one), torch-fidelity, pytorch-fid, clean-fid.
const std::vector<Convention>& conventions();
std::vector<std::string> convention_names();
/// "": fqgan. Errors: UserError that starts with `where`, with "did you mean".
const Convention& convention_named(const std::string& name, const std::string& where);

/// Errors: UserError for a metric that the tool of this convention does not have. "": no convention.
void check_convention(const std::vector<std::string>& metrics, const std::string& convention);

/// The options with what they leave to the convention.
MetricOptions under(const Convention& convention, MetricOptions options);

}  // namespace fqgan
