#include "subcommand.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>

#include "field_flags.h"

namespace appmem::ctl {

namespace {

bool is_small(char group) {
  return group >= 'a' && group <= 'z';
}

/// See FieldSpec::one_of.
bool exclude_each_other(const protocol::FieldSpec& a, const protocol::FieldSpec& b) {
  constexpr unsigned kCaseBit = 0x20;
  if (a.one_of == '\0' || b.one_of == '\0') return false;
  if (!is_small(a.one_of) && !is_small(b.one_of)) return false;
  return (static_cast<unsigned>(a.one_of) | kCaseBit) ==
         (static_cast<unsigned>(b.one_of) | kCaseBit);
}

/// Bounds of a counter between which there is nothing.
Result<void> check_bounds(const Invocation& invocation) {
  const std::string* const min = invocation.find(protocol::Field::kMin);
  const std::string* const max = invocation.find(protocol::Field::kMax);
  if (min == nullptr || max == nullptr) return {};
  std::int64_t low = 0;
  std::int64_t high = 0;
  const auto read = [](const std::string& text, std::int64_t& number) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && stop == end;
  };
  if (!read(*min, low) || !read(*max, high) || low <= high) return {};
  return fail(ErrorCode::kInvalidRequest, "--min " + *min + " is greater than --max " + *max +
                                              ": no counter can be within these bounds");
}

}  // namespace

const std::string* Invocation::find(protocol::Field field) const {
  for (const auto& [spec, text] : fields) {
    if (spec->field == field) return &text;
  }
  return nullptr;
}

const std::string* Invocation::find_own(std::string_view name) const {
  for (const auto& [own, text] : own_flags) {
    if (own == name) return &text;
  }
  return nullptr;
}

std::string_view Subcommand::help() const {
  return summary.empty() && op ? row().summary : summary;
}

std::vector<const protocol::FieldSpec*> Subcommand::flag_fields() const {
  std::vector<const protocol::FieldSpec*> fields;
  if (!op) return fields;
  for (const protocol::FieldSpec& field : row().fields) {
    if (std::find(positional.begin(), positional.end(), field.field) == positional.end()) {
      fields.push_back(&field);
    }
  }
  return fields;
}

Result<void> check_flags(const Invocation& invocation) {
  const auto& fields = invocation.fields;
  for (auto first = fields.begin(); first != fields.end(); ++first) {
    for (auto second = std::next(first); second != fields.end(); ++second) {
      if (!exclude_each_other(*first->first, *second->first)) continue;
      return fail(ErrorCode::kInvalidRequest, flag_of(*first->first) + " and " +
                                                  flag_of(*second->first) + " exclude each other");
    }
  }
  return check_bounds(invocation);
}

Result<void> add_flags(client::RequestBuilder& request, const Invocation& invocation) {
  for (const auto& [field, text] : invocation.fields) {
    if (auto added = add_field(request, *field, text); !added) return added;
  }
  return {};
}

Result<client::RequestBuilder> begin_request(const Invocation& invocation) {
  client::RequestBuilder request(invocation.subcommand->row().name);
  if (auto added = add_flags(request, invocation); !added) return fail(added.error());
  return request;
}

}  // namespace appmem::ctl
