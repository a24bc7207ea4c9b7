// fqgan_biggan_draws OUT.safetensors: the latents, classes and real batches of ten iterations as our loop draws them,
// for tests/parity/fixtures/make_biggan_reference.py.
#include <cstdio>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/data/store/loader.h"
#include "training/biggan_reference.h"

using namespace fqgan;
using namespace fqgan::test;

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: fqgan_biggan_draws OUT.safetensors\n"), 2;
  Checkpoint file;
  for (const std::string variant : {"plain", "hierarchical"}) {
    const NoiseImages images(reference_size(variant));
    const auto options = reference_options(variant);
    const auto latent = options.plan(images.info()).latent;
    LoaderOptions order;
    order.seed = reference_seed;
    order.batch = options.batch;
    Loader loader(images, order);
    for (int64_t i = 0; i < reference_iterations; ++i)
      for (int64_t phase = 0; phase < 2; ++phase)
        for (int64_t r = 0; r < (phase ? 1 : options.discriminator.steps); ++r) {
          const auto at = std::to_string(i) + "." + std::to_string(phase) + "." + std::to_string(r);
          Streams random(reference_seed, Counters{i, phase, r});
          file.tensors[variant + "/z." + at] = random.normal({options.batch, latent}, "latents");
          file.tensors[variant + "/y." + at] = random.integers(reference_classes, {options.batch}, "labels");
          if (phase) continue;
          const auto real = loader.next();
          file.tensors[variant + "/x." + at] = real.pixels.contiguous();
          file.tensors[variant + "/labels." + at] = real.labels;
        }
  }
  save_checkpoint(argv[1], file);
  return 0;
}
