// What the name of a file says about it.
#pragma once

#include <string>

namespace fqgan {

enum class FileKind {
  image,      // PNG, JPEG or WebP by its ending
  describes,  // dataset.json, class_names.txt
  notes,      // text about the images, which nobody expects to be read as one
  left_over,  // an unfinished or saved copy: img.png.part, img.png~
  other
};
FileKind kind_of(const std::string& name);

/// The name up to the first part that is hidden (".DS_Store") or belongs to the system or another tool ("__MACOSX",
/// "@eaDir"): the file itself, or a folder that it is in. "" if no part is.
std::string part_of_other_tools(const std::string& name);

/// Whether a path with '/' leads out of its archive.
bool leads_out(const std::string& name);

/// ".bmp", or "" without an ending.
std::string ending_of(const std::string& name);

}  // namespace fqgan
