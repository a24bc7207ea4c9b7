// The kernels of feature quantization, once for each instruction set; table.cpp chooses at run time. Plain pointers and
// no library: what these files define is compiled with their instruction set's flags, and a template instance that the
// linker merged with another file's would crash an older processor.
// Shapes: N images, P positions an image, D channels, M = N*P rows (image by image), K codes.
#pragma once

#include <stdint.h>

#include "fqgan/ops/kernels/minibatch.h"
#include "fqgan/ops/kernels/weight_norm.h"

namespace fqgan::ops::kernels {

/// Feature maps: float32 or bfloat16, x[n][p][d] (M x D, or channels_last) or x[n][d][p].
struct Map {
  const void* data;
  bool bfloat16, channels_first;
  int64_t images, positions, channels;
  int64_t rows() const { return images * positions; }
};

constexpr int64_t panel_rows = 96;    // rows that are screened together
constexpr int64_t lanes = 16;         // code k competes in lane k % 16
constexpr int64_t depth_step = 32;    // packed rows and codes are padded with zeros to a multiple of it
constexpr int64_t noise_block = 64;   // elements whose noise is drawn together
constexpr int64_t position_run = 16;  // rows that the element-wise kernels take together

struct Winograd;
struct FewChannels;

/// A step of Adam with epsilon under the root: shares of the new gradient in m and its square in v, what v keeps, the
/// learning rate over m's correction, and the correction of v.
struct Adam {
  float first, second, keep, step, correction, epsilon;
};

/// A dictionary packed for screening, padded to whole blocks of codes.
struct Dictionary {
  int64_t blocks, depth;              // depth: D padded to depth_step
  const void* packed;                 // float32 [blocks][depth][block], or bfloat16 [blocks][depth / 2][block][2]
  const float *start, *reach, *norm;  // a code's terms of the upper bound below
};

/// Rows as they are screened: float32 or bfloat16, count x stride, zeros from D to the dictionary's depth.
struct Panel {
  const void* rows;
  int64_t count, stride;
  const float *norm, *residual;  // |row| as stored here, and |row - what it was rounded from|: upper bounds
};

/// Per row of a panel and lane: the highest upper bound, its code, and the second highest. panel_rows x lanes.
struct Leaders {
  float *best, *second;
  int32_t* code;
};

struct Kernels {
  const char* name;

  /// Upper bounds of the scores x.e - |e|^2 / 2: start + norm(x) reach + residual(x) norm(e) + <stored x, stored e>.
  /// dictionary.cpp says why they are bounds.
  void (*screen)(const Dictionary&, const Panel&, const Leaders&);
  int64_t block;          // codes of a block
  bool screens_bfloat16;  // else float32
  const Kernels* finer;   // what screens the rows that bfloat16 leaves open in float32; null: this does already

  // Below, `scratch` holds position_run x D floats.

  /// Rows first .. first + count - 1, `stride` apart, zeros after D: as bfloat16 (to nearest even), with
  /// |row - rounded row|, or as float32.
  void (*load_bfloat16)(const Map&, int64_t first, int64_t count, uint16_t* rows, int64_t stride, float* residual,
                        float* scratch);
  void (*load_float32)(const Map&, int64_t first, int64_t count, float* rows, int64_t stride);
  /// The rows' lengths, rounded up.
  void (*norms)(const void* rows, bool bfloat16, int64_t count, int64_t stride, int64_t channels, float* norm);
  /// The best of `count` codes by their scores in double; the lowest code on a tie. half: |e|^2 / 2 of all codes.
  int32_t (*exact_best)(const float* row, const float* codebook, const double* half, int64_t channels,
                        const int32_t* codes, int64_t count);

  /// Images first .. last - 1; the mean over an image's elements of (x - e)^2.
  void (*loss)(const Map&, const float* codebook, const int64_t* codes, int64_t first, int64_t last, float* loss,
               float* scratch);
  /// out, in the map's type and layout: scale[image] (x - e).
  void (*gradient)(const Map&, const float* codebook, const int64_t* codes, const float* scale, int64_t first,
                   int64_t last, void* out, float* scratch);
  /// out, in the map's type and layout: x + fraction (e - x); e itself for fraction = 1.
  void (*blend)(const Map&, const float* codebook, const int64_t* codes, float fraction, int64_t first, int64_t last,
                void* out, float* scratch);
  /// sums (K x D): each code's rows in their order, channels first .. last - 1 of them.
  void (*sums)(const Map&, const int64_t* codes, int64_t first, int64_t last, float* sums, float* scratch);

  // Below, maps are channels_last (not channels_first), and all other arrays have one float a channel. Rows first ..
  // last
  // - 1, in order.

  /// Their mean, and the sum of the squared differences from it.
  void (*row_moments)(const Map&, int64_t first, int64_t last, float* mean, float* squares);
  void (*column_sums)(const Map&, int64_t first, int64_t last, float* sum);
  /// y: (x - mean) scale + bias.
  void (*normalise)(const Map&, int64_t first, int64_t last, const float* mean, const float* scale, const float* bias,
                    void* y);
  /// Sums of gradient and gradient (x - mean) / standard stddev.
  void (*gradient_sums)(const Map&, const void* gradient, int64_t first, int64_t last, const float* mean,
                        const float* inverse_stddev, float* sum, float* product);
  /// dx: gradient scale + (x - mean) slope + offset.
  void (*normalise_back)(const Map&, const void* gradient, int64_t first, int64_t last, const float* mean,
                         const float* scale, const float* slope, const float* offset, void* dx);

  /// Multiplies in registers only: the operations done in that many rounds. For the peak of a profile.
  double (*burn_float32)(int64_t rounds);
  double (*burn_bfloat16)(int64_t rounds);  // null: no such instruction, or nobody has measured it

  Minibatch minibatch;
  WeightNorm weight_norm;
  /// m += first (g - m), v = keep v + second g^2, p -= step m / sqrt(v correction + epsilon).
  void (*adam_epsilon_in_root)(const Adam&, const float* gradient, float* m, float* v, float* parameter, int64_t count);

  /// y = x + stddev n: elements first .. last - 1, first a multiple of noise_block. Element i of the noise is a
  /// function of the key and i, N(0, 1).
  void (*add_noise)(const void* x, bool bfloat16, int64_t first, int64_t last, uint64_t key, float stddev, void* y);

  // Convolutions (winograd.h) in float32 and bfloat16; null: oneDNN's are as fast or faster here.
  const Winograd *winograd_float32, *winograd_bfloat16;
  // Those of few channels (few_channels.h); null: oneDNN's.
  const FewChannels *few_channels_float32, *few_channels_bfloat16;
};

extern const Kernels plain_kernels;
#if defined(__x86_64__)
extern const Kernels avx2_kernels, avx512_float32_kernels, avx512_kernels, amx_kernels;
#endif

/// What runs: the best that this processor has, or the one that $FQGAN_INSTRUCTION_SET names. Errors: UserError when
/// the processor lacks that one.
const Kernels& active();
/// For tests: these from now on; null chooses again.
void use(const Kernels* kernels);
/// The n-th that this processor has, best first; null after the last.
const Kernels* available(int n);

}  // namespace fqgan::ops::kernels
