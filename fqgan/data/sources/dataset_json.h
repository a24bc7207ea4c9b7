// Reads dataset.json, the labels file of StyleGAN2-ADA's data sets.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fqgan {

struct DatasetJson {
  std::map<std::string, int64_t> labels;  // by plain_name of the file; empty if "labels" is null
  std::vector<std::string> class_names;   // from "class_names", fqgan's optional addition to the format
};

/// `where` is the file's name in errors. Errors: UserError (no JSON, with line and column; JSON that is nested too
/// deeply; labels that are not [name, whole number] pairs; two labels of one file; class names that check_class_names
/// refuses).
DatasetJson parse_dataset_json(const std::string& bytes, const std::string& where);

}  // namespace fqgan
