#include "appmem/base/namespace_name.h"

#include <algorithm>

#include "appmem/base/limits.h"

namespace appmem {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' || c == '_' ||
         c == ':' || c == '-';
}

}  // namespace

std::string_view namespace_name_complaint(std::string_view name) {
  static_assert(kNamespaceNameBytesMax == 64);
  if (name.empty() || name.size() > kNamespaceNameBytesMax ||
      !std::all_of(name.begin(), name.end(), is_name_character)) {
    return "a namespace name is 1 to 64 of the characters A-Z a-z 0-9 . _ : -";
  }
  if (std::all_of(name.begin(), name.end(), is_digit)) {
    return "a namespace name may not be a number";
  }
  return {};
}

}  // namespace appmem
