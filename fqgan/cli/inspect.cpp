// fqgan inspect PATH: shows the content of a checkpoint, a run, a folder of runs or a data set.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/inspect_data.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/core/text.h"
#include "fqgan/data/images/decode.h"
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
  if (header.metadata.count("data")) {
    json["data"] = Json::parse(header.metadata.at("data"));
    if (header.metadata.count("imported_from"))
      for (auto& data : json["data"]) data.erase("images");  // nobody knows their number
  }
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

/// The values of the last line of a log, without its other fields. `prefix` is removed from their names.
Json last_values(const std::filesystem::path& path, const std::string& prefix = "") {
  Json values;
  const auto log = read_log(path);
  if (log.empty()) return values;
  for (const auto& [key, value] : log.back().numbers)
    if (key.starts_with(prefix) || key == "step") values[key == "step" ? key : key.substr(prefix.size())] = value;
  return values;
}

Json run_json(const RunFolder& run) {
  Json json{{"run", run.path().string()}, {"recipe", run.recipe().string()}};
  for (const auto& path : run.checkpoints()) json["checkpoints"].push_back(path.filename().string());
  for (const auto& path : run.sample_grids()) json["samples"].push_back(path.filename().string());
  json["log_lines"] = read_log(run.log()).size();
  if (const auto metrics = last_values(run.metrics(), "metrics."); !metrics.is_null()) json["metrics"] = metrics;
  if (const auto last = last_values(run.log()); !last.is_null()) json["last"] = last;
  const auto checkpoints = run.checkpoints();
  if (!checkpoints.empty()) json["newest_checkpoint"] = checkpoint_json(checkpoints.back());
  return json;
}

/// What is directly in a folder, sorted; nothing of a file or of a folder that cannot be read.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::vector<fs::path> paths;
  std::error_code problem;
  for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem))
    paths.push_back(entry->path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// The runs directly in a folder, sorted; none if the folder also has images of its own.
std::vector<RunFolder> runs_in(const std::filesystem::path& folder) {
  const auto has_image = [](const std::filesystem::path& path) {
    const auto entries = entries_of(path);
    return std::any_of(entries.begin(), entries.end(),
                       [](const auto& entry) { return has_image_extension(entry.filename().string()); });
  };
  std::vector<std::filesystem::path> paths;
  if (has_image(folder)) return {};
  for (const auto& entry : entries_of(folder)) {
    if (RunFolder::is_run(entry))
      paths.push_back(entry);
    else if (has_image(entry))
      return {};
  }
  std::vector<RunFolder> runs;
  for (const auto& path : paths) runs.push_back(RunFolder::open(path));
  return runs;
}

int inspect_runs(const std::string& folder, const std::vector<RunFolder>& runs, bool as_json) {
  auto list = Json::array();
  for (const auto& run : runs) {
    const auto last = last_values(run.log());
    list.push_back({{"run", run.path().string()},
                    {"family", RecipeText::from_file(run.recipe()).get("family", "biggan")},
                    {"iteration", last.is_null() ? 0 : static_cast<int64_t>(last.value("step", 0.0))},
                    {"checkpoints", run.checkpoints().size()}});
  }
  std::ostringstream text;
  text << folder << ": " << plural(std::ssize(runs), "run") << "; " << command_line({"inspect", "RUN"})
       << " shows one of them\n";
  for (const auto& run : list)
    text << "  " << run["run"].get<std::string>() << ": " << run["family"].get<std::string>() << ", iteration "
         << run["iteration"] << ", " << plural(run["checkpoints"].get<int64_t>(), "checkpoint") << "\n";
  print(as_json ? Json{{"runs", list}}.dump(2) + "\n" : text.str());
  return 0;
}

std::string number_text(double value) {
  return std::trunc(value) == value && std::abs(value) < 1e15 ? fixed(value, 0) : significant(value, 4);
}

/// "perplexity 5.528, used_codes 7": the entries of a tap on one line, those that people look at first.
std::string tap_text(std::vector<std::pair<std::string, double>> entries) {
  const std::vector<std::string> first = {"perplexity", "used_codes", "dead_codes", "relative_error"};
  std::stable_sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
    return std::find(first.begin(), first.end(), a.first) < std::find(first.begin(), first.end(), b.first);
  });
  std::vector<std::string> parts;
  for (const auto& [name, value] : entries) parts.push_back(name + " " + number_text(value));
  return join(parts);
}

