// fqgan inspect PATH: shows the content of a checkpoint, a run or a data set.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/inspect_data.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/error.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/run/log_reader.h"
#include "fqgan/run/run_folder.h"

namespace fqgan {
namespace {

using Json = nlohmann::ordered_json;

/// The first two parts of a tensor's name: "network.generator", "optimizer.discriminator".
std::string owner(const std::string& tensor) {
  const auto first = tensor.find('.');
  return first == std::string::npos ? tensor : tensor.substr(0, tensor.find('.', first + 1));
}

Json checkpoint_json(const std::string& path) {
  load_checkpoint(path, false);  // verifies the checksums, if there are any
  const auto header = read_checkpoint_header(path);
  Json json{{"checkpoint", path}, {"bytes", header.file_bytes}, {"tensors", header.tensors.size()}};
  for (const char* key : {"kind", "family", "iteration", "images_seen", "fqgan", "format_version", "libtorch",
                          "instruction_set", "threads"})
    if (header.metadata.count(key)) json[key] = header.metadata.at(key);
  if (header.metadata.count("data")) json["data"] = Json::parse(header.metadata.at("data"));
  for (const auto& tensor : header.tensors) {
    auto& group = json["contents"][owner(tensor.name)];
    if (group.is_null()) group = Json{{"tensors", 0}, {"elements", 0}, {"bytes", 0}};
    int64_t elements = 1;
    for (const auto extent : tensor.shape) elements *= extent;
    group["tensors"] = group["tensors"].get<int64_t>() + 1;
    group["elements"] = group["elements"].get<int64_t>() + elements;
    group["bytes"] = group["bytes"].get<int64_t>() + tensor.bytes;
  }
  return json;
}

Json run_json(const RunFolder& run) {
  Json json{{"run", run.path().string()}, {"recipe", run.recipe().string()}};
  for (const auto& path : run.checkpoints()) json["checkpoints"].push_back(path.filename().string());
  for (const auto& path : run.sample_grids()) json["samples"].push_back(path.filename().string());
  const auto log = read_log(run.log());
  json["log_lines"] = log.size();
  if (!log.empty())
    for (const auto& [key, value] : log.back().numbers) json["last"][key] = value;
  const auto checkpoints = run.checkpoints();
  if (!checkpoints.empty()) json["newest_checkpoint"] = checkpoint_json(checkpoints.back());
  return json;
}

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string listing_of(const Json& json, const std::string& indent = "") {
  std::string text;
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) {
      text += indent + key + ":\n" + listing_of(value, indent + "  ");
    } else if (value.is_array()) {
      text += indent + key + ":";
      for (const auto& item : value) text += " " + plain(item);
      text += "\n";
    } else {
      text += indent + key + ": " + plain(value) + "\n";
    }
  }
  return text;
}

int inspect(const InspectDataFlags& flags) {
  check_force(flags.force, {flags.pictures});
  const bool is_run = RunFolder::is_run(flags.path), is_checkpoint = flags.path.ends_with(".safetensors");
  if (!is_run && !is_checkpoint) return inspect_data(flags);
  if (!flags.against.empty() || !flags.pictures.empty() || !flags.set.empty())
    fail(flags.path, "expected a data set for --overlap, --pictures and --set, got a " +
                         std::string(is_run ? "run" : "checkpoint"));
  const auto found = is_run ? run_json(RunFolder::open(flags.path)) : checkpoint_json(flags.path);
  print(flags.json ? found.dump(2) + "\n" : listing_of(found));
  return 0;
}

}  // namespace

void add_inspect(CLI::App& program, Action& action) {
  auto flags = std::make_shared<InspectDataFlags>();
  auto* command = program.add_subcommand("inspect", "show the content of a checkpoint, a run or a data set");
  command->add_option("path", flags->path, "checkpoint (.safetensors), run folder, or images")->required();
  command->add_flag("--json", flags->json, "print one JSON document");
  command->add_option("--pictures", flags->pictures,
                      "for images: write a contact sheet and the mean image into this folder");
  command->add_option("--overlap", flags->against, "for images: warn about images that are also in this second set");
  add_force_flag(*command, flags->force);
  add_set_flag(*command, flags->set,
               "for images: set an option for reading them: --set data.resolution=64 (repeatable)");
  command->callback([flags, &action] { action = [flags] { return inspect(*flags); }; });
}

}  // namespace fqgan
