// A limit on the nesting of TOML, checked before it is parsed: toml++ and all that walks through its result are
// recursive, and the stack has an end.
#pragma once

#include <string>
#include <string_view>

namespace fqgan {

inline constexpr size_t most_nested_tables = 100;

/// Errors: UserError with `name` and line if a key with dots, or tables and lists within each other, are deeper.
void refuse_deep_toml(std::string_view text, const std::string& name);

}  // namespace fqgan
