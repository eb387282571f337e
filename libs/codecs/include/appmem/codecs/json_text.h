#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "appmem/base/error.h"

/// Reading JSON text in place, piece by piece, for whoever has to show or walk answers whose fields
/// it does not know. Thread safety: all of it, on different objects.
namespace appmem::codecs {

/// Checks one whole value with white space around it and returns it without that.
/// Precondition: depth_max <= 128. Errors: kInvalidJson with what is wrong and where.
Result<std::string_view> check_json(std::string_view text, std::size_t depth_max);

/// Walks over the members of an object or the elements of a list, or over nothing where `container`
/// is neither. Lifetime: that of the text. Precondition: check_json has seen it, alone or in what
/// it is a part of.
class JsonMembers {
 public:
  JsonMembers() = default;
  explicit JsonMembers(std::string_view container);
  bool next();
  /// As it stands between its quotes; empty in a list.
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::string_view value() const { return value_; }

 private:
  std::string_view rest_;
  bool object_ = false;
  std::string_view name_;
  std::string_view value_;
};

/// The content of a string that is given with its quotes; nothing when it is no string.
std::optional<std::string> json_string(std::string_view token);

/// The bytes of a string of base64; nothing when it is none.
std::optional<std::string> json_base64(std::string_view token);

}  // namespace appmem::codecs
