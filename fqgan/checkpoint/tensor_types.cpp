#include "fqgan/checkpoint/tensor_types.h"

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

struct StoredType {
  at::ScalarType type;
  const char* name;
};

constexpr StoredType stored_types[] = {
    {at::kDouble, "F64"}, {at::kFloat, "F32"}, {at::kBFloat16, "BF16"}, {at::kHalf, "F16"},
    {at::kLong, "I64"},   {at::kInt, "I32"},   {at::kByte, "U8"},       {at::kBool, "BOOL"},
};

}  // namespace

std::string stored_type_name(at::ScalarType type) {
  for (const StoredType& stored : stored_types) {
    if (stored.type == type) return stored.name;
  }
  FQGAN_CHECK(false, std::string("a checkpoint cannot hold tensors of type ") + c10::toString(type));
}

std::optional<at::ScalarType> stored_type(std::string_view name) {
  for (const StoredType& stored : stored_types) {
    if (stored.name == name) return stored.type;
  }
  return std::nullopt;
}

std::string stored_type_names() {
  std::vector<std::string> names;
  for (const StoredType& stored : stored_types) names.emplace_back(stored.name);
  return join(names);
}

}  // namespace fqgan
