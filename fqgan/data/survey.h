// What a data set holds, and what may be wrong with it: behind `fqgan inspect DATA`.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "fqgan/data/dataset.h"
#include "fqgan/data/images/fingerprint.h"

namespace fqgan {

struct SizeCount {
  RasterShape shape;  // as the files have it, before data.resolution
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
  std::vector<std::string> contact_labels;  // one a row where there are classes; else empty
  std::vector<Skipped> unreadable;
  int64_t nearly_empty = 0;
  Pairs duplicates;  // the first 1000
  std::vector<Fingerprint> fingerprints;
  std::vector<std::string> names;
  std::vector<std::string> warnings;  // a line each
};

/// Reads the whole set. Images of mixed sizes without a resolution are surveyed at 64 x 64. Errors: as open_dataset.
Survey survey(DataOptions options);

/// A warning where images of `b` stand in `a` too; "" where none do.
std::string overlap_warning(const Survey& a, const Survey& b);

/// The survey as lines for people, and as one JSON object (without pixels and fingerprints).
std::string survey_text(const Survey& survey);
std::string survey_json(const Survey& survey);

}  // namespace fqgan
