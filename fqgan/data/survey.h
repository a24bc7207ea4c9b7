// A survey of a data set: its content and possible problems, for `fqgan inspect DATA`.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "fqgan/data/dataset.h"
#include "fqgan/data/images/fingerprint.h"

namespace fqgan {

struct SizeCount {
  RasterShape shape;  // in the files, before data.resolution
  int64_t images = 0;
};

struct Survey {
  std::string path, key;
  DataInfo info;                      // after fitting
  std::vector<SizeCount> sizes;       // most frequent first
  std::vector<int64_t> class_counts;  // images of each class of info.class_names
  int64_t unlabelled = 0;
  at::Tensor mean;     // uint8 C x H x W
  at::Tensor contact;  // uint8 N x C x H x W, for a grid `contact_columns` wide
  int64_t contact_columns = 0;
  std::vector<std::string> contact_labels;  // one per row if there are classes; else empty
  std::vector<Skipped> unreadable;
  int64_t nearly_empty = 0;
  Pairs duplicates;  // the first 1000
  std::vector<Fingerprint> fingerprints;
  std::vector<std::string> names;
  std::vector<std::string> fit;       // fit_report
  std::vector<std::string> warnings;  // one line each
};

/// Reads the whole set as a training with these options does. Images of mixed sizes are brought to 64 x 64, unless
/// there is a resolution. Errors: as
/// open_dataset.
Survey survey(DataOptions options);

/// A warning if images of `b` are also in `a`; else "".
std::string overlap_warning(const Survey& a, const Survey& b);

/// The survey as text, and as one JSON object (without pixels and fingerprints).
std::string survey_text(const Survey& survey);
std::string survey_json(const Survey& survey);

}  // namespace fqgan
