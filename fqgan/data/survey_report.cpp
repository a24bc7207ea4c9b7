// A survey as text and as JSON.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fqgan/data/survey.h"

namespace fqgan {
namespace {

constexpr size_t most_lines = 20;

std::string channels_text(int64_t channels) { return channels == 1 ? "gray" : channels == 3 ? "RGB" : "RGBA"; }

void write_classes(std::ostream& out, const Survey& survey) {
  if (survey.class_counts.empty()) {
    out << "classes: none\n";
    return;
  }
  out << "classes: " << survey.info.classes << "\n";
  const int64_t most = std::max<int64_t>(1, *std::max_element(survey.class_counts.begin(), survey.class_counts.end()));
  for (size_t c = 0; c < survey.class_counts.size(); ++c) {
    if (c == 5 * most_lines) {
      out << "  ... and " << survey.class_counts.size() - c << " more\n";
      break;
    }
    const auto bar = static_cast<size_t>(30 * survey.class_counts[c] / most);
    out << "  " << c << " " << survey.info.class_names[c] << ": " << survey.class_counts[c] << " "
        << std::string(bar, '#') << "\n";
  }
  if (survey.unlabelled > 0) out << "  without a label: " << survey.unlabelled << "\n";
}

}  // namespace

std::string survey_text(const Survey& survey) {
  std::ostringstream out;
  out << "data set: " << survey.path << "\nkey: " << survey.key << "\nimages: " << survey.info.images << " of "
      << survey.info.width << "x" << survey.info.height << " " << channels_text(survey.info.channels) << "\n";
  out << "files:\n";
  for (size_t i = 0; i < std::min(most_lines, survey.sizes.size()); ++i) {
    const auto& size = survey.sizes[i];
    out << "  " << size_text(size.shape) << " " << channels_text(size.shape.channels) << ": " << size.images << "\n";
  }
  if (survey.sizes.size() > most_lines) out << "  ... and " << survey.sizes.size() - most_lines << " other shapes\n";
  write_classes(out, survey);
  for (const auto& line : survey.fit) out << "training sees: " << line << "\n";
  for (const auto& one : survey.unreadable) out << "unreadable: " << one.name << ": " << one.reason << "\n";
  for (const auto& warning : survey.warnings) out << "warning: " << warning << "\n";
  return out.str();
}

std::string survey_json(const Survey& survey) {
  nlohmann::json json = {{"path", survey.path},
                         {"key", survey.key},
                         {"images", survey.info.images},
                         {"channels", survey.info.channels},
                         {"height", survey.info.height},
                         {"width", survey.info.width},
                         {"unlabelled", survey.unlabelled},
                         {"nearly_empty", survey.nearly_empty},
                         {"fit", survey.fit},
                         {"warnings", survey.warnings}};
  for (const char* list : {"sizes", "classes", "unreadable", "duplicates"}) json[list] = nlohmann::json::array();
  for (const auto& [shape, images] : survey.sizes) {
    json["sizes"].push_back(
        {{"width", shape.width}, {"height", shape.height}, {"channels", shape.channels}, {"images", images}});
  }
  for (size_t c = 0; c < survey.class_counts.size(); ++c) {
    json["classes"].push_back({{"name", survey.info.class_names[c]}, {"images", survey.class_counts[c]}});
  }
  for (const auto& one : survey.unreadable) json["unreadable"].push_back({{"name", one.name}, {"reason", one.reason}});
  for (const auto& [a, b] : survey.duplicates) {
    json["duplicates"].push_back({survey.names[static_cast<size_t>(a)], survey.names[static_cast<size_t>(b)]});
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace fqgan
