#include "fqgan/profiling/recorder.h"

#include <cstring>

#include "fqgan/core/error.h"
#include "fqgan/nn/layer_scope.h"
#include "fqgan/profiling/clock.h"

namespace fqgan {
OperatorRecorder* OperatorRecorder::current_ = nullptr;

OperatorRecorder::OperatorRecorder(at::Device device, std::function<void(int64_t)> on_workspace)
    : device_(device), on_workspace_(std::move(on_workspace)) {
  FQGAN_CHECK(!current_, "another recorder is at work");
  current_ = this;
  const auto start = [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
    current_->enter(function);
    return nullptr;
  };
  const auto end = [](const at::RecordFunction& function, at::ObserverContext*) { current_->leave(function); };
  handle_ = at::addThreadLocalCallback(
      at::RecordFunctionCallback(start, end)
          .needsInputs(true)
          .needsOutputs(true)
          .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION, at::RecordScope::USER_SCOPE}));
}

OperatorRecorder::~OperatorRecorder() {
  at::removeCallback(handle_);
  current_ = nullptr;
}

/// A view's result is its argument under another shape, and what `empty` gives nobody has written yet. The answer is
/// kept: LibTorch copies a whole schema for each question.
bool OperatorRecorder::moves_no_bytes(const at::RecordFunction& function) {
  const std::string name = function.name();
  const auto known = still_.find(name);
  if (known != still_.end()) return known->second;
  const auto schema = function.operator_schema();
  const auto* alias = schema && !schema->returns().empty() ? schema->returns()[0].alias_info() : nullptr;
  const bool made_empty = name.starts_with("aten::empty") || name.starts_with("aten::new_empty");
  return still_[name] = made_empty || (alias && !alias->isWrite());
}

void OperatorRecorder::enter(const at::RecordFunction& function) {
  Frame frame;
  frame.key.name = function.name();
  frame.ours = frame.key.name.starts_with("fqgan::");
  if (!stack_.empty()) {
    frame.key.layer = stack_.back().key.layer;
    frame.key.backward = stack_.back().key.backward;
    frame.within_ours = stack_.back().ours || stack_.back().within_ours;
  } else {
    frame.key.backward = false;
  }
  const auto node = function.seqNr();
  if (function.scope() == at::RecordScope::USER_SCOPE) {
    if (frame.key.name.starts_with(layer_scope_prefix))
      frame.key.layer = frame.key.name.substr(std::strlen(layer_scope_prefix));
  } else if (function.scope() == at::RecordScope::BACKWARD_FUNCTION) {
    frame.key.backward = true;
    const auto found = layer_of_node_.find(node);
    frame.key.layer = found == layer_of_node_.end() ? "" : found->second;
  } else {
    if (node >= 0 && !frame.key.backward) layer_of_node_[node] = frame.key.layer;
    frame.key.shapes = shapes_of(function.inputs());
    frame.products = products_of(frame.key.name, function.inputs(), device_);
    if (on_workspace_) frame.workspace = workspace_of(frame.key.name, function.inputs(), device_);
    frame.still = moves_no_bytes(function);
    if (!frame.still) frame.bytes = bytes_of(function.inputs());
  }
  frame.started = seconds_now();
  stack_.push_back(std::move(frame));
}

void OperatorRecorder::leave(const at::RecordFunction& function) {
  const double ended = seconds_now();
  auto frame = std::move(stack_.back());
  stack_.pop_back();
  const double seconds = ended - frame.started;
  if (frame.workspace) on_workspace_(frame.workspace);
  if (function.scope() == at::RecordScope::FUNCTION && !frame.still)
    frame.bytes += bytes_of(c10::ArrayRef<const c10::IValue>(function.outputs().data(), function.outputs().size()));
  auto& total = totals_[frame.key];
  ++total.calls;
  total.seconds += seconds - frame.in_children;
  // What an operator's own callees count is not counted again; our kernels read and write without any, so that for our
  // operators their own arguments and results are what counts.
  const bool leaf = frame.ours || frame.bytes_in_children == 0;
  if (frame.within_ours) frame.bytes = 0;
  if (!frame.products_in_children)
    for (const auto& product : frame.products) ++total.products[product];
  if (leaf) total.bytes += frame.bytes;
  if (stack_.empty()) return;
  auto& parent = stack_.back();
  parent.in_children += seconds;
  parent.products_in_children |= frame.products_in_children || !frame.products.empty();
  parent.bytes_in_children += leaf ? frame.bytes : frame.bytes_in_children;
}

}  // namespace fqgan
