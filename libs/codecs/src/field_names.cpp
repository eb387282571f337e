#include "field_names.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "appmem/base/check.h"

namespace appmem::codecs {
namespace {

using protocol::Field;

constexpr std::size_t kNameBytesMax = 32;

/// `,"name":` of every field, ready to be copied, for its text form or its `_b64` twin.
class Names {
 public:
  explicit Names(std::string_view suffix) {
    for (std::size_t i = 0; i < protocol::kFieldCount; ++i) {
      const std::string_view name = protocol::field_name(static_cast<Field>(i));
      APPMEM_CHECK(name.size() + suffix.size() + 4 <= kNameBytesMax);
      Row& row = rows_[i];
      char* out = row.text.data();
      for (const std::string_view part :
           {std::string_view(",\""), name, suffix, std::string_view("\":")}) {
        std::memcpy(out, part.data(), part.size());
        out += part.size();
      }
      row.size = static_cast<std::uint8_t>(out - row.text.data());
    }
  }

  /// Copies the name to `out`, which has room for kNameBytesMax bytes.
  std::size_t put(Field field, bool first, char* out) const {
    const Row& row = rows_[static_cast<std::size_t>(field)];
    const std::size_t skip = first ? 1 : 0;
    std::memcpy(out, row.text.data() + skip, kNameBytesMax);  // a fixed size is faster to copy
    return row.size - skip;
  }

 private:
  struct Row {
    std::array<char, kNameBytesMax + 1> text{};
    std::uint8_t size = 0;
  };
  std::array<Row, protocol::kFieldCount> rows_{};
};

const Names& names_of(NameForm form) {
  static const Names kTexts("");
  static const Names kTwins("_b64");
  return form == NameForm::kText ? kTexts : kTwins;
}

}  // namespace

void append_field_name(protocol::OutputBuffer& output, Field field, bool first, NameForm form) {
  char* const out = output.prepare(kNameBytesMax);
  output.commit(names_of(form).put(field, first, out));
}

}  // namespace appmem::codecs
