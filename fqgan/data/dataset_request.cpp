#include "fqgan/data/dataset_request.h"

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/unused_options.h"

namespace fqgan {
namespace {

std::vector<std::string> empty_classes(const Dataset& images) {
  const auto& info = images.info();
  std::vector<int64_t> count(static_cast<size_t>(info.classes), 0);
  for (int64_t i = 0; i < info.images && info.classes > 0; ++i)
    if (const auto label = images.label(i); label >= 0) ++count.at(static_cast<size_t>(label));
  std::vector<std::string> empty;
  for (size_t k = 0; k < count.size(); ++k)
    if (count[k] == 0) empty.push_back(info.class_names[k]);
  return empty;
}

}  // namespace

DatasetRequest labelled_images() {
  DatasetRequest request{"labelled"};
  request.view.part = "labelled";
  return request;
}

DatasetRequest domain_images(const std::string& domain) {
  DatasetRequest request{domain == "A" ? "a" : "b"};
  request.view.domain = domain;
  return request;
}

void open_requests(OpenedData& data, const std::vector<DatasetRequest>& requests, Datasets& sets) {
  refuse_unused_options(data.options());
  for (const auto& request : requests) sets[request.name] = data.view(request.view);
}

void require_every_class(const Dataset& labelled) {
  const auto empty = empty_classes(labelled);
  if (!empty.empty())
    fail("data", "class '" + empty[0] + "' has no labelled image. Hint: label one of its images, or remove the class");
}

void warn_of_empty_classes(const Dataset& images) {
  const auto empty = empty_classes(images);
  const auto count = static_cast<int64_t>(empty.size());
  if (count == 0 || count == images.info().classes) return;
  log_warning("[data] " + std::to_string(count) + " of " + plural(images.info().classes, "class") +
              (count == 1 ? " has" : " have") + " no image: " + short_list(empty));
}

DataInfos infos_of(const Datasets& sets) {
  DataInfos infos;
  for (const auto& [name, set] : sets) infos[name] = set->info();
  return infos;
}

DataInfos infos_of(const std::vector<DatasetRequest>& requests, const DataInfo& info) {
  DataInfos infos;
  for (const auto& request : requests) infos[request.name] = info;
  return infos;
}

const DataInfo& main_info(const DataInfos& infos) {
  FQGAN_CHECK(!infos.empty(), "a family without data");
  const auto train = infos.find("train");
  return train == infos.end() ? infos.begin()->second : train->second;
}

}  // namespace fqgan
