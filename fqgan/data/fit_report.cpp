#include "fqgan/data/fit_report.h"

#include "fqgan/core/text.h"
#include "fqgan/data/images/raster.h"

namespace fqgan {
namespace {

std::string colour_name(const std::vector<int64_t>& rgb) {
  if (rgb == std::vector<int64_t>{0, 0, 0}) return "black";
  if (rgb == std::vector<int64_t>{255, 255, 255}) return "white";
  std::string text = "the colour";
  for (const auto value : rgb) text += " " + std::to_string(value);
  return text;
}

std::string border_name(const DataInfo& info, const FitOptions& options) {
  if (info.channels == 4) return "transparent";
  if (options.pad_value == 0) return "black";
  return options.pad_value == 255 ? "white" : "gray";
}

std::string reshaped_line(const DataInfo& info, const FitOptions& options) {
  if (options.fit == "pad")
    return "filled up with " + border_name(info, options) +
           " bars (data.fit = pad; cut off the edges with data.fit=crop)";
  if (options.fit == "crop") return "cut at the edges (data.fit = crop; keep whole images with data.fit=pad)";
  return "stretched (data.fit = stretch; keep the proportions with data.fit=crop or pad)";
}

std::string small_line(const DataInfo& info, const FitOptions& options) {
  if (options.fit != "pad") return "enlarged (data.fit = " + options.fit + ")";
  return "placed in a " + border_name(info, options) +
         " frame, not enlarged (data.fit = pad; enlarge with data.fit=crop)";
}

std::string transparent_line(const DataInfo& info, const FitOptions& options) {
  if (options.alpha == "drop") return "used without their transparency (data.alpha = drop)";
  if (options.alpha == "keep")
    return "used without their transparency (data.channels = " + std::to_string(info.channels) +
           "; keep it with data.channels=4)";
  return "laid on " + colour_name(options.background) + " (data.background; keep transparency with data.alpha=keep)";
}

}  // namespace

std::vector<std::string> fit_report(const DataInfo& info, const Changes& changes, const FitOptions& options) {
  const auto size = size_text({info.height, info.width, info.channels});
  std::vector<std::string> lines;
  const auto add = [&](int64_t images, const std::string& are, const std::string& done) {
    if (images == 0) return;
    lines.push_back(std::to_string(images) + " of " + plural(info.images, "image") + (images == 1 ? " is " : " are ") +
                    are + ": " + done);
  };
  add(changes.reshaped, info.height == info.width ? "not square" : "not of the shape " + size,
      reshaped_line(info, options));
  add(changes.large, "larger than " + size, "scaled down (data.filter = " + options.filter + ")");
  add(changes.small, "smaller than " + size, small_line(info, options));
  add(changes.transparent, "transparent", transparent_line(info, options));
  return lines;
}

}  // namespace fqgan
