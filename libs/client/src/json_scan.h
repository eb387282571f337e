#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace appmem::client {

/// Moves over JSON text without building anything. `check_document` trusts nothing; the skips trust
/// text that has been checked, and still never leave it. Thread safety: none.
class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {}

  /// Whether the whole text is one value (RFC 8259), nested at most `depth_max` deep. Afterwards
  /// `position` is where it was found not to be.
  bool check_document(std::size_t depth_max);

  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] bool at_end() const { return position_ >= text_.size(); }
  void skip_space();
  /// Moves over `c` if it is next.
  bool skip(char c);
  /// Moves over one value of checked text.
  void skip_value();

 private:
  bool check_value(std::size_t depth);
  bool check_members(std::size_t depth, bool object);
  bool check_string();
  bool check_number();
  bool check_word(std::string_view word);
  bool digits();
  void skip_string();

  std::string_view text_;
  std::size_t position_ = 0;
};

std::string_view trim_json_space(std::string_view text);

/// The content of a string literal, quotes included in `literal`.
std::string unescape_json_string(std::string_view literal);

/// Appends `text` as it stands between the quotes of a string literal. Precondition: is_utf8.
void append_json_escaped(std::string& out, std::string_view text);

/// Whether `text` is UTF-8 as RFC 3629 has it (no surrogates, nothing overlong).
bool is_utf8(std::string_view text);

}  // namespace appmem::client
