#include "fqgan/ops/nearest.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "fqgan/ops/dictionary.h"

namespace fqgan::ops {
namespace {

using kernels::InstructionSet;
using kernels::lanes;
using kernels::panel_rows;

/// A panel of rows in one screening type, and one thread's memory for it.
class ScreenedPanel {
 public:
  ScreenedPanel(const kernels::Map& map, const PackedDictionary& dictionary, const kernels::Rows& rows,
                const kernels::Screening& screening)
      : map_(map),
        dictionary_(dictionary),
        kernels_(rows),
        screening_(screening),
        stride_(dictionary.view().depth),
        element_(screening.bfloat16 ? 2 : 4),
        rows_(panel_rows * stride_ * element_),
        scratch_(kernels::position_run * map.channels),
        norm_(panel_rows, 0),
        residual_(panel_rows, 0),
        best_(panel_rows * lanes),
        second_(panel_rows * lanes),
        code_(panel_rows * lanes) {}

  /// Rows first .. first + count - 1.
  void run(int64_t first, int64_t count) {
    const bool same_type = map_.bfloat16 == screening_.bfloat16;
    if (same_type && !map_.channels_first && map_.channels == stride_ && count == panel_rows)
      return screen(static_cast<const char*>(map_.data) + first * stride_ * element_, count);
    load(first, count, 0);
    screen(rows_.data(), count);
  }

  void run(const std::vector<int64_t>& rows) {
    for (size_t r = 0; r < rows.size(); ++r) load(rows[r], 1, static_cast<int64_t>(r));
    screen(rows_.data(), static_cast<int64_t>(rows.size()));
  }

  /// Codes that may be the nearest of the panel's row r. False: at least two of one lane may be, and are not told
  /// apart; with `all` the whole lane is listed then.
  bool candidates(int64_t r, bool all, std::vector<int32_t>& list) const {
    const auto *best = &best_[r * lanes], *second = &second_[r * lanes];
    const auto* code = &code_[r * lanes];
    const auto top = std::max_element(best, best + lanes) - best;
    const double reached =
        dictionary_.lower_bound(best[top], static_cast<int32_t>(code[top] + top), norm_[r], residual_[r]);
    list.clear();
    for (int64_t lane = 0; lane < lanes; ++lane)
      if (!std::isfinite(reached) || second[lane] > reached) {
        if (!all) return false;
        dictionary_.append_lane(lane, list);
      } else if (best[lane] >= reached) {
        list.push_back(static_cast<int32_t>(code[lane] + lane));
      }
    return true;
  }

 private:
  void load(int64_t first, int64_t count, int64_t place) {
    auto* rows = rows_.data() + place * stride_ * element_;
    if (screening_.bfloat16)
      kernels_.load_bfloat16(map_, first, count, reinterpret_cast<uint16_t*>(rows), stride_, &residual_[place],
                             scratch_.data());
    else
      kernels_.load_float32(map_, first, count, reinterpret_cast<float*>(rows), stride_);
  }

  void screen(const void* rows, int64_t count) {
    kernels_.norms(rows, screening_.bfloat16, count, stride_, map_.channels, norm_.data());
    screening_.screen(dictionary_.view(), {rows, count, stride_, norm_.data(), residual_.data()},
                      {best_.data(), second_.data(), code_.data()});
  }

  const kernels::Map& map_;
  const PackedDictionary& dictionary_;
  const kernels::Rows& kernels_;
  const kernels::Screening& screening_;
  int64_t stride_, element_;
  std::vector<char> rows_;
  std::vector<float> scratch_, norm_, residual_, best_, second_;
  std::vector<int32_t> code_;
};

/// The dictionary in the types that are needed; the finer one is packed when the first row asks for it.
class Dictionaries {
 public:
  Dictionaries(const at::Tensor& codebook, const kernels::Screening& screening)
      : screening(screening), first(codebook, screening), codebook_(codebook) {}
  const PackedDictionary& finer() {
    std::call_once(once_, [this] { finer_.emplace(codebook_, *screening.finer); });
    return *finer_;
  }
  const kernels::Screening& screening;
  const PackedDictionary first;

 private:
  const at::Tensor& codebook_;
  std::once_flag once_;
  std::optional<PackedDictionary> finer_;
};

/// One thread's search.
class Search {
 public:
  Search(const kernels::Map& map, Dictionaries& dictionaries, const kernels::Rows& rows, int64_t* codes)
      : map_(map),
        dictionaries_(dictionaries),
        kernels_(rows),
        first_(map, dictionaries.first, rows, dictionaries.screening),
        row_(map.channels),
        codes_(codes) {}

  void panel(int64_t first, int64_t count) {
    first_.run(first, count);
    for (int64_t r = 0; r < count; ++r)
      if (first_.candidates(r, /*all=*/!dictionaries_.screening.finer, list_)) {
        settle(first + r);
      } else {
        open_.push_back(first + r);
        if (static_cast<int64_t>(open_.size()) == panel_rows) finish();
      }
  }

  /// The rows that are still open.
  void finish() {
    if (open_.empty()) return;
    if (!finer_)
      finer_ = std::make_unique<ScreenedPanel>(map_, dictionaries_.finer(), kernels_, *dictionaries_.screening.finer);
    finer_->run(open_);
    for (size_t r = 0; r < open_.size(); ++r) {
      finer_->candidates(static_cast<int64_t>(r), /*all=*/true, list_);
      settle(open_[r]);
    }
    open_.clear();
  }

 private:
  void settle(int64_t row) {
    if (list_.size() > 1) kernels_.load_float32(map_, row, 1, row_.data(), map_.channels);
    const auto& dictionary = dictionaries_.first;
    codes_[row] = list_.size() == 1
                      ? list_[0]
                      : kernels_.exact_best(row_.data(), dictionary.codebook, dictionary.half.data(), map_.channels,
                                            list_.data(), static_cast<int64_t>(list_.size()));
  }

  const kernels::Map& map_;
  Dictionaries& dictionaries_;
  const kernels::Rows& kernels_;
  ScreenedPanel first_;
  std::unique_ptr<ScreenedPanel> finer_;
  std::vector<float> row_;
  std::vector<int32_t> list_;
  std::vector<int64_t> open_;
  int64_t* codes_;
};

}  // namespace

void find_nearest(const kernels::Map& map, const at::Tensor& codebook, const InstructionSet& set, int64_t* codes) {
  Dictionaries dictionaries(codebook, set.screening);
  at::parallel_for(0, (map.rows + panel_rows - 1) / panel_rows, 1, [&](int64_t begin, int64_t end) {
    Search search(map, dictionaries, set.loops.rows, codes);
    for (auto first = begin * panel_rows; first < std::min(end * panel_rows, map.rows); first += panel_rows)
      search.panel(first, std::min(panel_rows, map.rows - first));
    search.finish();
  });
}

}  // namespace fqgan::ops
