// fqgan inspect DATA: shows the content of a data set and its possible problems.
#pragma once

#include <string>
#include <vector>

namespace fqgan {

struct InspectDataFlags {
  std::string path;
  std::string against;           // a second set, which is searched for images of the first; empty: none
  std::string pictures;          // folder for mean.png and contact.png; empty: none
  std::string recipe;            // whose table [data] says how images are read; empty: the defaults
  std::vector<std::string> set;  // data.resolution=64, ...
  bool json = false, force = false;
  /// Whether a flag is set that only a data set has a use for.
  bool for_images() const { return !against.empty() || !pictures.empty() || !recipe.empty() || !set.empty(); }
};

/// Prints the survey; returns the exit code. Errors: as open_dataset.
int inspect_data(const InspectDataFlags& flags);

}  // namespace fqgan
