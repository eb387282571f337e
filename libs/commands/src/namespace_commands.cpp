#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "access.h"
#include "handlers.h"
#include "namespace_fields.h"
#include "storage_commands.h"

namespace appmem::commands {
namespace {

using protocol::Field;
using protocol::Outcome;

/// The namespace that the field `name` names, for a caller with the right of the command's row.
/// Errors: kForbidden, kNotFound.
Result<core::NamespaceId> admit_by_name(const Call& call) {
  const std::string_view name = call.args.bytes(Field::kName);
  auto may =
      check_right(call.session.caller, call.args.command().right, name == kDefaultNamespaceName);
  if (!may) return fail(std::move(may).error());
  return find_named(call.store, name);
}

/// kNone for one that is gone.
core::Persistence persistence_of(const core::Store& store, core::NamespaceId ns) {
  const auto settings = store.namespace_settings(ns);
  return settings ? settings->persist : core::Persistence::kNone;
}

/// The answer is complete; about a durable namespace it waits for what was just told to the log.
Outcome settled(const Call& call, core::Persistence persist) {
  return persist == core::Persistence::kNone ? Outcome::done()
                                             : answered(call.store.latest_ticket());
}

}  // namespace

Outcome handle_ns_create(Call& call) {
  const std::string_view name = call.args.bytes(Field::kName);
  auto may =
      check_right(call.session.caller, call.args.command().right, name == kDefaultNamespaceName);
  if (!may) return refuse(call, may.error());
  core::NamespaceSettings settings;
  settings.owner_uid = call.session.caller.credentials.uid;
  if (auto read = read_settings(call.args, settings); !read) return refuse(call, read.error());
  if (auto ready = prepare_storage(call.control, settings); !ready) {
    return refuse(call, ready.error());
  }
  const auto created = call.store.create_namespace(name, settings, call.now);
  if (!created) {
    const bool is_fine =
        created.error().code == ErrorCode::kExists && call.args.flag(Field::kIfAbsent);
    if (!is_fine) return refuse(call, created.error());
  }
  call.reply.boolean(Field::kCreated, created.has_value());
  return created ? settled(call, settings.persist) : Outcome::done();
}

Outcome handle_ns_alter(Call& call) {
  const auto ns = admit_by_name(call);
  if (!ns) return refuse(call, ns.error());
  if (call.args.all().size() == 1) {  // the name
    return refuse(call, {ErrorCode::kInvalidRequest, "no setting is named that should change"});
  }
  const std::lock_guard lock(call.settings_mutex);
  auto settings = call.store.namespace_settings(*ns);
  if (!settings) return refuse(call, settings.error());
  const core::Persistence before = settings->persist;
  if (auto read = read_settings(call.args, *settings); !read) return refuse(call, read.error());
  if (auto ready = prepare_storage(call.control, *settings); !ready) {
    return refuse(call, ready.error());
  }
  const auto altered = call.store.alter_namespace(*ns, *settings, call.now);
  if (!altered) return refuse(call, altered.error());
  const bool is_durable = settings->persist != core::Persistence::kNone;
  if (is_durable && settings->persist != before && call.control.storage() != nullptr) {
    // Only a checkpoint has what it held before.
    return wait_for_checkpoint(call);
  }
  return settled(call, std::max(before, settings->persist));
}

Outcome handle_ns_drop(Call& call) {
  const auto ns = admit_by_name(call);
  if (!ns) return refuse(call, ns.error());
  const core::Persistence persist = persistence_of(call.store, *ns);
  const auto dropped = call.store.drop_namespace(*ns, call.now);
  return dropped ? settled(call, persist) : refuse(call, dropped.error());
}

Outcome handle_ns_clear(Call& call) {
  const auto ns = admit_by_name(call);
  if (!ns) return refuse(call, ns.error());
  const auto deleted = call.store.clear_namespace(*ns, call.now);
  if (!deleted) return refuse(call, deleted.error());
  call.reply.unsigned_integer(Field::kDeleted, *deleted);
  return settled(call, persistence_of(call.store, *ns));
}

Outcome handle_ns_list(Call& call) {
  // Everybody who may read anything may read the default namespace.
  const protocol::Right right = call.args.command().right;
  if (auto may = check_right(call.session.caller, right, true); !may) {
    return refuse(call, may.error());
  }
  call.reply.begin_list(Field::kNamespaces);
  for (const core::NamespaceInfo& info : call.store.list_namespaces(call.now)) {
    if (!call.session.caller.may(right, info.id == core::kDefaultNamespace)) continue;
    call.reply.begin_item_object();
    write_namespace(call.reply, info);
    call.reply.end_item_object();
  }
  call.reply.end_list();
  return Outcome::done();
}

Outcome handle_ns_info(Call& call) {
  const auto ns = admit_by_name(call);
  if (!ns) return refuse(call, ns.error());
  const auto info = call.store.namespace_info(*ns, call.now);
  if (!info) return refuse(call, info.error());
  write_namespace(call.reply, *info);
  return Outcome::done();
}

Outcome handle_use(Call& call) {
  const auto ns = admit_by_name(call);
  if (!ns) return refuse(call, ns.error());
  call.session.ns = *ns;
  return Outcome::done();
}

}  // namespace appmem::commands
