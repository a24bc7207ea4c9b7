// The tensor types that a checkpoint may hold, and their names in a safetensors header.
#pragma once

#include <c10/core/ScalarType.h>

#include <optional>
#include <string>
#include <string_view>

namespace fqgan {

/// "F64", "F32", "BF16", "F16", "I64", "I32", "U8" or "BOOL". Errors: InternalError for any other type.
std::string stored_type_name(at::ScalarType type);
/// The type of this name; none for a name that is not in the list.
std::optional<at::ScalarType> stored_type(std::string_view name);
/// All names, for error messages: "F64, F32, ..."
std::string stored_type_names();

}  // namespace fqgan
