// The transforms of Winograd's forms in one dimension, and where a tile lies.
//
// A unit (U below) is a type of number on an instruction set: Element, Floats of `lanes` floats, and how both are
// loaded, stored, added, multiplied; a Step is `depth` elements of each lane that one instruction multiplies and sums.
#pragma once

#include "fqgan/ops/kernels/winograd.h"

namespace fqgan::ops::kernels {
namespace {

/// `patch` values of the map that is read make `rows` products; patches are `step` apart and give `outputs` values.
/// Product i of a patch d: d[first] + sign d[second] (a sign of zero: d[first]); an output b is the sum over the
/// products times back[i][b]; the weight's product: sum over the taps times weights[i][tap].
struct Plain {
  static constexpr Resample form = Resample::none;
  static constexpr int patch = 4, rows = 4, step = 2, outputs = 2;
  static constexpr int first[] = {0, 1, 2, 1}, second[] = {2, 2, 1, 3};
  static constexpr float sign[] = {-1, 1, -1, -1};
  static constexpr float back[rows][2] = {{1, 0}, {1, 1}, {1, -1}, {0, -1}};
  static constexpr float weights[rows][3] = {{1, 0, 0}, {.5f, .5f, .5f}, {.5f, -.5f, .5f}, {0, 0, 1}};
};
struct Up {
  static constexpr Resample form = Resample::up;
  static constexpr int patch = 3, rows = 3, step = 1, outputs = 2;
  static constexpr int first[] = {0, 1, 1}, second[] = {1, 1, 2};
  static constexpr float sign[] = {-1, 0, -1};
  static constexpr float back[rows][2] = {{1, 0}, {1, 1}, {0, -1}};
  static constexpr float weights[rows][3] = {{1, 0, 0}, {1, 1, 1}, {0, 0, 1}};
};
struct Down {
  static constexpr Resample form = Resample::down;
  static constexpr int patch = 4, rows = 3, step = 2, outputs = 1;
  static constexpr int first[] = {0, 1, 1}, second[] = {2, 2, 3};
  static constexpr float sign[] = {-1, 1, -1};
  static constexpr float back[rows][2] = {{1, 0}, {1, 0}, {1, 0}};
  static constexpr float weights[rows][3] = {{.5f, 0, 0}, {.5f, .5f, .5f}, {0, 0, -.5f}};
};
template <class Form>
constexpr int64_t products = Form::rows* Form::rows;

template <class Form, class U>
typename U::Floats combine(int row, typename U::Floats first, typename U::Floats second) {
  if (Form::sign[row] == 0) return first;
  return Form::sign[row] > 0 ? U::add(first, second) : U::sub(first, second);
}

/// a back[row][0] + b back[row][1]
template <class Form, class U>
typename U::Floats spread(int row, typename U::Floats a, typename U::Floats b) {
  const float p = Form::back[row][0], q = Form::back[row][1];
  if (q == 0) return a;
  if (p == 0) return U::multiply(b, U::set(q));
  return q > 0 ? U::add(a, b) : U::sub(a, b);
}

/// sum += value factor, for a factor of 0, 1 or -1.
template <class U>
void add_signed(typename U::Floats& sum, typename U::Floats value, float factor) {
  if (factor > 0) sum = U::add(sum, value);
  if (factor < 0) sum = U::sub(sum, value);
}

struct Place {
  int64_t image, row, column;
};
template <class Form>
int64_t tiles_across(const Image& x) {
  return winograd_tiles_along(Form::form, x.width, x.border);
}
template <class Form>
int64_t tiles_down(const Image& x) {
  return winograd_tiles_along(Form::form, x.height, x.border);
}
template <class Form>
Place place_of(const Image& x, int64_t tile) {
  const int64_t across = tiles_across<Form>(x), down = tiles_down<Form>(x);
  return {tile / (across * down), tile / across % down, tile % across};
}

/// The place of the next tile.
template <class Form>
void advance(const Image& x, Place& place) {
  if (++place.column < tiles_across<Form>(x)) return;
  place.column = 0;
  if (++place.row < tiles_down<Form>(x)) return;
  place.row = 0;
  ++place.image;
}

/// The pixels of one tile's patch; outside the map they are zeros.
template <class Form, class U>
struct Patch {
  const typename U::Element* at[Form::patch][Form::patch];

  Patch() = default;
  Patch(const Image& x, const Place& place, const typename U::Element* zeros) {
    const int64_t before = !x.border ? 1 : Form::form == Resample::up ? 2 : -1;  // pixels before a tile's first
    const int64_t top = place.row * Form::step - before, left = place.column * Form::step - before;
    const auto* corner = static_cast<const typename U::Element*>(x.data) +
                         ((place.image * x.height + top) * x.width + left) * x.channels;
    for (int i = 0; i < Form::patch; ++i)
      for (int j = 0; j < Form::patch; ++j) at[i][j] = corner + (i * x.width + j) * x.channels;
    const bool inside = top >= 0 && left >= 0 && top + Form::patch <= x.height && left + Form::patch <= x.width;
    if (!inside) replace_outside(x, top, left, zeros);
  }
  /// No tile.
  explicit Patch(const typename U::Element* zeros) {
    for (auto& row : at)
      for (auto& pixel : row) pixel = zeros;
  }

 private:
  void replace_outside(const Image& x, int64_t top, int64_t left, const typename U::Element* zeros) {
    for (int i = 0; i < Form::patch; ++i)
      for (int j = 0; j < Form::patch; ++j)
        if (top + i < 0 || left + j < 0 || top + i >= x.height || left + j >= x.width) at[i][j] = zeros;
  }
};

/// Below this nothing passes: zero for relu, else nothing is held back. NaN passes.
template <class U>
typename U::Floats floor_of(const Image& x) {
  return U::set(x.relu ? 0.f : -__builtin_inff());
}

/// Calls `function` with the form, and with the number of vectors of `channels` output channels.
template <class Function>
void with_form(Resample form, Function function) {
  if (form == Resample::none) return function(Plain{});
  if (form == Resample::up) return function(Up{});
  function(Down{});
}
template <int n>
struct Count {
  static constexpr int value = n;
};
template <class U>
int64_t columns_of(int64_t channels) {
  int64_t columns = U::widest * U::lanes;
  while (channels % columns) columns /= 2;
  return columns;
}
template <class U, class Function>
void with_columns(int64_t channels, Function function) {
  const auto vectors = columns_of<U>(channels) / U::lanes;
  if (vectors == 4) return function(Count<4>{});
  if (vectors == 2) return function(Count<2>{});
  function(Count<1>{});
}

}  // namespace
}  // namespace fqgan::ops::kernels
