#include "subcommand.h"

#include <algorithm>

#include "field_flags.h"

namespace appmem::ctl {

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
