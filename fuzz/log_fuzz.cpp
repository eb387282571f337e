// The log's reader on any bytes: it never reads or takes more than there is; operations that it
// understands are the same after they were written again, also compressed, and read again; so are
// headers.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "crc32c.h"
#include "little_endian.h"
#include "log_format.h"
#include "record.h"
#include "support/operation_text.h"

namespace appmem::storage {
namespace {

constexpr std::uint32_t kSalt = 0x5A17C0DE;
/// A few bytes can be a frame with very many: reading ends with those that take long to compare.
constexpr std::size_t kValueBytesMax = std::size_t{1} << 20U;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

/// What a payload says, one text an operation, up to where it is wrong; and the same operations
/// written again, without and with compression.
struct Read {
  std::vector<std::string> texts;
  std::string record;
  std::string compressed_record;
  bool has_compressed = false;
  bool is_whole = false;
};

Read read(std::string_view payload) {
  Read found;
  RecordBuffer again;
  RecordBuffer compressed(kCompressAboveMin);
  again.begin(format::RecordKind::kChanges, 1);
  compressed.begin(format::RecordKind::kChanges, 1);
  const auto visit = [&](const Operation& operation) -> Result<void> {
    if (operation.value.bytes.size() > kValueBytesMax) return fail(ErrorCode::kTooLarge, "");
    found.texts.push_back(test::operation_text(operation));
    found.has_compressed = found.has_compressed || operation.compressed_bytes.has_value();
    test::append_operation(again, operation);
    test::append_operation(compressed, operation);
    return {};
  };
  found.is_whole = read_operations(payload, visit).has_value();
  again.end();
  compressed.end();
  ValueCompressor compressor;
  compressed.compress(compressor);
  found.record = test::sealed_text(again, kSalt);
  found.compressed_record = test::sealed_text(compressed, kSalt);
  return found;
}

void check_operations(std::string_view payload) {
  const Read first = read(payload);
  require(record_is_whole(first.record, kSalt), "a record that is not whole was written");
  const auto header = decode_record_header(first.record);
  require(header && header->kind == format::RecordKind::kChanges && header->sequence == 1,
          "another header than was written");
  require(header->length == first.record.size() - format::kRecordHeaderBytes, "another length");
  require(first.has_compressed || header->length <= payload.size(),
          "operations grew when they were written again");
  const Read second = read(std::string_view(first.record).substr(format::kRecordHeaderBytes));
  require(second.is_whole, "what was written is not understood");
  require(second.texts == first.texts, "other operations than were written");
  require(second.record == first.record, "written in another way the second time");
  require(first.compressed_record.size() <= first.record.size(), "compressed, they grew");
  require(record_is_whole(first.compressed_record, kSalt), "a compressed record is not whole");
  const Read third =
      read(std::string_view(first.compressed_record).substr(format::kRecordHeaderBytes));
  require(third.is_whole && third.texts == first.texts, "other operations than were compressed");
}

void check_record_header(std::string_view input) {
  if (input.size() < format::kRecordHeaderBytes) return;
  const auto header = decode_record_header(input);
  if (!header) return;
  const std::uint64_t field = header->length | static_cast<std::uint64_t>(header->kind)
                                                   << format::kRecordKindShift;
  require(load_u64(input.data() + format::kRecordLengthAt) == field, "another record header");
}

void check_file_header(std::string_view magic, std::string_view input) {
  static_cast<void>(decode_file_header(magic, input));
  if (input.size() < format::kFileHeaderBytes) return;
  // Behind what a fuzzer cannot guess.
  std::string bytes(input.substr(0, format::kFileHeaderBytes));
  bytes.replace(format::kMagicAt, magic.size(), magic);
  store_u32(bytes.data() + format::kHeaderCrcAt, 0);
  store_u32(bytes.data() + format::kHeaderCrcAt, crc32c(bytes));
  const auto header = decode_file_header(magic, bytes);
  if (header) require(encode_file_header(magic, *header) == bytes, "another file header");
}

}  // namespace
}  // namespace appmem::storage

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace storage = appmem::storage;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  storage::check_operations(input);
  storage::check_record_header(input);
  storage::check_file_header(storage::format::kSegmentMagic, input);
  storage::check_file_header(storage::format::kCheckpointMagic, input);
  return 0;
}
