// From a checkpoint back to a family: its metadata say which one, with which options, for which images.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/models/family.h"

namespace fqgan {

/// Metadata: a network that the file has in its initial state only ("discriminator").
inline constexpr const char* untrained_key = "untrained";

/// Metadata: which names and shapes of tensors, options and data sets a checkpoint is written with.
inline constexpr const char *layout_key = "layout", *current_layout = "2";
/// Errors: UserError for a checkpoint of a model that another version of this program wrote.
void require_current_layout(const Checkpoint& checkpoint, const std::string& where);

/// The metadata by which load_model finds its way back: family, model (its options as TOML), data (JSON), seed,
/// layout.
std::map<std::string, std::string> model_metadata(const std::string& family, FamilyOptions& options,
                                                  const DataInfos& data, uint64_t seed);

/// The data as the family's generator draws it: without classes where it is unconditional.
DataInfo drawn_data(const Family& family, DataInfo data);

struct Model {
  std::unique_ptr<Family> family;
  std::string family_name;
  DataInfo data;  // that the family was trained on; of several sets the main one
};

/// Errors: UserError for a checkpoint without that metadata or of another architecture than it says.
Model load_model(const Checkpoint& checkpoint, const std::string& where, const Numerics& numerics);

}  // namespace fqgan
