// What `fqgan evaluate` prints: lines for people, a JSON document, or the JSON document of torch-fidelity.
#pragma once

#include <string>

#include "fqgan/metrics/evaluate.h"

namespace fqgan {

struct MeasuredSides {
  const Measured& a;
  const Measured* b;         // null: no metric needs it
  const Measured* training;  // null: no metric needs it
  const FeatureExtractor& extractor;
};

/// "a: features of 1000 images in 40.1 s, 24.9 images/s, 62.1 GFLOP/s by the sizes of its layers; large matrix products
/// reach 101 GFLOP/s"; "" if nothing was extracted. operations: per second, of such products, measured in a moment in
/// which the machine may be slower than it was before; and a fast convolution needs fewer than its sizes say.
std::string speed_line(const Measured& measured, const FeatureExtractor& extractor, double operations);

/// One line for each value: "fid/classifier-1a2b3c4d  12.3  (60 images against 90)".
std::string evaluation_lines(const MeasuredSides& sides, const Evaluation& evaluation);

/// The keys generated, against, training (if it is needed), counts, features, metrics and warnings. A count that is not
/// known is null, and so is a second side that is not there.
std::string evaluation_json(const MeasuredSides& sides, const Evaluation& evaluation);

/// Whether torch-fidelity has keys for the values of this metric.
bool in_torch_fidelity(const std::string& metric);
/// The keys of torch-fidelity 0.4 (`fidelity --json`), in its order. The metrics must be in_torch_fidelity.
std::string torch_fidelity_json(const Evaluation& evaluation);

}  // namespace fqgan
