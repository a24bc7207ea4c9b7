// Named data sets: the views of a recipe's images that a model family requests, and their properties.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fqgan/data/opened_data.h"

namespace fqgan {

/// "train": the images as the table [data] describes them; "labelled": only the images with a label; "a" and "b": the
/// domains of a translation set; or any other name that a family gives to a view.
struct DatasetRequest {
  std::string name = "train";
  View view;
};
DatasetRequest labelled_images();                         // "labelled"
DatasetRequest domain_images(const std::string& domain);  // "A" or "B": "a" or "b"

using Datasets = std::map<std::string, std::shared_ptr<const Dataset>>;
using DataInfos = std::map<std::string, DataInfo>;

/// Opens the requested views and adds them to `sets`. Errors: UserError as OpenedData::view, and for an option that has
/// no effect.
void open_requests(OpenedData& data, const std::vector<DatasetRequest>& requests, Datasets& sets);
/// Errors: UserError for labelled images that lack a class.
void require_every_class(const Dataset& labelled);
/// Logs the names of classes without an image, if some images have a class.
void warn_of_empty_classes(const Dataset& images);

DataInfos infos_of(const Datasets& sets);
/// Gives the same info every name.
DataInfos infos_of(const std::vector<DatasetRequest>& requests, const DataInfo& info);
/// The info that stands for all sets: "train", else the first by name.
const DataInfo& main_info(const DataInfos& infos);

}  // namespace fqgan
