#pragma once

#include <string_view>

#include "../kept_value.h"
#include "appmem/base/decimal.h"
#include "redis_call.h"

namespace appmem::commands {

/// A value as the bytes that Redis would hold: an integer is its digits, a document its text.
/// Lifetime: that of both arguments.
std::string_view redis_bytes(const ValueView& value, DecimalText& digits);

/// A value that has been read. Lifetime of views: this object's.
class RedisValue {
 public:
  void keep(const ValueView& value) { kept_.keep(value); }
  explicit operator bool() const { return static_cast<bool>(kept_); }
  /// Precondition for both: there is one.
  [[nodiscard]] ValueView view() const { return kept_.view(); }
  [[nodiscard]] std::string_view bytes();

 private:
  KeptValue kept_;
  DecimalText digits_{};
};

/// Reads the value of a key, if there is one, into `value`. Counts as an access unless `options`
/// say otherwise. False when an error has been replied.
bool read_redis_value(RedisCall& call, std::string_view key, const core::GetOptions& options,
                      RedisValue& value);

/// Stores bytes in `ns`, as a document where the namespace holds documents.
/// Errors: as Keyspace::set, and kInvalidJson.
Result<core::SetOutcome> write_redis_value(RedisCall& call, core::NamespaceId ns,
                                           std::string_view key, std::string_view bytes,
                                           const core::SetOptions& options);

}  // namespace appmem::commands
