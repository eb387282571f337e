#include "appmem/protocol/request.h"

#include "appmem/base/check.h"

namespace appmem::protocol {
namespace {

const Argument& present(const Argument* argument) {
  APPMEM_CHECK(argument != nullptr);
  return *argument;
}

}  // namespace

const Argument* Arguments::find(Field field) const {
  const Argument* const begin = request_->arguments_.data() + first_;
  for (const Argument* argument = begin; argument != begin + count_; ++argument) {
    if (argument->field == field) return argument;
  }
  return nullptr;
}

std::string_view Arguments::bytes(Field field) const {
  return present(find(field)).bytes;
}

const ValueArgument& Arguments::value(Field field) const {
  return present(find(field)).value;
}

std::span<const std::string_view> Arguments::keys(Field field) const {
  const Argument& argument = present(find(field));
  return std::span(request_->keys_).subspan(argument.first, argument.count);
}

std::span<const EntryArgument> Arguments::entries(Field field) const {
  const Argument& argument = present(find(field));
  return std::span(request_->entries_).subspan(argument.first, argument.count);
}

std::int64_t Arguments::integer_or(Field field, std::int64_t otherwise) const {
  const Argument* const argument = find(field);
  return argument != nullptr ? argument->integer : otherwise;
}

std::optional<std::int64_t> Arguments::integer(Field field) const {
  const Argument* const argument = find(field);
  if (argument == nullptr) return std::nullopt;
  return argument->integer;
}

std::optional<std::string_view> Arguments::text(Field field) const {
  const Argument* const argument = find(field);
  if (argument == nullptr) return std::nullopt;
  return argument->bytes;
}

void Request::clear_fields() {
  has_fields_ = false;
  command_ = nullptr;
  first_ = 0;
  count_ = 0;
  empty_pool(arguments_);
  empty_pool(keys_);
  empty_pool(entries_);
  empty_pool(ops_);
  empty_pool(outer_arguments_);
  texts_.clear();
}

}  // namespace appmem::protocol
