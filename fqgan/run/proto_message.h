// Writes protocol buffer messages, only with the types that event files need.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fqgan {

class ProtoMessage {
 public:
  ProtoMessage& integer(int field, int64_t value);         // int32, int64 (varint)
  ProtoMessage& float64(int field, double value);          // double
  ProtoMessage& float32(int field, float value);           // float
  ProtoMessage& bytes(int field, std::string_view value);  // bytes, string
  ProtoMessage& message(int field, const ProtoMessage& value) { return bytes(field, value.encoded()); }
  const std::string& encoded() const { return encoded_; }

 private:
  void key(int field, int wire_type);
  void varint(uint64_t value);

  std::string encoded_;
};

}  // namespace fqgan
