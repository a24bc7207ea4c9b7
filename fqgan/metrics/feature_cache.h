// Features of data sets are computed once and kept in $FQGAN_CACHE/measured, by the key of the images and the name of
// the extractor, which changes with its weights and its convention. Trainings, evaluations and sweeps share them. One
// process at a time measures, under a lock. The files may be deleted at any time.
#pragma once

#include "fqgan/metrics/measured.h"

namespace fqgan {

/// The features of a data set: from the cache if they are there, else measured and kept. `key`: Dataset::key(). The
/// result has the same bits in both cases. Without a cache folder that can be written to, nothing is kept.
/// Errors: as measure().
Measured measured_once(const std::string& key, FeatureExtractor& extractor, const MeasureOptions& options,
                       const std::function<std::unique_ptr<ImageSource>()>& images);

/// The properties of a measured data set, so that a later process need not read its images to know them. Not for a set
/// with unreadable images, about which every process has to say something.
struct KnownData {
  DataInfo info;
  Changes changes;                    // known once all images were read
  std::vector<int64_t> class_images;  // the number of images of each class
};
KnownData known_of(const Dataset& data);
std::optional<KnownData> known_data(const std::string& key);
void keep_data(const std::string& key, const KnownData& data);

}  // namespace fqgan
