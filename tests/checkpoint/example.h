// What the checkpoint tests save: every type, an empty tensor, a scalar, names and metadata beyond ASCII.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "fqgan/checkpoint/checkpoint.h"

namespace fqgan::test {

inline Checkpoint example() {
  Checkpoint checkpoint;
  auto& tensors = checkpoint.tensors;
  tensors["network.g.weight"] = at::arange(6, at::kFloat).reshape({2, 3}) / 4;
  tensors["network.g.scale"] = at::arange(3, at::kDouble) - 0.125;
  tensors["average.g.weight"] = at::arange(5, at::kFloat).to(at::kBFloat16);
  tensors["average.g.half"] = at::arange(3, at::kFloat).to(at::kHalf) * -2;
  tensors["state.d.count"] = at::scalar_tensor(int64_t{-7}, at::kLong);
  tensors["state.d.codes"] = at::arange(4, at::kInt) * 100000;
  tensors["state.d.bytes"] = at::arange(250, 257, at::kInt).to(at::kByte);
  tensors["state.d.used"] = at::arange(3, at::kInt).remainder(2).to(at::kBool);
  tensors["state.d.none"] = at::zeros({0, 3}, at::kFloat);
  tensors["state.klasse \"ä\""] = at::ones({1, 1, 2}, at::kFloat);
  checkpoint.metadata = {{"recipe", "# Grüße, 世界\nfamily = \"biggan\"\n\tx = 'a\\b'\r\n"},
                         {"counters", "{\"iteration\":120}"},
                         {"", ""}};
  return checkpoint;
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace fqgan::test
