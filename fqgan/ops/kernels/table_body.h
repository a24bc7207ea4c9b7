// The part of a table of kernels that every instruction set fills in the same way. Included last, within each one's
// anonymous namespace.

constexpr Kernels common_kernels(const char* name) {
  Kernels k{};
  k.name = name;
  k.load_bfloat16 = load_bfloat16;
  k.load_float32 = load_float32;
  k.norms = norms;
  k.exact_best = exact_best;
  k.loss = loss;
  k.gradient = gradient;
  k.blend = blend;
  k.sums = sums;
  k.row_moments = row_moments;
  k.column_sums = column_sums;
  k.normalise = normalise;
  k.gradient_sums = gradient_sums;
  k.normalise_back = normalise_back;
  k.burn_float32 = burn_float32;
  k.minibatch = {minibatch_read, minibatch_write, minibatch_similarity, minibatch_gradient};
  k.weight_norm = {weight_norm_prepare, weight_norm_finish, weight_norm_finish_back, weight_norm_back};
  k.adam_epsilon_in_root = adam_epsilon_in_root;
  k.add_noise = add_noise;
  return k;
}

/// How rows are screened against `block` codes at a time.
constexpr void set_screening(Kernels& k, void (*screen)(const Dictionary&, const Panel&, const Leaders&), int64_t block,
                             const Kernels* finer) {
  k.screen = screen;
  k.block = block;
  k.screens_bfloat16 = finer != nullptr;
  k.finer = finer;
}
