#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "appmem/base/value.h"
#include "appmem/protocol/reply.h"

namespace appmem::protocol {

/// Where a handler of a Redis command writes its reply, in the types of RESP. Aggregates announce
/// how many items follow, each of which is one reply. Which version of the protocol the connection
/// speaks, and so what a null or a map looks like, is the codec's business.
/// Thread safety: none. Lifetime of arguments: the call; a value's `shared` may be kept.
class RedisReply : public Reply {
 public:
  RedisReply& redis() final { return *this; }

  /// Precondition: the text is not empty and has no line end.
  virtual void status(std::string_view text) = 0;
  void ok() { status("OK"); }
  virtual void integer(std::int64_t value) = 0;
  virtual void bulk(std::string_view bytes) = 0;
  /// A value as bytes: an integer as its digits.
  virtual void value(const ValueView& value) = 0;
  virtual void null() = 0;
  /// What a transaction that was not executed answers: a null array in RESP2.
  virtual void null_array() = 0;
  /// Text to be shown as it stands.
  virtual void verbatim(std::string_view text) = 0;

  virtual void array(std::size_t items) = 0;
  /// RESP2 writes an array of names and values in turn.
  virtual void map(std::size_t pairs) = 0;
  virtual void set(std::size_t items) = 0;

  /// `text` begins with its prefix ("ERR …"); line ends in it become blanks. May stand wherever a
  /// reply may, also within an array. Counted as an error.
  virtual void failure(std::string_view text) = 0;

  /// Whether replies are written at all, from here on, which may be within the reply of a
  /// transaction. kSkip leaves out the next reply and nothing of this one; after kAll it has no
  /// effect.
  enum class Silence : std::uint8_t { kNone, kSkip, kAll };
  virtual void set_silence(Silence silence) = 0;

  /// This reply is written within one turn, so that nobody may wait for room: it is not congested
  /// any more. What it comes to is limited otherwise.
  virtual void write_as_a_whole() = 0;

  /// 2 or 3, from the next reply on.
  virtual void set_version(int version) = 0;
  [[nodiscard]] virtual int version() const = 0;
};

}  // namespace appmem::protocol
