// Listens to every operator of this thread: its own time (without what it calls), cost and memory traffic, by layer and
// direction. Layers announce themselves by LayerScope; a backward operator belongs to the layer that recorded it.
#pragma once

#include <ATen/record_function.h>

#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "fqgan/profiling/cost.h"

namespace fqgan {

struct OperatorKey {
  std::string layer;  // a LayerScope's number, or empty: outside of all layers
  bool backward;
  std::string name, shapes;
  auto operator<=>(const OperatorKey&) const = default;
};

struct OperatorTotals {
  int64_t calls = 0;
  double seconds = 0, bytes = 0;
  std::map<Product, int64_t> products;  // and how often
};

/// Records from construction to destruction; one at a time.
class OperatorRecorder {
 public:
  /// device: where the recorded operators compute; what they cost on `meta` is counted as there. on_workspace: called
  /// when an operator of ours ends, with the bytes that its kernel held beside arguments and results; may be empty.
  explicit OperatorRecorder(at::Device device, std::function<void(int64_t bytes)> on_workspace = {});
  ~OperatorRecorder();
  OperatorRecorder(const OperatorRecorder&) = delete;
  OperatorRecorder& operator=(const OperatorRecorder&) = delete;

  const std::map<OperatorKey, OperatorTotals>& totals() const { return totals_; }

 private:
  struct Frame {
    OperatorKey key;
    double started = 0, in_children = 0, bytes = 0, bytes_in_children = 0;
    int64_t workspace = 0;
    std::vector<Product> products;
    bool products_in_children = false;
    bool still = false, ours = false, within_ours = false;  // ours: an operator of fqgan
  };
  void enter(const at::RecordFunction& function);
  void leave(const at::RecordFunction& function);

  bool moves_no_bytes(const at::RecordFunction& function);

  static OperatorRecorder* current_;
  at::Device device_;
  std::function<void(int64_t)> on_workspace_;
  at::CallbackHandle handle_;
  std::vector<Frame> stack_;
  std::unordered_map<int64_t, std::string> layer_of_node_;  // by autograd's sequence number
  std::unordered_map<std::string, bool> still_;             // by operator: moves_no_bytes()
  std::map<OperatorKey, OperatorTotals> totals_;
};

}  // namespace fqgan
