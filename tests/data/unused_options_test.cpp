// Options that have no effect because of another option.
#include "fqgan/data/unused_options.h"

#include "data/make_files.h"
#include "data/open_data.h"
#include "fqgan/data/dataset_request.h"
#include "fqgan/data/sources/source.h"

namespace fqgan::test {
namespace {

TEST(UnusedOptions, AreRefusedByATraining) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(4, 2, 2));
  write_bytes(folder / "train-labels-idx1-ubyte", idx_labels({0, 1, 0, 1}));
  const auto plain = at_path(folder.path);
  const auto trains = [](const DataOptions& options) {
    OpenedData data(options);
    Datasets sets;
    open_requests(data, {{"train"}}, sets);
  };
  const auto fails = [&](const std::string& key, const std::string& need, auto field, auto value) {
    auto options = plain;
    options.*field = value;
    expect_error<UserError>([&] { trains(options); }, {"[data." + key + "] expected " + need, "no effect"});
    EXPECT_EQ(open_dataset(options)->info().images, 4);  // a model's recipe without its limit, for example
    accept_split_of_run(options);
    EXPECT_EQ(options.*field, plain.*field);
    trains(options);
  };
  trains(plain);
  fails("labels_seed", "data.labels_per_class", &DataOptions::labels_seed, 1);
  fails("held_out_seed", "data.held_out", &DataOptions::held_out_seed, 1);
  fails("held_out_per_class", "data.held_out", &DataOptions::held_out_per_class, true);
  fails("limit_by", "data.limit", &DataOptions::limit_by, "order");
  auto options = plain;
  options.fit = "crop";
  options.alpha = "keep";
  trains(options);
  options.pad_value = 9;
  expect_error<UserError>([&] { trains(options); }, {"[data.pad_value] ", "data.fit = \"pad\""});
  options.fit = "pad";
  trains(options);
  options.background = {9, 9, 9};
  expect_error<UserError>([&] { trains(options); }, {"[data.background] ", "data.alpha = \"composite\""});
  options.alpha = "composite";
  options.labels_per_class = 1;
  options.labels_seed = 1;
  options.held_out = options.held_out_seed = 1;
  options.limit = 3;
  options.limit_by = "order";
  trains(options);
}

}  // namespace
}  // namespace fqgan::test
