#include "fqgan/run/ledger.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/run/json_lines.h"

namespace fqgan {
namespace {

using nlohmann::ordered_json;

LedgerEntry entry_of(const ordered_json& line) {
  LedgerEntry entry;
  entry.experiment = line.value("experiment", "");
  entry.key = line.value("key", "");
  entry.recipe = line.value("recipe", "");
  entry.data = line.value("data", "");
  entry.set = line.value("set", std::vector<std::string>{});
  entry.seed = line.value("seed", int64_t{0});
  entry.outcome = line.value("outcome", "done");
  entry.commit = line.value("commit", "");
  entry.processor = line.value("processor", "");
  entry.iterations = line.value("iterations", int64_t{0});
  entry.seconds = line.value("seconds", 0.);
  entry.images_per_second = line.value("images_per_second", 0.);
  if (line.contains("metrics"))
    for (const auto& [name, value] : line["metrics"].items())
      if (value.is_number()) entry.metrics[name] = value.get<double>();
  entry.curve = line.value("curve", "");
  return entry;
}

/// What to do about a line that is no JSON object.
std::string hint_for(int64_t line, bool is_last) {
  if (line == 1) return ". Hint: if this file is no ledger, choose another one; else correct or remove that line";
  if (is_last) return ". Hint: its end is missing; remove that line, and the next sweep makes the entry again";
  return ". Hint: correct or remove that line";
}

}  // namespace

std::vector<LedgerEntry> read_ledger(const std::filesystem::path& path) {
  std::vector<LedgerEntry> entries;
  if (!std::filesystem::exists(path)) return entries;
  std::istringstream text(read_file(path));
  std::string line;
  for (int64_t number = 1; std::getline(text, line); ++number) {
    if (line.empty()) continue;
    const auto value = ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!value.is_object())
      fail(path.string(), "line " + std::to_string(number) + ": expected a JSON object, got '" +
                              printable(line.substr(0, 40)) + "'" + hint_for(number, text.eof()));
    try {
      auto entry = entry_of(value);
      if (!entry.key.empty()) entries.push_back(std::move(entry));
    } catch (const nlohmann::json::exception&) {
      fail(path.string(),
           "line " + std::to_string(number) + ": a field has the wrong type. Hint: correct or remove that line");
    }
  }
  return entries;
}

void append_to_ledger(const std::filesystem::path& path, const LedgerEntry& entry) {
  const ordered_json line{{"experiment", entry.experiment},
                          {"key", entry.key},
                          {"recipe", entry.recipe},
                          {"data", entry.data},
                          {"set", entry.set},
                          {"seed", entry.seed},
                          {"outcome", entry.outcome},
                          {"commit", entry.commit},
                          {"processor", entry.processor},
                          {"iterations", entry.iterations},
                          {"seconds", entry.seconds},
                          {"images_per_second", entry.images_per_second},
                          {"metrics", entry.metrics},
                          {"curve", entry.curve}};
  if (path.has_parent_path()) make_folder(path.parent_path());
  read_ledger(path);  // refuses an incomplete last line, which JsonLines would cut off
  JsonLines file(path);
  file.append(line.dump());
  file.flush();
}

std::string processor_text() {
  std::ifstream file("/proc/cpuinfo");
  std::string line, model = "unknown processor";
  std::set<std::string> flags;
  while (std::getline(file, line)) {
    const auto colon = line.find(": ");
    if (colon == line.npos) continue;
    if (line.starts_with("model name")) model = line.substr(colon + 2);
    if (line.starts_with("flags") && flags.empty()) {
      std::istringstream words(line.substr(colon + 2));
      for (std::string word; words >> word;) flags.insert(word);
    }
  }
  auto text = model + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores";
  if (flags.count("avx512_bf16"))
    text += ", AVX-512 BF16";
  else if (flags.count("avx512f"))
    text += ", AVX-512";
  else if (flags.count("avx2"))
    text += ", AVX2";
  if (flags.count("amx_bf16")) text += ", AMX";
  return text;
}

}  // namespace fqgan
