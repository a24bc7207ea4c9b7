#include "fqgan/run/proto_message.h"

#include <bit>

namespace fqgan {
namespace {

enum WireType { varint_type = 0, fixed64_type = 1, length_type = 2, fixed32_type = 5 };

static_assert(std::endian::native == std::endian::little, "fixed fields are little-endian; nothing here swaps bytes");

template <class T>
void append_fixed(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

void ProtoMessage::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) encoded_ += static_cast<char>((value & 0x7f) | 0x80);
  encoded_ += static_cast<char>(value);
}

void ProtoMessage::key(int field, int wire_type) { varint(static_cast<uint64_t>(field) << 3 | wire_type); }

ProtoMessage& ProtoMessage::integer(int field, int64_t value) {
  key(field, varint_type);
  varint(static_cast<uint64_t>(value));
  return *this;
}

ProtoMessage& ProtoMessage::float64(int field, double value) {
  key(field, fixed64_type);
  append_fixed(encoded_, value);
  return *this;
}

ProtoMessage& ProtoMessage::float32(int field, float value) {
  key(field, fixed32_type);
  append_fixed(encoded_, value);
  return *this;
}

ProtoMessage& ProtoMessage::bytes(int field, std::string_view value) {
  key(field, length_type);
  varint(value.size());
  encoded_ += value;
  return *this;
}

}  // namespace fqgan
