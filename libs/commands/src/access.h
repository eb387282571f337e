#pragma once

#include <string_view>

#include "appmem/base/error.h"
#include "appmem/commands/dispatcher.h"
#include "appmem/core/store.h"
#include "appmem/protocol/caller.h"
#include "appmem/protocol/request.h"

namespace appmem::commands {

inline constexpr std::string_view kDefaultNamespaceName = "default";

/// Errors: kForbidden for a caller without `right` on a namespace (or on the daemon: kServer); the
/// message says nothing of what exists.
Result<void> check_right(const protocol::Caller& caller, protocol::Right right, bool is_default);

/// Checks what `args` need in the namespace that they name, or else in `ns`: the right of their
/// row, and to write where a read touches a deadline. Looks at no name but "default", so that its
/// answer is the same whatever exists. Errors: kForbidden.
Result<void> check_rights(const protocol::Caller& caller, const protocol::Arguments& args,
                          core::NamespaceId ns);

/// The namespace that `args` name with the field `ns`, otherwise `ns`. Errors: kNotFound.
Result<core::NamespaceId> resolve_namespace(const core::Store& store,
                                            const protocol::Arguments& args, core::NamespaceId ns);

/// Both: the namespace of a request whose caller may do what it asks for.
/// Errors: kForbidden, kNotFound.
Result<core::NamespaceId> admit(const core::Store& store, const Session& session,
                                const protocol::Arguments& args);

/// The namespace of this name. Errors: kNotFound.
Result<core::NamespaceId> find_named(const core::Store& store, std::string_view name);

}  // namespace appmem::commands
