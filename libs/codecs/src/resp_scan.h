#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/limits.h"
#include "appmem/base/units.h"

namespace appmem::codecs {

/// Bounds of the format itself, Redis's own: of an inline request and a header (its
/// `PROTO_INLINE_MAX_SIZE`), and of the words of a request (in all its releases before 7).
inline constexpr std::size_t kRespLineBytesMax = 64_KiB;
inline constexpr std::int64_t kRespWordsMax = 1'048'576;

/// Words beyond these are left away: no command has so many, so that the request is refused for
/// its number of words, whatever the others are.
inline constexpr std::size_t kRespWordsKeptMax = 262'144;
static_assert(kRespWordsKeptMax > 2 * kRequestKeysMax + 2);

/// Finds where a request ends: an array of bulk strings, or a line of words. Looks at each byte of
/// a header once and at those of a bulk string not at all, however they arrive.
/// Thread safety: none.
class RespScan {
 public:
  enum class Kind : std::uint8_t {
    kIncomplete,  // the first `consumed` bytes are not needed any more
    kRequest,     // a request stands from `begin` to `consumed`
    kBroken,      // problem() says why; nothing that follows can be understood
  };
  struct Found {
    Kind kind = Kind::kIncomplete;
    std::size_t consumed = 0;
    std::size_t begin = 0;
    std::size_t words = 0;  // of a request that is an array
  };

  explicit RespScan(std::size_t request_bytes_max) : request_bytes_max_(request_bytes_max) {}

  /// Holds requests to protocol::kUnauthenticatedWordsMax and kUnauthenticatedBytesMax.
  void set_unauthenticated(bool unauthenticated) { unauthenticated_ = unauthenticated; }

  /// `input` begins where the last request ended, or with what was incomplete.
  Found next(std::string_view input);
  /// Why the last one was kBroken, in Redis's words.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  /// The words of the request that was found last, in `words`, whose old ones are replaced.
  /// `request` is what was found, from `begin` to `consumed`; an inline request's quotes and
  /// escapes are undone in place. Lifetime of the words: the request's.
  void split(std::span<char> request, std::vector<std::string_view>& words) const;

 private:
  /// Where a word stands in a request.
  struct Word {
    std::uint32_t begin;
    std::uint32_t size;
  };
  /// An array of a few words that is there as a whole, as clients send them most of the time: one
  /// walk finds its end and its words. False, and nothing is remembered, where it is anything else.
  bool next_plain(std::string_view input, Found& found);
  Found next_line(std::string_view input);
  Found next_bulks(std::string_view input);
  Found incomplete();
  Found broken(std::string_view problem);

  const std::size_t request_bytes_max_;
  bool unauthenticated_ = false;
  std::size_t begin_ = 0;        // of the request; what stands before it is blank
  std::size_t scanned_ = 0;      // how far the input has been understood, or looked at
  std::size_t searched_ = 0;     // how far for the end of a bulk string's header; 0: nowhere
  std::size_t bulk_end_ = 0;     // where the bulk string that has begun ends; 0: none has
  std::int64_t words_ = 0;       // of the array that has begun
  std::int64_t words_left_ = 0;  // of the array that is being read; 0: none is
  std::string problem_;

  // Of the request that was found last, where next_plain() has found it; none otherwise.
  static constexpr std::size_t kPlainWordsMax = 16;
  std::array<Word, kPlainWordsMax> plain_words_{};
  std::size_t plain_count_ = 0;
};

}  // namespace appmem::codecs
