#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/function_ref.h"
#include "appmem/base/shared_bytes.h"
#include "appmem/base/time.h"
#include "appmem/base/value.h"
#include "appmem/core/mutation_sink.h"
#include "appmem/storage/compression.h"
#include "log_format.h"
#include "value_compression.h"

namespace appmem::storage {

/// Names a namespace in the log, for ever, from 1 on; numbers are never used again.
using NamespaceNumber = std::uint32_t;

/// Records one behind the other, on their way to a file. Large values (ValueView::shared) are
/// referred to, not copied. Values longer than `compress_above` can be compressed once the records
/// are complete.
/// Thread safety: none.
class RecordBuffer {
 public:
  explicit RecordBuffer(std::uint64_t compress_above = kCompressNever)
      : compress_above_(compress_above) {}

  /// Begins a record; operations follow, then end().
  void begin(format::RecordKind kind, std::uint64_t sequence);

  struct SetFields {
    std::string_view key;
    ValueView value{};
    std::uint64_t version = 0;
    std::optional<WallTime> deadline = std::nullopt;
    std::optional<std::uint64_t> position = std::nullopt;
  };
  void set(NamespaceNumber ns, const SetFields& fields);
  void remove(NamespaceNumber ns, std::string_view key);
  void expire(NamespaceNumber ns, std::string_view key, std::optional<WallTime> deadline);
  void clear(NamespaceNumber ns);
  /// kCreate or kAlter. `entries`: see format::SettingTag::kEntries; 0 where nobody knows.
  void describe(format::Operation operation, NamespaceNumber ns, std::string_view name,
                const core::NamespaceSettings& settings, bool incomplete,
                std::uint64_t entries = 0);
  void drop(NamespaceNumber ns);
  /// A payload that is no operation.
  void put_u64(std::uint64_t value);
  void put_varint(std::uint64_t value);
  /// Operations as another record has them.
  void put_payload(std::string_view payload);

  void end();

  /// Whether compress() has something to do.
  [[nodiscard]] bool has_uncompressed() const { return uncompressed_ != 0; }
  /// Compresses all values that are long enough and that it has not tried before; one that does not
  /// become shorter stays as it is. Takes its time. Precondition: the last record has its end.
  void compress(ValueCompressor& compressor);

  /// Computes the records' CRCs, with the salt of the file that they go to; again where they go to
  /// another one. Precondition of this and gather(): the last record has its end.
  void seal(std::uint32_t salt);
  /// After seal(): appends all records to `pieces`, as the file is to have them. Lifetime of the
  /// pieces: until the buffer is changed, moved or sealed again.
  void gather(std::vector<std::string_view>& pieces) const;

  /// Length of all records, as they are written now.
  [[nodiscard]] std::uint64_t bytes() const {
    return text_.size() - skipped_bytes_ + inserted_bytes_;
  }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// Forgets everything; keeps memory up to `keep_bytes`.
  void clear_all(std::size_t keep_bytes);

 private:
  /// A value that is not in the text, or may be replaced by what is not.
  struct Piece {
    std::size_t at = 0;       // of the text: `bytes` stand there,
    std::size_t skipped = 0;  // in place of so many of its own
    std::string_view bytes;
    SharedBytes shared;              // keeps `bytes`,
    std::unique_ptr<char[]> memory;  // or this does
    // Of a value that may be compressed: where its flags are in the text, and how much of the text
    // it is. 0: it may not.
    std::size_t flags_at = 0;
    std::size_t text_bytes = 0;
  };

  /// Room for an operation at the end of the text, which cut_behind() makes as short as it is.
  char* make_room(std::size_t bytes_max);
  void cut_behind(const char* end);
  void add_value(const ValueView& value, std::size_t flags_at);
  /// `record`: where it begins.
  void compress(Piece& piece, std::size_t record, ValueCompressor& compressor);

  std::uint64_t compress_above_;
  std::string text_;
  std::vector<Piece> pieces_;         // by place
  std::vector<std::size_t> records_;  // where each begins in text_
  std::uint64_t inserted_bytes_ = 0;
  std::uint64_t skipped_bytes_ = 0;
  std::size_t uncompressed_ = 0;  // pieces that compress() has not tried
  bool open_ = false;             // between begin() and end()
};

/// An operation as it is read. Lifetime of the views: the record's; of the value, if it was
/// compressed, until the next operation is read.
struct Operation {
  format::Operation kind = format::Operation::kSet;
  NamespaceNumber ns = 0;
  std::string_view key;
  ValueView value{};
  std::uint64_t version = 0;
  std::optional<WallTime> deadline = std::nullopt;
  std::optional<std::uint64_t> position = std::nullopt;
  /// Of a compressed value: the bytes that it takes in the record.
  std::optional<std::uint64_t> compressed_bytes = std::nullopt;
  std::string_view name;
  core::NamespaceSettings settings{};
  bool incomplete = false;
  std::uint64_t entries = 0;
};

/// Shows the operations of a payload in order, until `visit` returns an error. Every length is
/// checked against what is there before anything is done with it; what stands before something
/// wrong has been shown. `values` makes and keeps those that are compressed. Errors:
/// kInvalidRequest (at which byte of the payload what is wrong), kOutOfMemory (for a compressed
/// value), or what `visit` returned.
Result<void> read_operations(std::string_view payload, ValueDecompressor& values,
                             FunctionRef<Result<void>(const Operation&)> visit);
/// The same, for whoever does not read many.
Result<void> read_operations(std::string_view payload,
                             FunctionRef<Result<void>(const Operation&)> visit);

/// A varint at the beginning of `in`, which is shortened by it. Nothing, and `in` as it was, when
/// it is cut off or over 64 bits. LEB128: 7 bits a byte, the lowest first.
std::optional<std::uint64_t> take_varint(std::string_view& in);

struct FileHeader {
  std::uint64_t directory = 0;
  std::uint64_t sequence = 0;
  std::uint64_t created_ms = 0;
  std::uint32_t salt = 0;
  /// 0: its entries come in no order that is known.
  std::uint64_t hash_seed = 0;
};

/// The bytes of a file's header. `magic`: format::kSegmentMagic or kCheckpointMagic.
std::string encode_file_header(std::string_view magic, const FileHeader& header);
/// Errors: kInvalidRequest: too short, another magic, a CRC that does not fit, a version that is
/// unknown (named, with the one that is known), bytes that are to be zero and are not.
Result<FileHeader> decode_file_header(std::string_view magic, std::string_view bytes);
/// Whether it is a whole header, of a version that this program does not know.
bool is_header_of_other_version(std::string_view magic, std::string_view bytes);
/// The fields of a header as they stand there, right or not. Precondition: kFileHeaderBytes.
FileHeader raw_file_header(std::string_view bytes);

/// The header of a record, not yet checked by its CRC.
struct RecordHeader {
  std::uint32_t crc = 0;
  std::uint64_t length = 0;
  format::RecordKind kind = format::RecordKind::kNone;
  std::uint64_t sequence = 0;
};
/// Precondition: at least kRecordHeaderBytes. Nothing for what cannot be a header: an unknown kind,
/// a reserved bit.
std::optional<RecordHeader> decode_record_header(std::string_view bytes);
/// Whether the CRC fits; `record` is header and payload, as long as the header says.
bool record_is_whole(std::string_view record, std::uint32_t salt);

}  // namespace appmem::storage
