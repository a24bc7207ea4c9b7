// The nearest training image of each generated image, as a picture of the nearest pairs and a table of all.
#pragma once

#include <string>

#include "fqgan/experiment/evaluation_side.h"

namespace fqgan {

/// The most pairs in the picture.
inline constexpr int64_t most_pairs = 32;

/// Writes picture.png: pairs 'generated | nearest training image', the nearest first, four in a row, with a title that
/// says so, and the number and the ratio of each pair; and `table`, a CSV file with one line for each generated image,
/// the nearest first: the number of the pair, the names of the image and of the nearest training image, what was
/// compared ("features" or "pixels"), distance and ratio as in Copies, the root of the mean square of the difference of
/// their pixels (of 0 to 255), and whether the distance or the ratio is below its threshold. Goes through the generated
/// images again. copies: of these two sides.
void write_nearest_pairs(const std::string& picture, const std::string& table, const Side& generated,
                         const Side& training, const Copies& copies);

}  // namespace fqgan
