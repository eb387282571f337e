#include "value_compression.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include <zstd.h>

#include "appmem/base/limits.h"
#include "appmem/base/units.h"
#include "little_endian.h"
#include "varint.h"

namespace appmem::storage {
namespace {

constexpr int kLevel = 1;
/// A frame has to save one part in so many.
constexpr std::size_t kSavedPart = 8;
/// This much memory is kept from one value to the next. A longer one has memory of its own.
constexpr std::size_t kRoomBytesKept = 1_MiB;
constexpr std::size_t kRoomBytesMin = 16_KiB;

// A block has 4 bytes at least where it has any content, which is 128 KiB at most (RFC
// 8878, 3.1.1.2).
constexpr std::size_t kBlockBytesMin = 4;
constexpr std::uint64_t kBlockContentBytesMax = 128_KiB;

/// A varint of the length of a frame: values have 512 MiB at most.
constexpr std::size_t kLengthBytesMax = 5;
static_assert(kValueBytesMaxCeiling < std::uint64_t{1} << (7 * kLengthBytesMax));

/// Not touched: what is never written to takes no memory where it is much.
std::unique_ptr<char[]> allocate(std::size_t bytes) {
  return std::unique_ptr<char[]>(new (std::nothrow) char[bytes]);
}

tl::unexpected<Error> no_memory(std::uint64_t bytes) {
  return fail(ErrorCode::kOutOfMemory,
              "no memory for a compressed value of " + std::to_string(bytes) + " bytes");
}

tl::unexpected<Error> complain(std::string what) {
  return fail(ErrorCode::kInvalidRequest, std::move(what));
}

/// What can be told before memory is taken: whether it is one frame, which says to have `bytes`.
Result<void> check_frame(std::string_view frame, std::uint64_t bytes) {
  // Not one that is to be skipped, and none of zstd's early formats.
  if (frame.size() < sizeof(std::uint32_t) || load_u32(frame.data()) != ZSTD_MAGICNUMBER) {
    return complain("what should be a zstd frame is none");
  }
  const unsigned long long content = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (content == ZSTD_CONTENTSIZE_ERROR || content == ZSTD_CONTENTSIZE_UNKNOWN) {
    return complain("a zstd frame does not say how long its content is");
  }
  if (content != bytes) {
    return complain("a zstd frame with " + std::to_string(content) + " bytes for a value of " +
                    std::to_string(bytes));
  }
  const std::size_t length = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  if (ZSTD_isError(length) != 0U) return complain("a zstd frame is cut off, or damaged");
  if (length != frame.size()) {
    return complain("a zstd frame of " + std::to_string(length) + " bytes in " +
                    std::to_string(frame.size()));
  }
  if (bytes > frame.size() / kBlockBytesMin * kBlockContentBytesMax) {
    return complain("a zstd frame of " + std::to_string(length) + " bytes cannot hold " +
                    std::to_string(bytes));
  }
  return {};
}

}  // namespace

char* ValueRoom::get(std::size_t bytes) {
  const bool is_too_much = size_ > kRoomBytesKept && bytes <= kRoomBytesKept;
  if (bytes_ != nullptr && bytes <= size_ && !is_too_much) return bytes_.get();
  bytes_.reset();
  size_ = std::max(bytes, std::min(2 * size_, kRoomBytesKept));
  size_ = std::max(size_, kRoomBytesMin);
  bytes_ = allocate(size_);
  if (bytes_ == nullptr) size_ = 0;
  return bytes_.get();
}

ValueCompressor::ValueCompressor() = default;
ValueCompressor::~ValueCompressor() = default;

void ValueCompressor::Free::operator()(ZSTD_CCtx_s* context) const {
  ZSTD_freeCCtx(context);
}

CompressedValue ValueCompressor::compress(std::string_view value) {
  const std::size_t bytes_max = value.size() - value.size() / kSavedPart;
  if (bytes_max <= kLengthBytesMax) return {};
  const bool is_long = bytes_max > kRoomBytesKept;
  std::unique_ptr<char[]> own = is_long ? allocate(bytes_max) : nullptr;
  char* const room = is_long ? own.get() : room_.get(bytes_max);
  if (room == nullptr) return {};
  char* const frame = room + kLengthBytesMax;
  const std::size_t bytes = write_frame(frame, bytes_max - kLengthBytesMax, value);
  if (bytes == 0) return {};
  std::array<char, kVarintBytesMax> length{};
  const auto length_bytes =
      static_cast<std::size_t>(write_varint(length.data(), bytes) - length.data());
  char* const begin = frame - length_bytes;
  std::memcpy(begin, length.data(), length_bytes);
  const std::string_view text(begin, length_bytes + bytes);
  if (is_long) return {std::move(own), text};
  auto copy = allocate(text.size());
  if (copy == nullptr) return {};
  text.copy(copy.get(), text.size());
  const std::string_view copied(copy.get(), text.size());
  return {std::move(copy), copied};
}

std::size_t ValueCompressor::write_frame(char* room, std::size_t bytes_max,
                                         std::string_view value) {
  if (context_ == nullptr) {
    context_.reset(ZSTD_createCCtx());
    if (context_ == nullptr) return 0;
    const std::size_t set = ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
    if (ZSTD_isError(set) != 0U) return 0;
  }
  const std::size_t bytes =
      ZSTD_compress2(context_.get(), room, bytes_max, value.data(), value.size());
  return ZSTD_isError(bytes) != 0U ? 0 : bytes;
}

ValueDecompressor::ValueDecompressor() = default;
ValueDecompressor::ValueDecompressor(ValueDecompressor&&) noexcept = default;
ValueDecompressor& ValueDecompressor::operator=(ValueDecompressor&&) noexcept = default;
ValueDecompressor::~ValueDecompressor() = default;

void ValueDecompressor::Free::operator()(ZSTD_DCtx_s* context) const {
  ZSTD_freeDCtx(context);
}

Result<std::string_view> ValueDecompressor::decompress(std::string_view frame,
                                                       std::uint64_t bytes) {
  if (auto checked = check_frame(frame, bytes); !checked) return fail(std::move(checked).error());
  if (context_ == nullptr) context_.reset(ZSTD_createDCtx());
  char* const room = room_.get(static_cast<std::size_t>(bytes));
  if (context_ == nullptr || room == nullptr) return no_memory(bytes);
  const std::size_t made =
      ZSTD_decompressDCtx(context_.get(), room, bytes, frame.data(), frame.size());
  if (ZSTD_isError(made) != 0U) {
    return complain(std::string("a bad zstd frame: ") + ZSTD_getErrorName(made));
  }
  if (made != bytes) return complain("a zstd frame with less than it says");
  return std::string_view(room, made);
}

}  // namespace appmem::storage
