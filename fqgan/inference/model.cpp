#include "fqgan/inference/model.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/models/registry.h"
#include "fqgan/models/weights.h"

namespace fqgan {
namespace {

nlohmann::json json_of(const DataInfo& data) {
  return {{"images", data.images}, {"channels", data.channels}, {"height", data.height},
          {"width", data.width},   {"classes", data.classes},   {"class_names", data.class_names}};
}

DataInfo info_of(const nlohmann::json& json) {
  DataInfo data;
  data.images = json.at("images");
  data.channels = json.at("channels");
  data.height = json.at("height");
  data.width = json.at("width");
  data.classes = json.at("classes");
  data.class_names = json.at("class_names").get<std::vector<std::string>>();
  return data;
}

bool has_names(const std::pair<const std::string, DataInfo>& one) {
  return static_cast<int64_t>(one.second.class_names.size()) == one.second.classes;
}

std::string data_text(const DataInfos& infos) {
  nlohmann::json json;
  for (const auto& [name, info] : infos) json[name] = json_of(info);
  return json.dump();
}

DataInfos read_data(const std::string& text, const std::string& where) {
  try {
    DataInfos infos;
    const auto json = nlohmann::json::parse(text);
    for (const auto& [name, info] : json.items()) infos[name] = info_of(info);
    if (!infos.empty() && std::all_of(infos.begin(), infos.end(), has_names)) return infos;
  } catch (const nlohmann::json::exception&) {
  }
  fail(where, "expected a description of the data sets in the checkpoint's metadata 'data', found '" + text +
                  "'. Hint: was it written by an older version?");
}

}  // namespace

void require_current_layout(const Checkpoint& checkpoint, const std::string& where) {
  if (!checkpoint.metadata.contains("family"))
    fail(
        where,
        "expected the checkpoint of a model, found another safetensors file. Hint: give a run folder, or a file of its "
        "checkpoints");
  const auto found = checkpoint.metadata.find(layout_key);
  const std::string layout = found == checkpoint.metadata.end() ? "1" : found->second;
  if (layout != current_layout)
    fail(where, "expected a checkpoint of layout " + std::string(current_layout) + ", got layout " + layout +
                    ", which another version of fqgan wrote. Hint: use that version, or train again");
}

std::map<std::string, std::string> model_metadata(const std::string& family, FamilyOptions& options,
                                                  const DataInfos& data, uint64_t seed) {
  return {{"family", family},
          {"model", write_options(options)},
          {"data", data_text(data)},
          {"seed", std::to_string(seed)},
          {layout_key, current_layout}};
}

DataInfo drawn_data(const Family& family, DataInfo data) {
  if (family.drawn_classes() > 0) return data;
  data.classes = 0;
  data.class_names.clear();
  return data;
}

DataInfos data_of_checkpoint(const Checkpoint& checkpoint, const std::string& where) {
  return read_data(text_of(checkpoint.metadata, "data", where), where);
}

Model load_model(const Checkpoint& checkpoint, const std::string& where, const Numerics& numerics) {
  require_current_layout(checkpoint, where);
  Model model;
  model.family_name = text_of(checkpoint.metadata, "family", where);
  auto options = family_options(model.family_name);
  read_options(RecipeText::from_string(text_of(checkpoint.metadata, "model", where), where), *options);
  const auto infos = data_of_checkpoint(checkpoint, where);
  model.data = main_info(infos);
  model.family = options->build(infos, numerics, std::nullopt);
  load_weights(*model.family, checkpoint.tensors, where);
  return model;
}

}  // namespace fqgan
