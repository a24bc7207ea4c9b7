// Names that a person takes for the same: in another case, or with accents in another encoding. Unicode writes an
// accented letter as one character or as a letter and a mark; macOS and some archives use the latter.
#pragma once

#include <string>
#include <string_view>

namespace fqgan {

/// The characters of the name, each letter with a mark as a letter and a mark. Two spellings of one text give the same
/// result, in Latin, Greek, Cyrillic, Japanese and Korean.
std::u32string decomposed(std::string_view name);
/// The lower case of a decomposed name.
std::u32string in_lower_case(std::u32string name);
/// A decomposed name without accents and other marks.
std::u32string without_marks(std::u32string name);

}  // namespace fqgan
