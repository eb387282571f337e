#include "subcommand.h"

#include <algorithm>
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
  return {};
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
