// Data sets by name: which ones a model family wants of the images that a recipe names, and what it is told of them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fqgan/data/opened_data.h"

namespace fqgan {

/// "train": the images as the table [data] says; "labelled": those of them that have a label; "a" and "b": the domains
/// of a translation set; or any other name that a family gives to a view.
struct DatasetRequest {
  std::string name = "train";
  View view;
};
DatasetRequest labelled_images();                         // "labelled"
DatasetRequest domain_images(const std::string& domain);  // "A" or "B": "a" or "b"

using Datasets = std::map<std::string, std::shared_ptr<const Dataset>>;
using DataInfos = std::map<std::string, DataInfo>;

/// Adds the views that are requested to `sets`, one after the other. Errors: UserError as OpenedData::view.
void open_requests(OpenedData& data, const std::vector<DatasetRequest>& requests, Datasets& sets);
/// Errors: UserError for labelled images that lack a class.
void require_every_class(const Dataset& labelled);

DataInfos infos_of(const Datasets& sets);
/// The same under every name.
DataInfos infos_of(const std::vector<DatasetRequest>& requests, const DataInfo& info);
/// What is said of "the data" where one set must stand for all: "train", else the first by name.
const DataInfo& main_info(const DataInfos& infos);

}  // namespace fqgan
