#include "fqgan/run/event_file.h"

#include <chrono>

#include "fqgan/run/crc32c.h"

namespace fqgan {
namespace {

// Field numbers of tensorflow/core/util/event.proto and framework/summary.proto.
enum EventField { wall_time = 1, step_field = 2, file_version = 3, summary = 5 };
enum SummaryField { summary_entry = 1 };
enum ValueField { value_tag = 1, simple_value = 2, value_image = 4 };
enum ImageField { image_height = 1, image_width = 2, image_colorspace = 3, encoded_image = 4 };
constexpr int64_t rgb = 3;

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <class T>
std::string little_endian(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

EventFile::EventFile(const std::filesystem::path& path) : file_(path) {
  if (file_.length() == 0) event(ProtoMessage().bytes(file_version, "brain.Event:2"));
}

void EventFile::scalar(const std::string& tag, double value, int64_t step) {
  summary_value(ProtoMessage().bytes(value_tag, tag).float32(simple_value, static_cast<float>(value)), step);
}

void EventFile::image(const std::string& tag, const std::string& png, int64_t height, int64_t width, int64_t step) {
  ProtoMessage image;
  image.integer(image_height, height).integer(image_width, width).integer(image_colorspace, rgb);
  image.bytes(encoded_image, png);
  summary_value(ProtoMessage().bytes(value_tag, tag).message(value_image, image), step);
}

void EventFile::summary_value(const ProtoMessage& value, int64_t step) {
  event(ProtoMessage().integer(step_field, step).message(summary, ProtoMessage().message(summary_entry, value)));
}

void EventFile::event(ProtoMessage fields) {
  const std::string data = fields.float64(wall_time, seconds_since_1970()).encoded();
  const std::string length = little_endian(static_cast<uint64_t>(data.size()));
  file_.append(length + little_endian(masked_crc32c(length)) + data + little_endian(masked_crc32c(data)));
}

int64_t EventFile::flush() { return file_.flush(); }

}  // namespace fqgan
