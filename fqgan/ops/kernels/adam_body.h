// Adam with epsilon under the root (ops/adam.h), in one pass over the memory. Included by each instruction set's file
// within its anonymous namespace; products are not contracted: the same bits everywhere.

void adam_epsilon_in_root(const Adam& a, const float* __restrict gradient, float* __restrict m, float* __restrict v,
                          float* __restrict parameter, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    m[i] += a.first * (g - m[i]);
    v[i] = a.keep * v[i] + a.second * g * g;
    parameter[i] -= a.step * m[i] / __builtin_sqrtf(v[i] * a.correction + a.epsilon);
  }
}
