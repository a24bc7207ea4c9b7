#include "fqgan/data/store/pixel_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/file_lock.h"
#include "fqgan/core/log.h"
#include "fqgan/data/store/file_handle.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

constexpr char magic[] = "FQPIXELS";
constexpr int64_t tail_bytes = 16;  // length of the JSON (8 bytes), magic
// The two lower bits of a status byte. The bits above them are the image's Change.
enum Status : uint8_t { pending = 0, fine = 1, unreadable = 2 };
constexpr int status_bits = 2;

bool is_fine(char status) { return (status & ((1 << status_bits) - 1)) == fine; }

fs::path file_of(const std::string& key, const char* ending) {
  const auto folder = cache_folder();
  if (!folder)
    fail("data",
         "expected a folder for the cache, got none. Hint: set FQGAN_CACHE, XDG_CACHE_HOME or HOME in the environment");
  return *folder / "data" / (key + ending);
}

std::string gibibytes(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

std::string end_of_file(const RasterShape& shape, int64_t images, const Unreadable& failed) {
  nlohmann::json json = {
      {"images", images}, {"channels", shape.channels}, {"height", shape.height}, {"width", shape.width}};
  json["unreadable"] = nlohmann::json::array();
  for (const auto& [position, reason] : failed) json["unreadable"].push_back({position, reason});
  std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto length = static_cast<uint64_t>(text.size());
  for (int shift = 0; shift < 64; shift += 8) text.push_back(static_cast<char>(length >> shift & 0xff));
  return text + magic;
}

// The description at the end of a cache file; nothing if it is inconsistent.
std::optional<PixelStore> read_end(const FileHandle& file, int64_t images) {
  const int64_t size = file.size();
  if (size < tail_bytes) return std::nullopt;
  const auto tail = file.read(size - tail_bytes, tail_bytes);
  if (tail.substr(8) != magic) return std::nullopt;
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<uint8_t>(tail[static_cast<size_t>(i)]);
  if (length > static_cast<uint64_t>(size - tail_bytes)) return std::nullopt;
  const int64_t data = size - tail_bytes - static_cast<int64_t>(length);
  try {
    const auto json = nlohmann::json::parse(file.read(data, static_cast<int64_t>(length)));
    PixelStore store;
    store.shape = {json.at("height").get<int64_t>(), json.at("width").get<int64_t>(),
                   json.at("channels").get<int64_t>()};
    for (const auto& one : json.at("unreadable"))
      store.unreadable[one.at(0).get<int64_t>()] = one.at(1).get<std::string>();
    const bool whole = json.at("images") == images && data == images * (store.shape.bytes() + 1);
    return whole ? std::optional(store) : std::nullopt;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::shared_ptr<const uint8_t> mapped(const FileHandle& file, int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  void* start = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (start == MAP_FAILED)
    fail<SystemError>("data", file.path().string() + ": cannot be mapped: " + std::strerror(errno));
  return {static_cast<const uint8_t*>(start), [size](const uint8_t* p) { munmap(const_cast<uint8_t*>(p), size); }};
}

// The lock by which only one process builds a cache.
FileLock locked(const std::string& key) {
  FileLock lock(file_of(key, ".lock"), FileLock::removed_at_end);
  lock.lock([] { log_info("[data] another process is decoding this data set; waiting for it"); });
  return lock;
}

// The file that is being built: slots and status bytes at their final places. Status bytes are written every few
// seconds, after their pixels have reached the disk.
class Partial {
 public:
  Partial(const std::string& key, int64_t images, int64_t stride)
      : file_(file_of(key, ".partial"), O_RDWR | O_CREAT), images_(images), stride_(stride) {
    const int64_t bytes = images * (stride + 1);
    if (file_.size() < bytes) {
      file_.resize(0);
      file_.reserve(bytes);  // finds a full disk now, not hours later
    }
    file_.resize(bytes);  // cuts off an end that was written before the process could rename the file
    before_ = now_ = file_.read(images * stride, images);
    const auto done = std::count_if(before_.begin(), before_.end(), is_fine);
    if (done > 0)
      log_info("[data] continuing at " + std::to_string(done) + " of " + std::to_string(images) + " images");
  }

  ~Partial() {
    try {
      save_status();
    } catch (const SystemError&) {
      // The images since the last save will be decoded again.
    }
  }

  // Chunks with unreadable images are tried again, because the reasons are needed. May be called from several threads.
  bool needs(int64_t begin, int64_t end) const {
    return !std::all_of(before_.begin() + begin, before_.begin() + end, is_fine);
  }

  void add(const Chunk& chunk) {
    file_.write(chunk.begin * stride_, chunk.pixels.data(), chunk.pixels.size());
    std::transform(chunk.changes.begin(), chunk.changes.end(), now_.begin() + chunk.begin,
                   [](uint8_t changes) { return static_cast<char>(fine | changes << status_bits); });
    for (const auto& one : chunk.unreadable) now_[static_cast<size_t>(one.first)] = unreadable;
    const auto time = std::chrono::steady_clock::now();
    if (time - saved_ < std::chrono::seconds(2)) return;
    save_status();
    saved_ = time;
  }

  void finish(const std::string& end, const fs::path& name) {
    save_status();
    file_.write(images_ * (stride_ + 1), end.data(), end.size());
    file_.sync();
    fs::rename(file_.path(), name);
  }

 private:
  void save_status() {
    file_.sync();
    file_.write(images_ * stride_, now_.data(), now_.size());
  }

  FileHandle file_;
  int64_t images_, stride_;
  std::string before_, now_;  // status bytes, when the file was opened and now
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

}  // namespace

std::optional<fs::path> cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (const auto own = variable("FQGAN_CACHE"); !own.empty()) return own;
  if (const auto shared = variable("XDG_CACHE_HOME"); !shared.empty()) return fs::path(shared) / "fqgan";
  if (const auto home = variable("HOME"); !home.empty()) return fs::path(home) / ".cache" / "fqgan";
  return std::nullopt;
}

std::optional<fs::path> writable_cache_folder(const std::string& name,
                                              const std::function<void(const std::string&)>& problem) {
  const auto cache = cache_folder();
  if (!cache) return std::nullopt;
  const auto folder = *cache / name;
  try {
    make_folder(folder);
  } catch (const std::exception& error) {
    problem(error.what());
    return std::nullopt;
  }
  if (access(folder.c_str(), W_OK) == 0) return folder;
  problem("[" + folder.string() + "] cannot be written");
  return std::nullopt;
}

std::optional<PixelStore> find_cached(const std::string& key, int64_t images) {
  const auto path = file_of(key, ".pixels");
  std::error_code problem;
  if (!fs::exists(path, problem)) return std::nullopt;
  const FileHandle file(path, O_RDONLY);
  auto store = read_end(file, images);
  if (!store) {
    log_warning("[data] " + path.string() + " is damaged; the images are decoded again");
    return std::nullopt;
  }
  const auto status = file.read(images * store->shape.bytes(), images);
  std::transform(status.begin(), status.end(), std::back_inserter(store->changes),
                 [](char one) { return static_cast<uint8_t>(one) >> status_bits; });
  store->pixels = mapped(file, images * store->shape.bytes());
  return store;
}

PixelStore build_cached(const std::string& key, const Source& source, const DataOptions& options,
                        const RasterShape& shape, const Unreadable& unreadable) {
  const auto images = static_cast<int64_t>(source.entries.size());
  const auto path = file_of(key, ".pixels");
  make_folder(path.parent_path());
  if (access(path.parent_path().c_str(), W_OK) != 0) fail("data", path.parent_path().string() + ": not writable");
  const auto lock = locked(key);
  if (auto store = find_cached(key, images)) return std::move(*store);  // built while we waited
  const int64_t bytes = images * shape.bytes();
  if (bytes > (int64_t{1} << 30)) log_info("[data] decoding into " + path.string() + " (" + gibibytes(bytes) + ")");
  Partial partial(key, images, shape.bytes());
  Unreadable failed;
  decode_chunks(
      source, options, shape, unreadable, [&](int64_t begin, int64_t end) { return partial.needs(begin, end); },
      [&](Chunk& chunk) {
        partial.add(chunk);
        failed.merge(chunk.unreadable);
      });
  partial.finish(end_of_file(shape, images, failed), path);
  return find_cached(key, images).value();
}

}  // namespace fqgan
