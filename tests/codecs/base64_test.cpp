#include "base64.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "support/random.h"

namespace appmem::codecs {
namespace {

std::string encoded(std::string_view bytes) {
  std::string text(base64_encoded_size(bytes.size()), '\0');
  base64_encode(bytes, text.data());
  return text;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string bytes(text);  // in place
  const std::size_t size = base64_decode(bytes, bytes.data());
  if (size == kBadBase64) return std::nullopt;
  bytes.resize(size);
  return bytes;
}

TEST(Base64Test, EncodesAndDecodesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(encoded(bytes), text);
    EXPECT_EQ(decoded(text), bytes);
  }
  EXPECT_EQ(encoded("\xfb\xff"), "+/8=");
}

TEST(Base64Test, IsStrict) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zm9v=", "Zm9v====", "Zm 9v", "Zm9v\n",
        "Zm-_", "Zm9=v", "Zg==Zg==", "Zh==", "Zm9=", "Zm9v\xc3\xa9=="}) {
    EXPECT_EQ(decoded(text), std::nullopt) << text;
  }
}

TEST(Base64Test, AnyBytesComeBack) {
  test::Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = random.bytes(random.below(100));
    EXPECT_EQ(decoded(encoded(bytes)), bytes);
  }
}

TEST(Base64Test, WhatDecodesIsTheOnlyTextOfItsBytes) {
  test::Random random(1);
  int found = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = encoded(random.bytes(random.between(1, 6)));
    text[random.below(text.size())] = "Aa0+/=-"[random.below(7)];
    const auto bytes = decoded(text);
    if (!bytes) continue;
    ++found;
    EXPECT_EQ(encoded(*bytes), text);
  }
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace appmem::codecs
