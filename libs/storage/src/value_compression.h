#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "appmem/base/error.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace appmem::storage {

/// Memory for the bytes of one value after the other, as large as the largest of late.
class ValueRoom {
 public:
  /// At least `bytes`; null when the system has none. Lifetime: until the next call.
  char* get(std::size_t bytes);

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

/// A compressed value as the files have it behind its length: a text (a varint, its bytes, and
/// these), a zstd frame.
struct CompressedValue {
  std::unique_ptr<char[]> memory;
  std::string_view text;  // in `memory`
};

/// Makes zstd frames of values, each by itself, at level 1. It takes time, about 2 ms a MiB.
/// Thread safety: none.
class ValueCompressor {
 public:
  ValueCompressor();
  ValueCompressor(const ValueCompressor&) = delete;
  ValueCompressor& operator=(const ValueCompressor&) = delete;
  ~ValueCompressor();

  /// At least an eighth shorter than the value. An empty text where it does not come to that, or
  /// where the system has no memory for it.
  CompressedValue compress(std::string_view value);

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  /// Writes the frame to `room`. 0: it does not fit.
  std::size_t write_frame(char* room, std::size_t bytes_max, std::string_view value);

  std::unique_ptr<ZSTD_CCtx_s, Free> context_;  // made when it is needed
  ValueRoom room_;
};

/// Makes values of zstd frames that may be anything.
/// Thread safety: none.
class ValueDecompressor {
 public:
  ValueDecompressor();
  ValueDecompressor(ValueDecompressor&&) noexcept;
  ValueDecompressor& operator=(ValueDecompressor&&) noexcept;
  ~ValueDecompressor();

  /// The value of `bytes` bytes that is in `frame`. Nothing is done in vain: memory is taken only
  /// for what a frame of this length can hold. Lifetime of the view: until the next call.
  /// Errors: kInvalidRequest: it is not one whole frame with so many bytes, the message says why;
  /// kOutOfMemory: the system has none.
  Result<std::string_view> decompress(std::string_view frame, std::uint64_t bytes);

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, Free> context_;  // made when it is needed
  ValueRoom room_;
};

}  // namespace appmem::storage
