#include "fqgan/data/archives/gz_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fqgan/core/error.h"

namespace fqgan {

GzFile::GzFile(const std::filesystem::path& path) : path_(path) {
  file_ = gzopen(path.c_str(), "rb");
  if (!file_) fail("data", path.string() + ": " + std::strerror(errno));
  gzbuffer(static_cast<gzFile>(file_), 1 << 18);
}

GzFile::~GzFile() { gzclose(static_cast<gzFile>(file_)); }

std::vector<uint8_t> GzFile::read(int64_t bytes) {
  constexpr int64_t piece = 1 << 20;
  std::vector<uint8_t> result;
  while (static_cast<int64_t>(result.size()) < bytes) {
    const auto had = result.size();
    const auto wanted = static_cast<unsigned>(std::min(piece, bytes - static_cast<int64_t>(had)));
    result.resize(had + wanted);
    const int got = gzread(static_cast<gzFile>(file_), result.data() + had, wanted);
    int code = Z_OK;
    const std::string reason = gzerror(static_cast<gzFile>(file_), &code);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
      fail("data", path_.string() + ": damaged or truncated gzip file (" + reason + "). Hint: download the file again");
    }
    result.resize(had + static_cast<size_t>(got));
    if (got == 0) break;
  }
  return result;
}

bool GzFile::at_end() { return read(1).empty(); }

}  // namespace fqgan
