#include "stubs/stub_families.h"

#include "fqgan/models/registry.h"
#include "stubs/families.h"
#include "stubs/options.h"

namespace fqgan::test {
namespace {

std::unique_ptr<Family> built(const FamilyOptions& options) {
  return options.build(infos_of(options.datasets(), toy_images), {}, toy_seed);
}

}  // namespace

void add_stub_families() {
  static const bool added = [] {
    add_family("stub_least", least_stub_options);
    add_family("stub_biggan", biggan_stub_options);
    add_family("stub_stylegan2", stylegan2_stub_options);
    add_family("stub_ugatit", ugatit_stub_options);
    add_family("stub_semi_supervised", semi_supervised_stub_options);
    return true;
  }();
  (void)added;
}

std::unique_ptr<Family> biggan_stub() { return built(*biggan_stub_options()); }
std::unique_ptr<Family> stylegan2_stub() { return built(*stylegan2_stub_options()); }
std::unique_ptr<Family> ugatit_stub() { return built(*ugatit_stub_options()); }
std::unique_ptr<Family> semi_supervised_stub() { return built(*semi_supervised_stub_options()); }

}  // namespace fqgan::test
