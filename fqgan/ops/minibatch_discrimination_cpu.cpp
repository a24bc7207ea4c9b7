#include "fqgan/ops/minibatch_discrimination_cpu.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "fqgan/ops/kernels/instruction_set.h"
#include "fqgan/ops/scratch.h"

namespace fqgan::ops::cpu {
namespace {

struct Shape {
  explicit Shape(const at::Tensor& m)
      : count(m.size(0)), kernels(m.size(1)), dims(m.size(2)), stride(((count + 15) / 16 | 1) * 16) {}
  int64_t count, kernels, dims;
  int64_t stride;  // an odd multiple of 16, so that m's rows do not meet in one set of the cache
};

/// Bytes to kernel b of the first example.
int64_t offset(const at::Tensor& m, const Shape& s, int64_t b) { return b * s.dims * m.element_size(); }

void read_kernel(const at::Tensor& m, const Shape& s, int64_t b, float* to) {
  const auto* from = static_cast<const char*>(m.const_data_ptr()) + offset(m, s, b);
  kernels::active().loops.minibatch.read(from, m.scalar_type() == at::kBFloat16, s.kernels * s.dims, s.count, s.dims,
                                         to, s.stride);
}

void write_kernel(const float* from, const Shape& s, int64_t b, const at::Tensor& dm) {
  auto* to = static_cast<char*>(dm.mutable_data_ptr()) + offset(dm, s, b);
  kernels::active().loops.minibatch.write(from, s.stride, s.count, s.dims, to, dm.scalar_type() == at::kBFloat16,
                                          s.kernels * s.dims);
}

/// Calls work(b, memory) for every kernel; `floats` zeros of memory at first.
template <class Work>
void each_kernel(const Shape& s, int64_t floats, const Work& work) {
  at::parallel_for(0, s.kernels, 1, [&](int64_t begin, int64_t end) {
    const Scratch scratch(floats * static_cast<int64_t>(sizeof(float)));
    auto* memory = reinterpret_cast<float*>(scratch.start());
    std::fill_n(memory, floats, 0.f);
    for (auto b = begin; b < end; ++b) work(b, memory);
  });
}

}  // namespace

at::Tensor minibatch_discrimination(const at::Tensor& m) {
  const Shape s(m);
  if (m.numel() == 0) return at::full({s.count, s.kernels}, s.count - 1, m.options());  // no dimension to differ in
  const auto& kernel = kernels::active().loops.minibatch;
  auto o = at::empty({s.count, s.kernels}, m.options().dtype(at::kFloat));
  auto* to = o.mutable_data_ptr<float>();
  each_kernel(s, (s.dims + 1) * s.stride, [&](int64_t b, float* memory) {
    auto* similarity = memory + s.dims * s.stride;
    read_kernel(m, s, b, memory);
    kernel.similarity(memory, s.count, s.stride, s.dims, similarity);
    for (int64_t n = 0; n < s.count; ++n) to[n * s.kernels + b] = similarity[n];
  });
  return o.to(m.scalar_type());
}

at::Tensor minibatch_discrimination_backward(const at::Tensor& gradient, const at::Tensor& m) {
  const Shape s(m);
  auto dm = at::empty_like(m);
  if (m.numel() == 0) return dm;
  const auto& kernel = kernels::active().loops.minibatch;
  const auto wide = gradient.to(at::kFloat).contiguous();
  const auto* g = wide.const_data_ptr<float>();
  const auto block = s.dims * s.stride;
  each_kernel(s, 2 * block + s.stride + kernels::minibatch_scratch(s.stride), [&](int64_t b, float* memory) {
    auto *result = memory + block, *of_o = result + block;
    read_kernel(m, s, b, memory);
    for (int64_t n = 0; n < s.count; ++n) of_o[n] = g[n * s.kernels + b];
    kernel.gradient(memory, of_o, s.count, s.stride, s.dims, result, of_o + s.stride);
    write_kernel(result, s, b, dm);
  });
  return dm;
}

}  // namespace fqgan::ops::cpu
