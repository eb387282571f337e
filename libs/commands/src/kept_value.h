#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "appmem/base/shared_bytes.h"
#include "appmem/base/value.h"

namespace appmem::commands {

/// A value that outlives the visitor which showed it: small ones copied, large ones shared.
class KeptValue {
 public:
  void keep(const ValueView& value) {
    kind_ = value.kind;
    integer_ = value.integer;
    if (value.shared != nullptr) {
      shared_ = *value.shared;
      bytes_ = value.bytes;
    } else {
      copy_ = value.bytes;
      bytes_ = copy_;
    }
    kept_ = true;
  }

  /// Whether there is one.
  explicit operator bool() const { return kept_; }

  /// Precondition: there is one. Lifetime: this object's.
  [[nodiscard]] ValueView view() const {
    return {kind_, bytes_, integer_, shared_ ? &shared_ : nullptr};
  }

  KeptValue() = default;
  KeptValue(const KeptValue&) = delete;
  KeptValue& operator=(const KeptValue&) = delete;
  ~KeptValue() = default;

 private:
  bool kept_ = false;
  ValueKind kind_ = ValueKind::kBytes;
  std::int64_t integer_ = 0;
  std::string_view bytes_;  // in copy_ or in shared_
  std::string copy_;
  SharedBytes shared_;
};

}  // namespace appmem::commands
