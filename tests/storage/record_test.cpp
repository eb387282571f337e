#include "record.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "appmem/base/limits.h"
#include "little_endian.h"
#include "log_format.h"
#include "support/operation_text.h"
#include "support/random.h"

namespace appmem::storage {
namespace {

using format::RecordKind;
using test::append_operation;
using test::operation_text;
using test::Random;
using test::sealed_text;
using testing::HasSubstr;

constexpr std::uint64_t kMax64 = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t kSalt = 0x5A17C0DE;
constexpr auto kLastKind = static_cast<std::uint64_t>(format::Operation::kDrop);

/// What a payload says, one text an operation, and behind them the error if there is one.
std::vector<std::string> texts_of(std::string_view payload) {
  // At the end of a block of its own, so that a sanitizer sees each byte that is read behind it.
  const auto exact = std::make_unique<char[]>(payload.size());
  std::copy(payload.begin(), payload.end(), exact.get());
  std::vector<std::string> texts;
  const auto visit = [&](const Operation& operation) -> Result<void> {
    texts.push_back(operation_text(operation));
    return {};
  };
  const Result<void> read = read_operations({exact.get(), payload.size()}, visit);
  if (!read) {
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidRequest);
    texts.push_back(read.error().message);
  }
  return texts;
}

std::string payload_of(const std::vector<Operation>& operations) {
  RecordBuffer buffer;
  buffer.begin(RecordKind::kChanges, 1);
  for (const Operation& operation : operations)
    append_operation(buffer, operation);
  buffer.end();
  return sealed_text(buffer, kSalt).substr(format::kRecordHeaderBytes);
}

/// Makes operations with numbers at the edges of their fields more often than not.
class OperationSource {
 public:
  explicit OperationSource(std::uint64_t seed) : random_(seed) {}

  Random& random() { return random_; }

  /// Lifetime of what it refers to: this object's.
  Operation next() { return next(static_cast<format::Operation>(random_.between(1, kLastKind))); }

  Operation next(format::Operation kind) {
    Operation operation;
    operation.kind = kind;
    operation.ns = static_cast<NamespaceNumber>(number());
    switch (kind) {
      case format::Operation::kSet:
        operation.key = text(kKeyBytesMax);
        operation.value = value();
        operation.version = number();
        operation.deadline = deadline();
        operation.position = maybe(number());
        break;
      case format::Operation::kExpire:
        operation.deadline = deadline();
        [[fallthrough]];
      case format::Operation::kDelete:
        operation.key = text(kKeyBytesMax);
        break;
      case format::Operation::kCreate:
      case format::Operation::kAlter:
        operation.name = text(kNamespaceNameBytesMax);
        operation.settings = settings();
        operation.incomplete = random_.one_in(2);
        operation.entries = number();
        break;
      default:
        break;
    }
    return operation;
  }

 private:
  std::uint64_t number() {
    switch (random_.below(4)) {
      case 0:
        return random_.below(3);
      case 1:
        return kMax64 - random_.below(3);
      default:
        return random_() >> random_.below(64);
    }
  }

  std::int64_t positive() { return static_cast<std::int64_t>(number() >> 1U); }

  template <typename T>
  std::optional<T> maybe(T value) {
    return random_.one_in(2) ? std::optional<T>(value) : std::nullopt;
  }

  std::optional<WallTime> deadline() { return maybe(WallTime{milliseconds{positive()}}); }

  std::string_view text(std::size_t bytes_max) {
    std::size_t size = random_.below(std::min<std::size_t>(bytes_max, 200) + 1);
    if (random_.one_in(50)) size = bytes_max;
    return texts_.emplace_back(random_.bytes(size));
  }

