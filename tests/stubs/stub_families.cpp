#include "stubs/stub_families.h"

#include "fqgan/models/registry.h"
#include "stubs/families.h"
#include "stubs/options.h"

namespace fqgan::test {
namespace {

std::unique_ptr<Family> built(const FamilyOptions& options, const Numerics& numerics) {
  return options.build(infos_of(options.datasets(), toy_images), numerics, toy_seed);
}

}  // namespace

void add_stub_families() {
  static const bool added = [] {
    add_family("stub_biggan", biggan_stub_options);
    add_family("stub_stylegan2", stylegan2_stub_options);
    add_family("stub_ugatit", ugatit_stub_options);
    add_family("stub_semi_supervised", semi_supervised_stub_options);
    return true;
  }();
  (void)added;
}

std::unique_ptr<Family> biggan_stub(const Numerics& numerics) { return built(*biggan_stub_options(), numerics); }
std::unique_ptr<Family> stylegan2_stub(const Numerics& numerics) { return built(*stylegan2_stub_options(), numerics); }
std::unique_ptr<Family> ugatit_stub(const Numerics& numerics) { return built(*ugatit_stub_options(), numerics); }
std::unique_ptr<Family> semi_supervised_stub(const Numerics& numerics) {
  return built(*semi_supervised_stub_options(), numerics);
}

}  // namespace fqgan::test
