#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "appmem/base/error.h"
#include "appmem/base/limits.h"
#include "appmem/protocol/output_buffer.h"
#include "appmem/protocol/reply.h"
#include "appmem/protocol/request.h"

namespace appmem::protocol {

/// Bytes that must be readable (not meaningful) behind the input of a codec.
inline constexpr std::size_t kInputPadding = 64;

/// Larger frames are decoded on another thread than the connection's, so that a turn of the loop
/// stays short; see Codec::decode.
inline constexpr std::size_t kFrameBytesInlineMax = 256_KiB;

/// What a client that has yet to show a token may send at most: bytes of a request, and of each
/// word in RESP; and words there. Redis's own bounds.
inline constexpr std::size_t kUnauthenticatedBytesMax = 16_KiB;
inline constexpr std::size_t kUnauthenticatedWordsMax = 10;

/// One connection's wire format: cuts input into frames, decodes a frame into a request, composes
/// the answers. A pure function over buffers with a little state; touches no socket and no store.
/// Thread safety: none; `decode` of one frame may run on another thread while nothing else is
/// called.
class Codec {
 public:
  Codec() = default;
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;
  virtual ~Codec() = default;

  struct Frame {
    enum class Kind : std::uint8_t {
      kIncomplete,  // more input is needed; `consumed` bytes (0 or more) are not needed any more
      kRequest,     // the first `consumed` bytes are one whole request
      kRefused,     // the first `consumed` bytes are refused, go on behind them
      kFatal,       // answer the refusal and close
    };
    struct Refusal {
      Error error;
      /// Of a request that is refused for its length: what Request::id() would be, where it is
      /// known.
      std::string request_id;
    };
    Kind kind = Kind::kIncomplete;
    std::size_t consumed = 0;
    /// What decode() takes from memory for this request, in bytes, where that may be much beside
    /// the frame.
    std::size_t decode_bytes = 0;
    std::unique_ptr<Refusal> refusal{};  // of kRefused and kFatal

    static Frame incomplete(std::size_t unneeded) { return {Kind::kIncomplete, unneeded}; }
    static Frame request(std::size_t bytes, std::size_t decode_bytes = 0) {
      return {Kind::kRequest, bytes, decode_bytes};
    }
    static Frame refused(std::size_t bytes, Error error, std::string request_id) {
      return {Kind::kRefused, bytes, 0,
              std::make_unique<Refusal>(Refusal{std::move(error), std::move(request_id)})};
    }
    static Frame fatal(std::size_t bytes, Error error) {
      return {Kind::kFatal, bytes, 0, std::make_unique<Refusal>(Refusal{std::move(error), {}})};
    }
  };

  /// Looks for the next frame at the start of `input`. Remembers how far it has looked, so that
  /// input which arrives byte by byte is looked at once. A frame over the request limit is
  /// refused as soon as that is known, and skipped to its end without being buffered.
  virtual Frame next_frame(std::string_view input) = 0;

  /// Decodes one whole frame, the one that next_frame found last. `frame` is followed by
  /// kInputPadding readable bytes; it may be changed in place. Views in `request` live until that
  /// is cleared or `frame` dies: other frames may be looked for and decoded meanwhile. Errors:
  /// kInvalidJson, kInvalidRequest, kUnknownOp, kTooLarge, kUnavailable (a field whose engine does
  /// not exist yet); the message names the field. `request.id()` is set where it could be read.
  virtual Result<void> decode(std::span<char> frame, Request& request) = 0;

  /// Starts the answer to `request` at the end of `output`; the writer is this codec's and valid
  /// until end_reply. An answer that was begun before and has not ended is given up.
  virtual Reply& begin_reply(const Request& request, OutputBuffer& output) = 0;
  virtual void end_reply() = 0;

  /// Whether the client has still to show a token: until it is said otherwise again, the frames
  /// that are looked for from here on are held to kUnauthenticatedBytesMax.
  virtual void set_unauthenticated(bool unauthenticated) = 0;

  /// Whether the connection has received nothing of its next request yet. (For idle and request
  /// timeouts.)
  [[nodiscard]] virtual bool between_requests(std::string_view input) const = 0;
};

/// Checks documents for namespaces of type `json`, whatever format they came in; codecs implements
/// it. Thread safety: all.
class JsonValidator {
 public:
  JsonValidator() = default;
  JsonValidator(const JsonValidator&) = delete;
  JsonValidator& operator=(const JsonValidator&) = delete;
  virtual ~JsonValidator() = default;
  /// Errors: kInvalidJson with what is wrong, kTooLarge (nested deeper than kJsonDepthMax).
  [[nodiscard]] virtual Result<void> validate(std::string_view text) const = 0;
};

}  // namespace appmem::protocol
