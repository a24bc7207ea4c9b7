// Reads dataset.json, the labels file of StyleGAN2-ADA's data sets.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fqgan {

struct DatasetJson {
  std::map<std::string, int64_t> labels;  // by file name; empty if "labels" is null
  std::vector<std::string> class_names;   // from "class_names", fqgan's optional addition to the format
};

/// `where` is the file's name in errors. Errors: UserError (no JSON, labels that are not [name, whole number] pairs).
DatasetJson parse_dataset_json(const std::string& text, const std::string& where);

}  // namespace fqgan
