// Some entries of a source, as a source, so that only they are looked at and decoded.
#pragma once

#include <vector>

#include "fqgan/data/sources/source.h"

namespace fqgan {

/// `whole` must outlive it.
class ChosenEntries : public Source {
 public:
  ChosenEntries(const Source& whole, std::vector<int64_t> chosen);
  RasterShape shape(int64_t entry) const override { return whole_.shape(chosen_[static_cast<size_t>(entry)]); }
  Raster decode(int64_t entry) const override { return whole_.decode(chosen_[static_cast<size_t>(entry)]); }
  std::shared_ptr<const uint8_t> in_memory() const override { return are_first() ? whole_.in_memory() : nullptr; }

  const std::vector<int64_t>& chosen() const { return chosen_; }
  /// Whether they are the first entries of the whole.
  bool are_first() const { return chosen_.empty() || chosen_.back() + 1 == static_cast<int64_t>(chosen_.size()); }

 private:
  const Source& whole_;
  std::vector<int64_t> chosen_;  // sorted
};

}  // namespace fqgan
