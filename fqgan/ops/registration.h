// How operators are registered: a schema, what computes it, what gives its shape alone, and how autograd sees it.
#pragma once

#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

#include <string>
#include <utility>

namespace fqgan::ops {

/// In a TORCH_LIBRARY block. kernel: on every device; meta: for tensors without data; autograd: above both.
template <class Kernel, class Meta, class Autograd>
void add_operator(torch::Library& library, const std::string& schema, Kernel* kernel, Meta* meta, Autograd&& autograd) {
  const auto name = schema.substr(0, schema.find('('));
  library.def(schema.c_str());
  library.impl(name.c_str(), torch::dispatch(c10::DispatchKey::CompositeExplicitAutograd, kernel));
  library.impl(name.c_str(), torch::dispatch(c10::DispatchKey::Meta, meta));
  library.impl(name.c_str(), torch::dispatch(c10::DispatchKey::Autograd, std::forward<Autograd>(autograd)));
}

/// An operator that is closed to autograd, as backward operators are: to differentiate it is an error, never a silent
/// constant.
template <class Kernel, class Meta>
void add_closed_operator(torch::Library& library, const std::string& schema, Kernel* kernel, Meta* meta) {
  add_operator(library, schema, kernel, meta, torch::autograd::autogradNotImplementedFallback());
}

}  // namespace fqgan::ops
