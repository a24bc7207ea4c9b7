#include "fqgan/inference/model.h"

#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/models/registry.h"
#include "fqgan/models/weights.h"

namespace fqgan {
namespace {

std::string data_text(const DataInfo& data) {
  return nlohmann::json{{"images", data.images}, {"channels", data.channels}, {"height", data.height},
                        {"width", data.width},   {"classes", data.classes},   {"class_names", data.class_names}}
      .dump();
}

DataInfo read_data(const std::string& text, const std::string& where) {
  try {
    const auto json = nlohmann::json::parse(text);
    DataInfo data;
    data.images = json.at("images");
    data.channels = json.at("channels");
    data.height = json.at("height");
    data.width = json.at("width");
    data.classes = json.at("classes");
    data.class_names = json.at("class_names").get<std::vector<std::string>>();
    if (static_cast<int64_t>(data.class_names.size()) == data.classes) return data;
  } catch (const nlohmann::json::exception&) {
  }
  fail(where, "expected a description of the images in the checkpoint's metadata 'data', found '" + text + "'");
}

}  // namespace

std::map<std::string, std::string> model_metadata(const std::string& family, FamilyOptions& options,
                                                  const DataInfo& data, uint64_t seed) {
  return {
      {"family", family}, {"model", write_options(options)}, {"data", data_text(data)}, {"seed", std::to_string(seed)}};
}

DataInfo drawn_data(const Family& family, DataInfo data) {
  if (family.drawn_classes() > 0) return data;
  data.classes = 0;
  data.class_names.clear();
  return data;
}

Model load_model(const Checkpoint& checkpoint, const std::string& where, const Numerics& numerics) {
  Model model;
  model.family_name = text_of(checkpoint.metadata, "family", where);
  auto options = family_options(model.family_name);
  read_options(RecipeText::from_string(text_of(checkpoint.metadata, "model", where), where), *options);
  model.data = read_data(text_of(checkpoint.metadata, "data", where), where);
  const auto seed = static_cast<uint64_t>(number_of(checkpoint.metadata, "seed", where));
  model.family = options->build(model.data, numerics, seed);
  load_weights(*model.family, checkpoint.tensors, where);
  return model;
}

}  // namespace fqgan
