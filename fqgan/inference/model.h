// Loads a model from a checkpoint, whose metadata give the family, its options and the properties of the images.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/models/family.h"

namespace fqgan {

/// Metadata: the name of a network that the file has only with its initial weights ("discriminator").
inline constexpr const char* untrained_key = "untrained";

/// Metadata: the version of the names and shapes of tensors, options and data sets in a checkpoint.
inline constexpr const char *layout_key = "layout", *current_layout = "3";
/// Errors: UserError for a checkpoint with another layout.
void require_current_layout(const Checkpoint& checkpoint, const std::string& where);

/// The metadata that load_model needs: family, model (its options as TOML), data (JSON), seed, layout.
std::map<std::string, std::string> model_metadata(const std::string& family, FamilyOptions& options,
                                                  const DataInfos& data, uint64_t seed);

/// The data sets on which the model was trained, by their names in its family. Errors: UserError.
DataInfos data_of_checkpoint(const Checkpoint& checkpoint, const std::string& where);

/// The data as the family's generator draws it: without classes if it is unconditional.
DataInfo drawn_data(const Family& family, DataInfo data);

struct Model {
  std::unique_ptr<Family> family;
  std::string family_name;
  DataInfo data;  // the training data; of several sets the main one
};

/// Errors: UserError for a checkpoint without this metadata, or with tensors of another architecture.
Model load_model(const Checkpoint& checkpoint, const std::string& where, const Numerics& numerics);

}  // namespace fqgan
