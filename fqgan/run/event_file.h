// A TensorBoard event file, written by hand: records framed as in TFRecord files (length, masked CRC-32C of the length,
// data, masked CRC-32C of the data), each an Event message. Scalars and PNG images.
#pragma once

#include <string>

#include "fqgan/run/append_file.h"
#include "fqgan/run/proto_message.h"

namespace fqgan {

class EventFile {
 public:
  /// Appends to an existing file; a new or empty one gets the version event first. Errors: UserError (not writable).
  explicit EventFile(const std::filesystem::path& path);

  /// `value` is stored in float32, as TensorBoard does. Errors: SystemError (disk full).
  void scalar(const std::string& tag, double value, int64_t step);
  /// `png`: a whole PNG file of height x width pixels.
  void image(const std::string& tag, const std::string& png, int64_t height, int64_t width, int64_t step);
  int64_t flush();  // fsync; the file's length in bytes

 private:
  void event(ProtoMessage fields);
  void summary_value(const ProtoMessage& value, int64_t step);

  AppendFile file_;
};

}  // namespace fqgan
