#include "fqgan/data/dataset_request.h"

#include "fqgan/core/error.h"

namespace fqgan {

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
  for (const auto& request : requests) sets[request.name] = data.view(request.view);
}

void require_every_class(const Dataset& labelled) {
  const auto& info = labelled.info();
  std::vector<int64_t> images(static_cast<size_t>(info.classes), 0);
  for (int64_t i = 0; i < info.images; ++i) ++images.at(static_cast<size_t>(labelled.label(i)));
  for (size_t k = 0; k < images.size(); ++k)
    if (!images[k])
      fail("data", "class '" + info.class_names[k] +
                       "' has no labelled image. Hint: label one of its images, or remove the class");
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
