// A small data set made of noise, with a mean that depends on the class.
#pragma once

#include "fqgan/data/dataset.h"

namespace fqgan::test {

class ToyData : public Dataset {
 public:
  ToyData(int64_t images, int64_t channels, int64_t size, int64_t classes);
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override;
  std::string name(int64_t index) const override { return "toy " + std::to_string(index); }
  std::string key() const override { return "toy"; }

 private:
  DataInfo info_;
};

}  // namespace fqgan::test
