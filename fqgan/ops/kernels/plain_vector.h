// Vectors of four, as the compiler makes them on any processor. Included within an anonymous namespace.

struct Vector {
  static constexpr int64_t width = 4;
  typedef float Floats __attribute__((vector_size(16)));
  typedef int32_t Mask __attribute__((vector_size(16)));
  static Floats load(const float* from) {
    Floats value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
  }
  static void store(float* to, Floats value) { __builtin_memcpy(to, &value, sizeof value); }
  static Floats set(float x) { return Floats{x, x, x, x}; }
  static Floats fma(Floats a, Floats b, Floats c) { return a * b + c; }
  static Floats max(Floats a, Floats b) { return select(a > b, a, b); }
  static Floats min(Floats a, Floats b) { return select(a < b, a, b); }
  static Mask above(Floats a, Floats b) { return a > b; }
  static Floats select(Mask mask, Floats yes, Floats no) {
    return reinterpret_cast<Floats>((mask & reinterpret_cast<Mask>(yes)) | (~mask & reinterpret_cast<Mask>(no)));
  }
  static void select_codes(Mask mask, int32_t code, int32_t* at) {
    Mask before;
    __builtin_memcpy(&before, at, sizeof before);
    const Mask after = (mask & Mask{code, code, code, code}) | (~mask & before);
    __builtin_memcpy(at, &after, sizeof after);
  }
};
