// How operators are called through the dispatcher: below a registered name lie autograd, the kernel of the device, and
// shapes without data.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

namespace fqgan::ops {

/// A handle of a registered operator, "fqgan::nearest_code", with the types of its schema.
template <class Signature>
auto dispatched(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

}  // namespace fqgan::ops
