// The stubs' options, one file each.
#pragma once

#include <memory>

#include "fqgan/models/family.h"

namespace fqgan::test {

std::unique_ptr<FamilyOptions> least_stub_options();
std::unique_ptr<FamilyOptions> biggan_stub_options();
std::unique_ptr<FamilyOptions> stylegan2_stub_options();
std::unique_ptr<FamilyOptions> ugatit_stub_options();
std::unique_ptr<FamilyOptions> semi_supervised_stub_options();

}  // namespace fqgan::test
