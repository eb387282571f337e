#include "access.h"

#include <string>
#include <utility>

namespace appmem::commands {
namespace {

using protocol::Field;
using protocol::Right;

std::string_view missing_right(Right right) {
  switch (right) {
    case Right::kRead:
      return "you have no right to read this namespace";
    case Right::kWrite:
      return "you have no right to write to this namespace";
    case Right::kAdmin:
      return "you have no right to administer this namespace";
    case Right::kServer:
      return "you have no right to administer this server";
    case Right::kNone:
      break;
  }
  return "you have no right to do this";
}

/// What decides about rights, found in one pass.
struct Subject {
  const protocol::Argument* ns = nullptr;
  bool touches = false;
};

Subject subject_of(const protocol::Arguments& args) {
  Subject subject;
  for (const protocol::Argument& argument : args.all()) {
    if (argument.field == Field::kNs) subject.ns = &argument;
    if (argument.field == Field::kTouchTtlMs) subject.touches = true;
  }
  return subject;
}

Result<void> check_rights(const protocol::Caller& caller, const protocol::Arguments& args,
                          const Subject& subject, core::NamespaceId ns) {
  const bool is_default = subject.ns != nullptr ? subject.ns->bytes == kDefaultNamespaceName
                                                : ns == core::kDefaultNamespace;
  if (subject.touches) {
    if (auto may = check_right(caller, Right::kWrite, is_default); !may) return may;
  }
  return check_right(caller, args.command().right, is_default);
}

}  // namespace

Result<void> check_right(const protocol::Caller& caller, Right right, bool is_default) {
  if (right == Right::kNone || caller.may(right, is_default)) [[likely]]
    return {};
  return fail(ErrorCode::kForbidden, std::string(missing_right(right)));
}

Result<core::NamespaceId> find_named(const core::Store& store, std::string_view name) {
  if (name == kDefaultNamespaceName) return core::kDefaultNamespace;
  if (const auto found = store.find_namespace(name)) return *found;
  // A name that could be none is not repeated: it may be as long as a request.
  if (name.size() > kNamespaceNameBytesMax) return fail(ErrorCode::kNotFound, "no such namespace");
  return fail(ErrorCode::kNotFound, "no namespace named \"" + std::string(name) + "\"");
}

Result<void> check_rights(const protocol::Caller& caller, const protocol::Arguments& args,
                          core::NamespaceId ns) {
  return check_rights(caller, args, subject_of(args), ns);
}

Result<core::NamespaceId> resolve_namespace(const core::Store& store,
                                            const protocol::Arguments& args, core::NamespaceId ns) {
  const protocol::Argument* named = args.find(Field::kNs);
  if (named == nullptr) return ns;
  return find_named(store, named->bytes);
}

Result<core::NamespaceId> admit(const core::Store& store, const Session& session,
                                const protocol::Arguments& args) {
  const Subject subject = subject_of(args);
  if (auto may = check_rights(session.caller, args, subject, session.ns); !may) {
    return fail(std::move(may).error());
  }
  if (subject.ns == nullptr) [[likely]]
    return session.ns;
  return find_named(store, subject.ns->bytes);
}

}  // namespace appmem::commands