  ValueView value() {
    switch (random_.below(3)) {
      case 0:
        return ValueView::from_integer(static_cast<std::int64_t>(number()));
      case 1:
        return ValueView::from_json(text(1'000));
      default:
        return ValueView::from_bytes(text(100'000));
    }
  }

  core::NamespaceSettings settings() {
    core::NamespaceSettings settings;
    settings.type = static_cast<core::ValueType>(random_.below(4));
    settings.persist = static_cast<core::Persistence>(random_.below(3));
    settings.eviction = static_cast<core::Eviction>(random_.below(3));
    settings.max_bytes = maybe(number());
    settings.reserved_bytes = number();
    settings.max_keys = maybe(number());
    settings.max_value_bytes = maybe(number());
    settings.default_ttl = maybe(milliseconds{positive()});
    settings.owner_uid = static_cast<std::uint32_t>(number());
    return settings;
  }

  Random random_;
  std::deque<std::string> texts_;
};

TEST(RecordTest, OperationsAreReadAsTheyWereWritten) {
  OperationSource source(1);
  for (int i = 0; i < 500; ++i) {
    std::vector<Operation> operations(source.random().below(8));
    std::vector<std::string> expected;
    for (Operation& operation : operations) {
      operation = source.next();
      expected.push_back(operation_text(operation));
    }
    ASSERT_EQ(texts_of(payload_of(operations)), expected);
  }
}

TEST(RecordTest, ADeadlineBefore1970IsThatMoment) {
  const WallTime before{milliseconds{-5}};
  RecordBuffer buffer;
  buffer.begin(RecordKind::kChanges, 1);
  buffer.set(1, {.key = "a", .deadline = before});
  buffer.expire(1, "a", before);
  buffer.end();
  const std::string payload = sealed_text(buffer, kSalt).substr(format::kRecordHeaderBytes);
  for (const std::string& text : texts_of(payload))
    EXPECT_THAT(text, HasSubstr(" deadline 0 "));
}

TEST(RecordTest, SettingsThatAreNotThereHaveTheirDefaults) {
  Operation operation;
  operation.kind = format::Operation::kCreate;
  operation.name = "a";
  EXPECT_EQ(payload_of({operation}), std::string("\5\0\1a\0", 5));
  EXPECT_EQ(texts_of(std::string("\5\0\1a\0", 5)),
            std::vector<std::string>{operation_text(operation)});
}

TEST(RecordTest, EachCutPayloadIsReadOrRefused) {
  OperationSource source(1);
  for (int i = 0; i < 200; ++i) {
    const Operation operation = source.next();
    const std::string payload = payload_of({operation});
    const std::size_t step = 1 + payload.size() / 300;
    for (std::size_t size = 0; size < payload.size(); size += step) {
      const std::vector<std::string> texts = texts_of(std::string_view(payload).substr(0, size));
      ASSERT_EQ(texts.size(), size == 0 ? 0U : 1U);
      if (!texts.empty()) {
        ASSERT_THAT(texts[0], HasSubstr(" of the payload: "));
      }
    }
  }
}

TEST(RecordTest, EachFlippedByteIsReadOrRefused) {
  OperationSource source(1);
  for (int i = 0; i < 200; ++i) {
    std::string payload = payload_of({source.next(), source.next()});
    const std::size_t step = 1 + payload.size() / 300;
    for (std::size_t at = 0; at < payload.size(); at += step) {
      const char was = payload[at];
      payload[at] = static_cast<char>(source.random()());
      texts_of(payload);
      payload[at] = was;
    }
  }
}

TEST(RecordTest, AnyBytesAreReadOrRefused) {
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string payload = random.bytes(random.below(60));
    if (!payload.empty()) payload[0] = static_cast<char>(random.below(kLastKind + 2));
    texts_of(payload);
  }
}

struct Refusal {
  std::string payload;
  std::string message;
};

std::string varint(std::uint64_t value) {
  RecordBuffer buffer;
  buffer.begin(RecordKind::kEnd, 1);
  buffer.put_varint(value);
  buffer.end();
  return sealed_text(buffer, kSalt).substr(format::kRecordHeaderBytes);
}

TEST(RecordTest, WhatIsWrongIsNamedWithItsByte) {
  const auto text = [](std::string_view literal) {
    return std::string(literal);
  };
  const std::string over_64_bits = std::string(9, '\xFF') + '\2';
  const std::vector<Refusal> refusals = {
      {text({"\0", 1}), "byte 0 of the payload: unknown operation 0"},
      {text("\x08\1"), "byte 0 of the payload: unknown operation 8"},
      {text({"\4\0\x0C", 3}), "byte 2 of the payload: unknown operation 12"},
      {text("\4"), "byte 1 of the payload: the namespace's number is cut off or over 64 bits"},
      {"\4" + over_64_bits,
       "byte 1 of the payload: the namespace's number is cut off or over 64 bits"},
      {"\4" + varint(1ULL << 32U),
       "byte 1 of the payload: the namespace's number is 4294967296, over 4294967295"},
      {text("\1\1"), "byte 2 of the payload: the flags are cut off"},
      {text("\1\1\x03"), "byte 2 of the payload: unknown kind of value in the flags 0x03"},
      {text("\1\1\x40"), "byte 2 of the payload: unknown flags in 0x40"},
      {text("\1\1\x80"), "byte 2 of the payload: unknown flags in 0x80"},
      {text("\1\1\x11"), "byte 2 of the payload: an integer cannot be compressed"},
      {text("\1\1\x20"),
       "byte 2 of the payload: a value that is elsewhere in the log: not supported yet by this "
       "version"},
      {text("\2\1\5abc"), "byte 2 of the payload: a key of 5 bytes goes past the end"},
      {"\2\1" + varint(kMax64),
       "byte 2 of the payload: a key of 18446744073709551615 bytes is over the limit of 65536"},
      {"\2\1" + varint(kKeyBytesMax + 1) + std::string(kKeyBytesMax + 1, 'k'),
       "byte 2 of the payload: a key of 65537 bytes is over the limit of 65536"},
      {text({"\1\1\0\1k", 5}), "byte 5 of the payload: the version is cut off or over 64 bits"},
      {text("\1\1\4\1k\7"), "byte 6 of the payload: the deadline is cut off or over 64 bits"},
      {"\1\1\4\1k\7" + varint(1ULL << 63U),
       "byte 6 of the payload: the deadline is 9223372036854775808, over 9223372036854775807"},
      {text("\1\1\x08\1k\7"), "byte 6 of the payload: the position is cut off or over 64 bits"},
      {text("\1\1\1\1k\7"), "byte 6 of the payload: the integer is cut off or over 64 bits"},
      {text({"\1\1\0\1k\7\4abc", 10}),
       "byte 6 of the payload: a value of 4 bytes goes past the end"},
      {text({"\1\1\0\1k\7", 6}) + varint(kValueBytesMaxCeiling + 1),
       "byte 6 of the payload: a value of 536870913 bytes is over the limit of 536870912"},
      {"\3\1\1k" + varint((1ULL << 63U) + 1),
       "byte 4 of the payload: the deadline is 9223372036854775809, over 9223372036854775808"},
      {"\5\1" + varint(kNamespaceNameBytesMax + 1) + std::string(kNamespaceNameBytesMax + 1, 'n'),
       "byte 2 of the payload: a name of 65 bytes is over the limit of 64"},
      {text("\5\1\1n"), "byte 4 of the payload: the tag of a setting is cut off or over 64 bits"},
      {text("\6\1\1n\x0C"), "byte 4 of the payload: unknown setting 12"},
      {text("\6\1\1n\2\1\1\1"), "byte 6 of the payload: setting 1 behind setting 2: they rise"},
      {text("\6\1\1n\2\1\2\1"), "byte 6 of the payload: setting 2 behind setting 2: they rise"},
      {text("\6\1\1n\1\4"), "byte 5 of the payload: the type is 4, over 3"},
      {text("\6\1\1n\2\3"), "byte 5 of the payload: the persistence is 3, over 2"},
      {text("\6\1\1n\3\3"), "byte 5 of the payload: the eviction is 3, over 2"},
      {text("\6\1\1n\4"), "byte 5 of the payload: max_bytes is cut off or over 64 bits"},
      {"\6\1\1n\x08" + varint(1ULL << 63U),
       "byte 5 of the payload: default_ttl is 9223372036854775808, over 9223372036854775807"},
      {"\6\1\1n\x09" + varint(1ULL << 32U),
       "byte 5 of the payload: the owner is 4294967296, over 4294967295"},
      {text("\6\1\1n\x0A\2"), "byte 5 of the payload: incomplete is 2, over 1"},
  };
  for (const Refusal& refusal : refusals) {
    const std::vector<std::string> texts = texts_of(refusal.payload);
    ASSERT_FALSE(texts.empty()) << refusal.message;
    EXPECT_EQ(texts.back(), refusal.message);
  }
}

TEST(RecordTest, TheVisitorsErrorEndsTheReading) {
  const std::string payload("\4\1\4\2\4\3", 6);
  int visited = 0;
  const auto visit = [&](const Operation& operation) -> Result<void> {
    ++visited;
    if (operation.ns == 2) return fail(ErrorCode::kConflict, "no more");
    return {};
  };
  const Result<void> read = read_operations(payload, visit);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kConflict);
  EXPECT_EQ(visited, 2);
}

TEST(RecordTest, AVarintIsTakenFromTheBeginning) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{16'383},
        std::uint64_t{16'384}, std::uint64_t{1} << 63U, kMax64}) {
    const std::string bytes = varint(value) + "rest";
    std::string_view in = bytes;
    EXPECT_EQ(take_varint(in), value);
    EXPECT_EQ(in, "rest");
    for (std::size_t size = 0; size < bytes.size() - 4; ++size) {
      std::string_view part = std::string_view(bytes).substr(0, size);
      EXPECT_EQ(take_varint(part), std::nullopt);
      EXPECT_EQ(part.size(), size);
    }
  }
}

TEST(RecordTest, AVarintOverSixtyFourBitsIsNone) {
  for (const std::string& bytes :
       {std::string(9, '\xFF') + '\2', std::string(10, '\x80'), std::string(20, '\xFF')}) {
    std::string_view in = bytes;
    EXPECT_EQ(take_varint(in), std::nullopt);
    EXPECT_EQ(in.size(), bytes.size());
  }
}

class LargeValueTest : public testing::Test {
 protected:
  SharedBytes make(std::string_view bytes) {
    SharedBytes value = pool_.try_allocate(bytes.size());
    std::copy(bytes.begin(), bytes.end(), value.writable().begin());
    return value;
  }

  MemoryBudget budget_{64_MiB};
  BlobPool pool_{budget_};
};

TEST_F(LargeValueTest, GivesTheSameBytesAsACopiedOne) {
  Random random(1);
  for (int i = 0; i < 100; ++i) {
    RecordBuffer copying;
    RecordBuffer referring;
    const auto both = [&](auto call) {
      call(copying);
      call(referring);
    };
    std::uint64_t sequence = random.below(1'000);
    for (std::uint64_t records = random.below(4); records != 0; --records) {
      both([&](RecordBuffer& buffer) { buffer.begin(RecordKind::kChanges, sequence); });
      ++sequence;
      for (std::uint64_t operations = random.below(4); operations != 0; --operations) {
        if (random.one_in(3)) both([](RecordBuffer& buffer) { buffer.remove(1, "gone"); });
        const std::string bytes = random.bytes(random.below(5'000));
        const SharedBytes value = make(bytes);
        RecordBuffer::SetFields fields{.key = "key", .value = ValueView::from_json(bytes)};
        copying.set(7, fields);
        fields.value.bytes = value.view();
        fields.value.shared = &value;
        referring.set(7, fields);
      }
      both([](RecordBuffer& buffer) { buffer.end(); });
    }
    ASSERT_EQ(copying.bytes(), referring.bytes());
    const std::string text = sealed_text(copying, kSalt);
    ASSERT_EQ(sealed_text(referring, kSalt), text);
    ASSERT_EQ(text.size(), copying.bytes());
  }
}

TEST_F(LargeValueTest, IsKeptUntilTheBufferForgetsIt) {
  RecordBuffer buffer;
  SharedBytes value = make("a large value");
  ValueView view = ValueView::from_bytes(value.view());
  view.shared = &value;
  buffer.begin(RecordKind::kChanges, 1);
  buffer.set(1, {.key = "k", .value = view});
  buffer.end();
  EXPECT_FALSE(value.sole());
  std::vector<std::string_view> pieces;
  buffer.seal(kSalt);
  buffer.gather(pieces);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[1].data(), value.view().data());
  buffer.clear_all(1_MiB);
  EXPECT_TRUE(value.sole());
}

TEST(RecordBufferTest, ARecordHasItsHeader) {
  RecordBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  buffer.begin(RecordKind::kGroup, 42);
  buffer.put_u64(41);
  buffer.end();
  buffer.begin(RecordKind::kChanges, 42);
  buffer.clear(3);
  buffer.end();
  EXPECT_FALSE(buffer.empty());
  const std::string text = sealed_text(buffer, kSalt);
  ASSERT_EQ(text.size(), 28U + 22U);
  EXPECT_EQ(buffer.bytes(), text.size());

  const std::optional<RecordHeader> group = decode_record_header(text);
  ASSERT_TRUE(group.has_value());
  EXPECT_EQ(group->kind, RecordKind::kGroup);
  EXPECT_EQ(group->length, 8U);
  EXPECT_EQ(group->sequence, 42U);
  EXPECT_EQ(load_u64(text.data() + format::kRecordHeaderBytes), 41U);

  const std::string_view second = std::string_view(text).substr(28);
  const std::optional<RecordHeader> changes = decode_record_header(second);
  ASSERT_TRUE(changes.has_value());
  EXPECT_EQ(changes->kind, RecordKind::kChanges);
  EXPECT_EQ(changes->length, 2U);
  EXPECT_TRUE(record_is_whole(second, kSalt));
}

TEST(RecordBufferTest, ARecordIsWholeWithItsFilesSaltOnly) {
  RecordBuffer buffer;
  buffer.begin(RecordKind::kChanges, 1);
  buffer.remove(1, "key");
  buffer.end();
  const std::string text = sealed_text(buffer, kSalt);
  EXPECT_TRUE(record_is_whole(text, kSalt));
  EXPECT_FALSE(record_is_whole(text, kSalt + 1));
  EXPECT_FALSE(record_is_whole(std::string_view(text).substr(0, 19), kSalt));
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string other = text;
    other[bit / 8] = static_cast<char>(static_cast<unsigned char>(other[bit / 8]) ^ 1U << bit % 8);
    EXPECT_FALSE(record_is_whole(other, kSalt)) << bit;
  }
}

TEST(RecordBufferTest, GoesToAnotherFileWithAnotherSalt) {
  RecordBuffer buffer;
  buffer.begin(RecordKind::kChanges, 1);
  buffer.drop(1);
  buffer.end();
  const std::string first = sealed_text(buffer, 1);
  const std::string second = sealed_text(buffer, 2);
  EXPECT_TRUE(record_is_whole(first, 1));
  EXPECT_TRUE(record_is_whole(second, 2));
  EXPECT_EQ(sealed_text(buffer, 1), first);
}

TEST(RecordBufferTest, WhatCannotBeAHeaderIsNone) {
  std::string header(format::kRecordHeaderBytes, '\0');
  EXPECT_EQ(decode_record_header(header), std::nullopt) << "zeros";
  header[10] = 4;
  EXPECT_TRUE(decode_record_header(header).has_value());
  header[10] = 5;
  EXPECT_EQ(decode_record_header(header), std::nullopt) << "an unknown kind";
  header[10] = 1;
  header[11] = 1;
  EXPECT_EQ(decode_record_header(header), std::nullopt) << "a reserved bit";
  header[11] = 0;
  std::fill(header.begin() + 4, header.begin() + 10, '\xFF');
  EXPECT_EQ(decode_record_header(header)->length, format::kRecordLengthMask);
}

TEST(RecordBufferTest, IsUsedAgain) {
  RecordBuffer buffer;
  const auto fill = [&] {
    buffer.begin(RecordKind::kChanges, 1);
    buffer.set(1, {.key = "key", .value = ValueView::from_bytes(std::string(5'000, 'v'))});
    buffer.end();
    return sealed_text(buffer, kSalt);
  };
  const std::string first = fill();
  for (const std::size_t keep_bytes : {std::size_t{0}, std::size_t{1'000'000}}) {
    buffer.clear_all(keep_bytes);
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(buffer.bytes(), 0U);
    EXPECT_EQ(sealed_text(buffer, kSalt), "");
    EXPECT_EQ(fill(), first);
  }
}

}  // namespace
}  // namespace appmem::storage