/// Progress, losses, other values, then one line for each tap.
void write_last(const Json& last, std::ostream& out) {
  std::vector<std::string> keys;
  std::map<std::string, std::vector<std::pair<std::string, double>>> taps;
  for (const auto& [key, value] : last.items()) {
    const auto slash = key.rfind('/');
    if (std::count(key.begin(), key.end(), '/') < 2)
      keys.push_back(key);
    else
      taps[key.substr(0, slash)].emplace_back(key.substr(slash + 1), value.get<double>());
  }
  const auto rank = [](const std::string& key) {
    return key == "step" ? 0 : key == "images" ? 1 : key.find('/') == key.npos ? 2 : key.starts_with("loss/") ? 3 : 4;
  };
  std::stable_sort(keys.begin(), keys.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  for (const auto& key : keys) out << "  " << key << ": " << number_text(last[key].get<double>()) << "\n";
  for (const auto& [tap, entries] : taps) out << "  " << tap << ": " << tap_text(entries) << "\n";
}

void write_contents(const Json& contents, const std::string& indent, std::ostream& out) {
  for (const auto& [name, group] : contents.items())
    out << indent << name << ": " << plural(group["tensors"].get<int64_t>(), "tensor") << ", " << group["elements"]
        << " elements, " << group["bytes"] << " bytes\n";
}

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

void write(const Json& json, const std::string& indent, std::ostream& out) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) {
      out << indent << key << ":\n";
      if (key == "contents")
        write_contents(value, indent + "  ", out);
      else if (key == "last" || key == "metrics")
        write_last(value, out);
      else
        write(value, indent + "  ", out);
    } else if (value.is_array()) {
      out << indent << key << ":";
      if ((key == "checkpoints" || key == "samples") && value.size() > 3) {
        out << " " << value.size() << ", " << value.front().get<std::string>() << " to "
            << value.back().get<std::string>() << "\n";
        continue;
      }
      for (const auto& item : value) out << " " << plain(item);
      out << "\n";
    } else {
      out << indent << key << ": " << plain(value) << "\n";
    }
  }
}

std::string listing_of(const Json& json) {
  std::ostringstream text;
  write(json, "", text);
  return text.str();
}

int inspect(const InspectDataFlags& flags) {
  check_force(flags.force, {flags.pictures});
  const bool is_run = RunFolder::is_run(flags.path), is_checkpoint = flags.path.ends_with(".safetensors");
  if (const auto runs = runs_in(flags.path); !is_run && !runs.empty()) {
    if (flags.for_images())
      fail(flags.path,
           "expected a data set for --overlap, --pictures, --recipe and --set, got a folder of runs such as " +
               runs.front().path().string());
    return inspect_runs(flags.path, runs, flags.json);
  }
  if (!is_run && !is_checkpoint) return inspect_data(flags);
  if (flags.for_images())
    fail(flags.path, "expected a data set for --overlap, --pictures, --recipe and --set, got a " +
                         std::string(is_run ? "run" : "checkpoint"));
  const auto found = is_run ? run_json(RunFolder::open(flags.path)) : checkpoint_json(flags.path);
  print(flags.json ? found.dump(2) + "\n" : listing_of(found));
  return 0;
}

}  // namespace

void add_inspect(CLI::App& program, Action& action) {
  auto flags = std::make_shared<InspectDataFlags>();
  auto* command =
      program.add_subcommand("inspect", "show the content of a checkpoint, a run, a folder of runs or a data set");
  command->add_option("path", flags->path, "checkpoint (.safetensors), run folder, folder of runs, or images")
      ->required();
  command->add_flag("--json", flags->json, "print one JSON document");
  command->add_option("--pictures", flags->pictures,
                      "for images: write a contact sheet and the mean image into this folder");
  command->add_option("--recipe", flags->recipe,
                      "for images: read them as a training with this recipe does (its table [data])");
  command->add_option("--overlap", flags->against, "for images: warn about images that are also in this second set");
  add_force_flag(*command, flags->force);
  add_set_flag(*command, flags->set,
               "for images: set an option for reading them: --set data.resolution=64 (repeatable)");
  command->callback([flags, &action] { action = [flags] { return inspect(*flags); }; });
}

}  // namespace fqgan
