#include "fqgan/plot/grid.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <set>

#include "fqgan/core/error.h"
#include "fqgan/plot/font.h"
#include "support/support.h"

namespace fqgan {
namespace {

at::Tensor bytes(std::vector<int64_t> values, at::IntArrayRef shape) {
  return at::tensor(values, at::kLong).to(at::kByte).view(shape);
}

// A picture of one channel as text: '#' where it is not zero.
std::string drawn(const at::Tensor& picture) {
  std::string text;
  for (int64_t y = 0; y < picture.size(1); ++y) {
    for (int64_t x = 0; x < picture.size(2); ++x) text += picture[0][y][x].item<int>() ? '#' : '.';
    text += '\n';
  }
  return text;
}

at::Tensor text_picture(const std::string& text, int64_t width) {
  auto picture = at::zeros({1, glyph_height, width}, at::kByte);
  draw_text(picture, 0, 0, text, 255);
  return picture;
}

GridOptions plain(int64_t columns, int64_t gap) {
  GridOptions options;
  options.columns = columns;
  options.gap = gap;
  options.minimum_cell = 1;
  return options;
}

TEST(ToPixels, RoundsAndClamps) {
  const float nan = std::nanf(""), infinite = std::numeric_limits<float>::infinity();
  const auto images = at::tensor({-1.f, 1.f, 0.f, -1 + 1.4f / 127.5f, -1 + 1.6f / 127.5f, -3.f, 1.01f, nan, infinite});
  const auto pixels = to_pixels(images.view({1, 1, 3, 3}));
  EXPECT_TRUE(at::equal(pixels, bytes({0, 255, 128, 1, 2, 0, 255, 0, 255}, {1, 1, 3, 3}))) << pixels;
}

TEST(ToPixels, TakesEveryByteBackFromEveryType) {
  const auto all = at::arange(256, at::kLong).view({1, 1, 16, 16});
  const auto images = all.to(at::kDouble) / 127.5 - 1;
  for (const auto type : {at::kDouble, at::kFloat}) {
    EXPECT_TRUE(at::equal(to_pixels(images.to(type)), all.to(at::kByte))) << type;
  }
  const auto rounded = images.to(at::kBFloat16);
  EXPECT_TRUE(at::equal(to_pixels(rounded), to_pixels(rounded.to(at::kDouble))));
}

TEST(Grid, PutsImagesRowByRowWithGaps) {
  const auto grid = make_grid(bytes({1, 2, 3, 4, 5, 6}, {3, 1, 1, 2}), plain(2, 1));
  EXPECT_TRUE(at::equal(grid, bytes({1, 2, 32, 3, 4,      //
                                     32, 32, 32, 32, 32,  //
                                     5, 6, 32, 32, 32},   //
                                    {1, 3, 5})))
      << grid;
}

TEST(Grid, KeepsColours) {
  const auto images = at::arange(2 * 3 * 4 * 5).to(at::kByte).view({2, 3, 4, 5});
  const auto grid = make_grid(images.contiguous(at::MemoryFormat::ChannelsLast), plain(1, 0));
  EXPECT_TRUE(at::equal(grid, at::cat({images[0], images[1]}, 1)));
}

TEST(Grid, EnlargesByAWholeFactor) {
  auto options = plain(1, 0);
  options.minimum_cell = 5;
  const auto grid = make_grid(bytes({10, 20}, {1, 1, 1, 2}), options);
  EXPECT_TRUE(at::equal(grid, bytes({10, 10, 10, 20, 20, 20,  //
                                     10, 10, 10, 20, 20, 20,  //
                                     10, 10, 10, 20, 20, 20},
                                    {1, 3, 6})))
      << grid;
}

TEST(Grid, LeavesLargeImagesAsTheyAre) {
  const auto image = at::arange(66 * 64).to(at::kByte).view({1, 1, 66, 64});
  EXPECT_TRUE(at::equal(make_grid(image, {}), image[0]));
}

TEST(Grid, ChoosesColumns) {
  const auto extents = [](int64_t images, int64_t columns, std::vector<std::string> labels) {
    auto options = plain(columns, 0);
    options.row_labels = std::move(labels);
    const auto grid = make_grid(at::zeros({images, 1, 20, 20}, at::kByte), options);
    const int64_t label_width = options.row_labels.empty() ? 0 : glyph_width + 8;
    return std::pair(grid.size(1) / 20, (grid.size(2) - label_width) / 20);  // rows, columns
  };
  EXPECT_EQ(extents(9, 0, {}), std::pair(3L, 3L));
  EXPECT_EQ(extents(10, 0, {}), std::pair(3L, 4L));
  EXPECT_EQ(extents(1, 0, {}), std::pair(1L, 1L));
  EXPECT_EQ(extents(10, 8, {}), std::pair(2L, 8L));
  EXPECT_EQ(extents(2, 8, {}), std::pair(1L, 2L));
  EXPECT_EQ(extents(10, 0, {"a", "b"}), std::pair(2L, 5L));
  EXPECT_EQ(extents(9, 0, {"a", "b"}), std::pair(2L, 5L));
}

TEST(Grid, DrawsLabelsToTheRightAndCentred) {
  auto options = plain(1, 3);
  options.row_labels = {"a", "bcd"};
  const auto grid = make_grid(at::full({2, 3, 20, 20}, 7, at::kByte), options);
  auto expected = at::full({3, 20 + 3 + 20, 4 + 3 * 6 + 4}, 32, at::kByte);
  draw_text(expected, 4 + 2 * 6, 3, "a", 224);
  draw_text(expected, 4, 20 + 3 + 3, "bcd", 224);
  ASSERT_EQ(grid.sizes(), (std::vector<int64_t>{3, 43, 26 + 20}));
  EXPECT_TRUE(at::equal(grid.narrow(2, 0, 26), expected));
  EXPECT_TRUE(grid.narrow(2, 26, 20).narrow(1, 0, 20).eq(7).all().item<bool>());
}

TEST(Grid, CutsLongLabels) {
  const auto labelled = [](const std::string& label) {
    auto options = plain(1, 0);
    options.row_labels = {label};
    return make_grid(at::zeros({1, 1, 20, 20}, at::kByte), options);
  };
  const std::string whole = "abcdefghijklmnopqrstuvwx";  // 24 characters
  EXPECT_TRUE(at::equal(labelled(whole + "y"), labelled("abcdefghijklmnopqrstuv..")));
  EXPECT_FALSE(at::equal(labelled(whole), labelled("abcdefghijklmnopqrstuv..")));
  EXPECT_EQ(labelled(whole).size(2), 24 * 6 + 8 + 20);
}

TEST(Grid, DrawsATitleAndCaptions) {
  auto options = plain(2, 3);
  options.title = {"Left", "Right or not"};
  options.captions = {"1", "2: long", "3"};
  const auto picture = make_grid(at::full({3, 1, 2, 2}, 255, at::kByte), options);
  const int64_t title = 2 * glyph_height + 8, column = 2 + 7 * glyph_width + 3, row = 2 + glyph_height + 3;
  ASSERT_EQ(picture.sizes(), at::IntArrayRef({1, title + 2 * row - 3, std::max(2 * column - 3, 12 * glyph_width + 8)}));
  const auto shows = [&](const std::string& text, int64_t y, int64_t x) {
    const auto there = picture.narrow(1, y, glyph_height).narrow(2, x, std::ssize(text) * glyph_width);
    return drawn(there.gt(100)) == drawn(text_picture(text, std::ssize(text) * glyph_width));
  };
  EXPECT_TRUE(shows("Left", 4, 4) && shows("Right or not", 4 + glyph_height, 4));
  EXPECT_TRUE(shows("1", title + 2, 2) && shows("2: long", title + 2, column + 2) && shows("3", title + row + 2, 2));
  EXPECT_TRUE(picture.narrow(1, title + row, 2).narrow(2, 0, 2).eq(255).all().item<bool>());
}

TEST(Grid, DrawsLabelsOfColumnsBelowTheTitle) {
  auto options = plain(2, 3);
  options.title = {"T"};
  options.row_labels = {"r", "s"};
  options.column_labels = {"", "second"};
  const auto picture = make_grid(at::full({4, 1, 20, 20}, 7, at::kByte), options);
  const int64_t left = glyph_width + 8, title = glyph_height + 8, margin = 2, column = margin + 6 * glyph_width;
  ASSERT_EQ(picture.sizes(), at::IntArrayRef({1, title + glyph_height + 43, left + 2 * column + 3}));
  auto expected = at::full_like(picture, 32);
  draw_text(expected, 4, 4, "T", 224);
  draw_text(expected, left + column + 3 + margin, title, "second", 224);
  EXPECT_TRUE(at::equal(picture.narrow(1, 0, title + glyph_height), expected.narrow(1, 0, title + glyph_height)));
  EXPECT_TRUE(picture.narrow(1, title + glyph_height, 20).narrow(2, left, 20).eq(7).all().item<bool>());
  EXPECT_TRUE(picture.narrow(1, title + glyph_height + 23, 20).narrow(2, left, 20).eq(7).all().item<bool>());
}

TEST(Grid, GivesLowRowsTheHeightOfTheirLabels) {
  auto options = plain(1, 2);
  options.row_labels = {"a", "b"};
  const auto grid = make_grid(at::full({2, 1, 4, 4}, 200, at::kByte), options);
  ASSERT_EQ(grid.size(1), 13 + 2 + 13);
  const auto column = grid[0].select(1, grid.size(2) - 1).to(at::kLong);
  auto expected = at::full({28}, 32, at::kLong);
  expected.narrow(0, 4, 4).fill_(200);
  expected.narrow(0, 15 + 4, 4).fill_(200);
  EXPECT_TRUE(at::equal(column, expected)) << column;
}

TEST(Grid, LaysTransparentImagesOnACheckerboard) {
  auto image = at::full({1, 4, 16, 16}, 200, at::kByte);
  image[0][3].fill_(0);
  image[0][3][1].fill_(255);
  image[0][3][2].fill_(51);  // a fifth
  const auto grid = make_grid(image, plain(1, 0));
  ASSERT_EQ(grid.sizes(), (std::vector<int64_t>{3, 16, 16}));
  const auto at_row = [&](int64_t y, int64_t x) { return grid[2][y][x].item<int>(); };
  EXPECT_EQ(at_row(0, 7), 102);
  EXPECT_EQ(at_row(0, 8), 153);
  EXPECT_EQ(at_row(8, 7), 153);
  EXPECT_EQ(at_row(8, 8), 102);
  EXPECT_EQ(at_row(1, 0), 200);
  EXPECT_EQ(at_row(2, 0), 122);  // 40 + 81.6
  EXPECT_EQ(at_row(2, 8), 162);  // 40 + 122.4
}

TEST(Grid, RefusesWhatItCannotShow) {
  const auto error = [](const at::Tensor& pixels, std::vector<std::string> labels) {
    auto options = plain(2, 0);
    options.row_labels = std::move(labels);
    return test::message_of<UserError>([&] { make_grid(pixels, options); });
  };
  test::expect_names(error(at::zeros({0, 3, 4, 4}, at::kByte), {}), {"[grid]", "[0, 3, 4, 4]"});
  test::expect_names(error(at::zeros({1, 2, 4, 4}, at::kByte), {}), {"[grid]", "1, 3", "4", "2"});
  test::expect_names(error(at::zeros({3, 4, 4}, at::kByte), {}), {"[grid]", "[3, 4, 4]"});
  test::expect_names(error(at::zeros({3, 1, 4, 4}, at::kByte), {"a"}), {"[grid]", "2", "3", "1"});
}

TEST(Font, DrawsLetters) {
  EXPECT_EQ(drawn(text_picture("Tj", 12)),
            "............\n"
            "............\n"
            "#####.......\n"
            "..#......#..\n"
            "..#.........\n"
            "..#.....##..\n"
            "..#......#..\n"
            "..#......#..\n"
            "..#......#..\n"
            "..#......#..\n"
            "..#...#..#..\n"
            "......#..#..\n"
            ".......##...\n");
}

TEST(Font, HasADifferentGlyphForEveryCharacter) {
  std::set<std::string> glyphs;
  for (char c = ' '; c <= '~'; ++c) glyphs.insert(drawn(text_picture(std::string(1, c), 6)));
  EXPECT_EQ(glyphs.size(), 95u);
}

TEST(Font, ShowsOtherCharactersAsQuestionMarks) {
  EXPECT_EQ(drawable("T-shirt/top ~"), "T-shirt/top ~");
  EXPECT_EQ(drawable("Zo\xc3\xab"), "Zo\xeb");
  EXPECT_EQ(drawable("\xc2\x85\xc5\x82"), "??");  // a control character, and one beyond Latin-1
  EXPECT_EQ(drawable("\xe6\x97\xa5\xe6\x9c\xac."), "??.");
  EXPECT_EQ(drawable("\xf0\x9f\x98\x80."), "?.");
  EXPECT_EQ(drawable("a\tb\x7f"), "a?b?");
  EXPECT_EQ(drawable("\xff"
                     "a\x80\x80\xc3"),
            "?a???");  // not UTF-8
  EXPECT_EQ(drawn(text_picture(drawable("\xc5\x82"), 12)), drawn(text_picture("?", 12)));
}

TEST(Font, DrawsLatin1) {
  EXPECT_EQ(drawn(text_picture(drawable("\xc3\xbc"), 6)),  // a u with two dots
            "......\n"
            "......\n"
            ".#.#..\n"
            ".#.#..\n"
            "......\n"
            "#...#.\n"
            "#...#.\n"
            "#...#.\n"
            "#...#.\n"
            "#..##.\n"
            ".##.#.\n"
            "......\n"
            "......\n");
}

TEST(Font, LeavesOutWhatIsOutside) {
  auto whole = at::zeros({3, 40, 60}, at::kByte);
  draw_text(whole, 20, 12, "Wgj", 9);
  for (const auto& [x, y] : {std::pair(-4, -5), {14, 10}, {-100, 0}, {0, 100}}) {
    auto part = at::zeros({3, 15, 20}, at::kByte);
    draw_text(part, x, y, "Wgj", 9);
    const bool near = std::abs(x) < 20 && std::abs(y) < 12;
    const auto expected = near ? whole.narrow(1, 12 - y, 15).narrow(2, 20 - x, 20) : at::zeros_like(part);
    EXPECT_TRUE(at::equal(part, expected)) << x << ", " << y;
    EXPECT_EQ(part.any().item<bool>(), near);
  }
}

TEST(MakeGrid, LeavesTheRestOfAShortRowEmpty) {
  auto options = plain(2, 0);
  options.row_lengths = {1, 2, 1};
  const auto picture = make_grid(bytes({255, 255, 255, 255}, {4, 1, 1, 1}), options);
  const auto lit = bytes({255, 32, 255, 255, 255, 32}, {1, 3, 2});  // 32: the background
  EXPECT_TRUE(at::equal(picture, lit)) << picture;
}

}  // namespace
}  // namespace fqgan
