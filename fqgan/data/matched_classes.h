// Matches the classes of two sources by their names. `fqgan sample` writes one folder per class, and folders are read
// in the order of their names, so that class 3 of one side need not be class 3 of the other.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

/// Whether the names are "0", "1", ..., which stand for classes without names.
bool are_numbers(const std::vector<std::string>& names);

/// For each class of `from` its index in `to`. A name matches the same name, else a name that differs only in case and
/// in characters that file names cannot have. `from` may lack classes of `to`. If names do not match, and `from` is
/// "0", "1", ..., or one of two equally long lists is, the classes are matched by index. `where` names the side with
/// `from`; `otherwise` says in the error what else can be done. Errors: UserError that names the unknown classes.
std::vector<int64_t> matched_classes(const std::vector<std::string>& from, const std::vector<std::string>& to,
                                     const std::string& where, const std::string& otherwise);

/// labels: int64 N, indices into `from` or -1 -> indices into `to` or -1. Errors: as matched_classes.
at::Tensor matched_labels(const at::Tensor& labels, const std::vector<std::string>& from,
                          const std::vector<std::string>& to, const std::string& where);

/// "class 3 is 'boot' in the run and 'shoe' in the data": the first class whose name differs, with the names of the
/// lists (`in_a`, `in_b`). Empty if all names are the same.
std::string first_difference(const std::vector<std::string>& a, const std::string& in_a,
                             const std::vector<std::string>& b, const std::string& in_b);

}  // namespace fqgan
