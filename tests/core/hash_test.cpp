// SHA-256 against the vectors of FIPS 180-4 and its supplement, and the accelerated blocks against the plain
// implementation.
#include "fqgan/core/hash.h"

#include <array>
#include <vector>

#include "fqgan/core/hash_blocks.h"
#include "support/support.h"

namespace fqgan {
namespace {

TEST(Sha256, MatchesThePublishedVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnTheSplit) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  for (size_t length = 0; length <= text.size(); ++length) {
    for (size_t piece : {1, 3, 64, 65}) {
      Sha256 sum;
      for (size_t at = 0; at < length; at += piece) sum.update(text.data() + at, std::min(piece, length - at));
      ASSERT_EQ(sum.hex(), sha256(text.substr(0, length))) << length << " bytes in pieces of " << piece;
    }
  }
}

TEST(Sha256, AcceleratedBlocksEqualThePlainOnes) {
  if (!sha256_is_accelerated()) GTEST_SKIP() << "this processor has no SHA instructions";
  std::vector<uint8_t> blocks(64 * 50);
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<uint8_t>(i * i + 3 * i);
  std::array<uint32_t, 8> plain = {1, 2, 3, 0xffffffff, 5, 6, 0x80000000, 8}, fast = plain;
  sha256_blocks_plain(plain.data(), blocks.data(), 50);
  sha256_blocks_accelerated(fast.data(), blocks.data(), 50);
  EXPECT_EQ(plain, fast);
}

}  // namespace
}  // namespace fqgan
