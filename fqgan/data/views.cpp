#include "fqgan/data/views.h"

#include <algorithm>
#include <map>

#include "fqgan/core/error.h"
#include "fqgan/data/manifest.h"
#include "fqgan/data/store/order.h"

namespace fqgan {
namespace {

class Subset : public Dataset {
 public:
  Subset(const Dataset& whole, std::vector<int64_t> indices) : whole_(whole), indices_(std::move(indices)) {
    if (indices_.empty()) fail("data", "expected at least one image in a view of a data set, got none");
    info_ = whole.info();
    info_.images = static_cast<int64_t>(indices_.size());
    if (info_.unlabelled > 0) info_.unlabelled = without_label();
    Manifest manifest;
    manifest.add_digest(whole.key());
    for (const int64_t index : indices_) manifest.add(index);
    key_ = manifest.digest();
  }
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override { return whole_.read(at(index), pixels); }
  int64_t label(int64_t index) const override { return whole_.label(at(index)); }
  int64_t crop_margin() const override { return whole_.crop_margin(); }
  void read_enlarged(int64_t index, uint8_t* pixels) const override { whole_.read_enlarged(at(index), pixels); }
  std::string name(int64_t index) const override { return whole_.name(at(index)); }
  std::string key() const override { return key_; }

 private:
  int64_t at(int64_t index) const {
    FQGAN_CHECK(index >= 0 && index < info_.images, "no image of this index");
    return indices_[static_cast<size_t>(index)];
  }
  int64_t without_label() const {
    return std::count_if(indices_.begin(), indices_.end(), [&](int64_t i) { return whole_.label(i) < 0; });
  }

  const Dataset& whole_;
  std::vector<int64_t> indices_;
  DataInfo info_;
  std::string key_;
};

class Relabelled : public Dataset {
 public:
  Relabelled(const Dataset& whole, std::vector<int64_t> classes, std::vector<std::string> names)
      : whole_(whole), classes_(std::move(classes)), info_(whole.info()) {
    info_.classes = static_cast<int64_t>(names.size());
    info_.class_names = std::move(names);
    Manifest manifest;
    manifest.add_digest(whole.key());
    for (const int64_t k : classes_) manifest.add(k);
    for (const auto& name : info_.class_names) manifest.add(name);
    key_ = manifest.digest();
  }
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override { return renamed(whole_.read(index, pixels)); }
  int64_t label(int64_t index) const override { return renamed(whole_.label(index)); }
  int64_t crop_margin() const override { return whole_.crop_margin(); }
  void read_enlarged(int64_t index, uint8_t* pixels) const override { whole_.read_enlarged(index, pixels); }
  std::string name(int64_t index) const override { return whole_.name(index); }
  std::string key() const override { return key_; }

 private:
  int64_t renamed(int64_t label) const { return label < 0 ? label : classes_.at(static_cast<size_t>(label)); }

  const Dataset& whole_;
  std::vector<int64_t> classes_;
  DataInfo info_;
  std::string key_;
};

}  // namespace

std::shared_ptr<const Dataset> relabelled(const Dataset& whole, std::vector<int64_t> classes,
                                          std::vector<std::string> names) {
  return std::make_shared<Relabelled>(whole, std::move(classes), std::move(names));
}

std::shared_ptr<const Dataset> subset(const Dataset& whole, std::vector<int64_t> indices) {
  return std::make_shared<Subset>(whole, std::move(indices));
}

HeldOut hold_out(const std::vector<int64_t>& labels, const HoldOut& options) {
  std::map<int64_t, int64_t> available, taken;
  for (const int64_t label : labels) ++available[options.per_class ? label : 0];
  for (const auto& [label, images] : available) {
    if ((options.per_class && label < 0) || images > options.images) continue;
    const std::string there = options.per_class ? "each class has" : "there are";
    fail("data.held_out", "expected fewer images than " + there + " (" + std::to_string(images) + "), got " +
                              std::to_string(options.images));
  }
  HeldOut result;
  for (const int64_t i : epoch_order(static_cast<int64_t>(labels.size()), options.seed, "held out", 0)) {
    const int64_t label = options.per_class ? labels[static_cast<size_t>(i)] : 0;
    const bool held = label >= 0 && taken[label]++ < options.images;
    (held ? result.held_out : result.rest).push_back(i);
  }
  return result;
}

}  // namespace fqgan
