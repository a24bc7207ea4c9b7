#include "fqgan/inference/grid_plan.h"

#include <algorithm>

#include "support/support.h"

namespace fqgan {
namespace {

DataInfo data_of(int64_t size, int64_t classes) {
  DataInfo data{100, 3, size, size, classes, {}};
  for (int64_t k = 0; k < classes; ++k) data.class_names.push_back("class " + std::to_string(k));
  return data;
}

int64_t rows_of(const GridPlan& plan) {
  if (!plan.grid.row_lengths.empty()) return std::ssize(plan.grid.row_lengths);
  return (plan.count + plan.grid.columns - 1) / plan.grid.columns;
}

TEST(GridPlan, HasTenImagesPerClassOrASquare) {
  const auto classes = plan_grid(data_of(32, 10), {});
  EXPECT_EQ(classes.count, 100);
  EXPECT_EQ(classes.grid.columns, 10);
  EXPECT_EQ(classes.grid.row_labels.size(), 10u);
  EXPECT_EQ(classes.labels[9], 0);
  EXPECT_EQ(classes.labels[10], 1);
  EXPECT_EQ(classes.left_out, "");
  const auto square = plan_grid(data_of(32, 0), {});
  EXPECT_EQ(square.count, 64);
  EXPECT_EQ(square.grid.columns, 8);
  EXPECT_TRUE(square.labels.empty());
}

TEST(GridPlan, IsASizeThatAPersonCanLookAt) {
  for (const int64_t size : {8, 32, 64, 100, 128, 256, 512, 1024})
    for (const int64_t classes : {0, 1, 10, 300, 1000}) {
      const auto plan = plan_grid(data_of(size, classes), {});
      const auto cell = cell_size(size, size, plan.grid);
      EXPECT_LE(plan.grid.columns * cell.width + (classes ? widest_label : 0), 1.25 * grid_extent) << size;
      EXPECT_LE(rows_of(plan) * cell.height, 1.25 * grid_extent) << size << " " << classes;
      EXPECT_GE(plan.count, 1);
    }
}

TEST(GridPlan, ChoosesClassesEvenlyAndSaysWhichAreLeftOut) {
  const auto plan = plan_grid(data_of(32, 300), {});
  EXPECT_EQ(plan.grid.row_labels.front(), "class 0");
  EXPECT_EQ(plan.grid.row_labels.at(1), "class 10");
  EXPECT_EQ(plan.grid.row_labels.back(), "class 290");
  test::expect_names(plan.left_out, {"30 of 300", "'class 0'", "'class 290'", "270"});
}

TEST(GridPlan, TakesWhatIsAskedFor) {
  std::vector<int64_t> many(60);
  for (int64_t k = 0; k < 60; ++k) many[static_cast<size_t>(k)] = k;
  EXPECT_EQ(rows_of(plan_grid(data_of(32, 300), {.classes = many})), 60);
  EXPECT_EQ(plan_grid(data_of(32, 300), {.count = 5000}).count, 5000);
  const auto columns = plan_grid(data_of(32, 3), {.columns = 25});
  EXPECT_EQ(columns.grid.columns, 25);
  EXPECT_EQ(columns.count, 75);
}

TEST(GridPlan, GivesEachClassItsOwnRows) {
  const auto plan = plan_grid(data_of(32, 10), {.classes = {9, 8}, .count = 25});
  EXPECT_EQ(plan.grid.columns, 10);
  EXPECT_EQ(plan.grid.row_lengths, (std::vector<int64_t>{10, 3, 10, 2}));
  EXPECT_EQ(plan.grid.row_labels, (std::vector<std::string>{"class 9", "", "class 8", ""}));
  EXPECT_EQ(std::count(plan.labels.begin(), plan.labels.end(), 9), 13);
  EXPECT_TRUE(std::is_sorted(plan.labels.rbegin(), plan.labels.rend())) << "class by class";
  const auto one = plan_grid(data_of(32, 10), {.classes = {4, 5, 6}, .count = 2});
  EXPECT_EQ(one.grid.row_labels.size(), 2u);
  EXPECT_EQ(one.labels, (std::vector<int64_t>{4, 5}));
}

}  // namespace
}  // namespace fqgan
