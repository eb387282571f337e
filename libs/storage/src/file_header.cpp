#include <string>
#include <string_view>

#include "crc32c.h"
#include "little_endian.h"
#include "log_format.h"
#include "record.h"

namespace appmem::storage {
namespace {

/// Where the zeros begin that fill the header up.
constexpr std::size_t kFieldsEnd = format::kHashSeedAt + sizeof(std::uint64_t);

static_assert(format::kSegmentMagic.size() == format::kVersionAt - format::kMagicAt);
static_assert(format::kCheckpointMagic.size() == format::kVersionAt - format::kMagicAt);
static_assert(kFieldsEnd <= format::kFileHeaderBytes);

/// Of a whole header, as if the field for it were zero.
std::uint32_t crc_of(std::string_view header) {
  constexpr std::string_view kZeros{"\0\0\0\0", sizeof(std::uint32_t)};
  const std::uint32_t before = crc32c(header.substr(0, format::kHeaderCrcAt));
  return crc32c(header.substr(format::kHeaderCrcAt + kZeros.size()), crc32c(kZeros, before));
}

tl::unexpected<Error> refused(std::string why) {
  return fail(ErrorCode::kInvalidRequest, std::move(why));
}

}  // namespace

std::string encode_file_header(std::string_view magic, const FileHeader& header) {
  std::string bytes(format::kFileHeaderBytes, '\0');
  magic.copy(bytes.data() + format::kMagicAt, format::kVersionAt - format::kMagicAt);
  store_u32(bytes.data() + format::kVersionAt, format::kVersion);
  store_u64(bytes.data() + format::kDirectoryAt, header.directory);
  store_u64(bytes.data() + format::kSequenceAt, header.sequence);
  store_u64(bytes.data() + format::kCreatedAt, header.created_ms);
  store_u32(bytes.data() + format::kSaltAt, header.salt);
  store_u64(bytes.data() + format::kHashSeedAt, header.hash_seed);
  store_u32(bytes.data() + format::kHeaderCrcAt, crc_of(bytes));
  return bytes;
}

Result<FileHeader> decode_file_header(std::string_view magic, std::string_view bytes) {
  if (bytes.size() < format::kFileHeaderBytes) {
    return refused("the file's header is cut off: " + std::to_string(bytes.size()) + " of " +
                   std::to_string(format::kFileHeaderBytes) + " bytes are there");
  }
  bytes = bytes.substr(0, format::kFileHeaderBytes);
  if (bytes.substr(format::kMagicAt, magic.size()) != magic) {
    return refused("the file does not begin with \"" + std::string(magic) + "\"");
  }
  // Before the version: one that a broken disk made up is not of a newer program.
  if (load_u32(bytes.data() + format::kHeaderCrcAt) != crc_of(bytes)) {
    return refused("the file's header is damaged: its checksum does not fit");
  }
  const std::uint32_t version = load_u32(bytes.data() + format::kVersionAt);
  if (version != format::kVersion) {
    return refused("the file has format version " + std::to_string(version) +
                   ", this program knows version " + std::to_string(format::kVersion));
  }
  if (bytes.substr(kFieldsEnd).find_first_not_of('\0') != std::string_view::npos) {
    return refused("the file's header has fields that this program does not know");
  }
  return raw_file_header(bytes);
}

bool is_header_of_other_version(std::string_view magic, std::string_view bytes) {
  if (bytes.size() < format::kFileHeaderBytes) return false;
  bytes = bytes.substr(0, format::kFileHeaderBytes);
  return bytes.starts_with(magic) &&
         load_u32(bytes.data() + format::kHeaderCrcAt) == crc_of(bytes) &&
         load_u32(bytes.data() + format::kVersionAt) != format::kVersion;
}

FileHeader raw_file_header(std::string_view bytes) {
  return {
      .directory = load_u64(bytes.data() + format::kDirectoryAt),
      .sequence = load_u64(bytes.data() + format::kSequenceAt),
      .created_ms = load_u64(bytes.data() + format::kCreatedAt),
      .salt = load_u32(bytes.data() + format::kSaltAt),
      .hash_seed = load_u64(bytes.data() + format::kHashSeedAt),
  };
}

}  // namespace appmem::storage
