// The parts of fqgan._core, one file each. They have no logic of their own; all checks and error messages come from the
// library.
#pragma once

#include <torch/csrc/utils/pybind.h>

namespace fqgan {

/// Calls run without Python's lock.
using Released = pybind11::call_guard<pybind11::gil_scoped_release>;

void bind_metrics(pybind11::module_& m);
void bind_images(pybind11::module_& m);

}  // namespace fqgan
