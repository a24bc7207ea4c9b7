#include "fqgan/data/store/chosen_entries.h"

namespace fqgan {

ChosenEntries::ChosenEntries(const Source& whole, std::vector<int64_t> chosen)
    : whole_(whole), chosen_(std::move(chosen)) {
  for (const int64_t entry : chosen_) entries.push_back(whole_.entries[static_cast<size_t>(entry)]);
  manifest = whole_.manifest;
  largest_in_memory = whole_.largest_in_memory;
}

}  // namespace fqgan
