#include <chrono>

#include "appmem/base/namespace_name.h"
#include "appmem/protocol/error_table.h"
#include "commands.h"
#include "field_flags.h"
#include "print.h"

namespace appmem::ctl {
namespace {

using client::JsonView;
using client::RequestBuilder;
using protocol::Field;
using protocol::kExitDone;
using protocol::kExitLess;

/// What fits side by side; `ns info` and --json have the rest.
constexpr std::string_view kNamespaceColumns[] = {
    "name",   "type",      "eviction", "keys",   "bytes",
    "memory", "max_bytes", "hits",     "misses", "evictions",
};
constexpr std::string_view kClientColumns[] = {
    "client", "client_name", "address", "uid", "pid", "age_ms", "idle_ms", "requests", "memory",
};

/// How long a daemon may write at what it was asked for.
constexpr std::chrono::hours kStoragePatience{24};

int print_ok(Context& context) {
  context.out.write("OK\n");
  return kExitDone;
}

bool is_true(const JsonView& answer, Field field) {
  const auto value = answer.find(protocol::field_name(field));
  return value && value->is_true();
}

/// The list `field` of an answer as a table.
int show_table(Context& context, const JsonView& answer, Field field,
               std::span<const std::string_view> columns) {
  if (const auto rows = answer.find(protocol::field_name(field))) {
    print_table(context.out, *rows, columns);
  }
  return kExitDone;
}

/// Sends the op with the namespace that is the first argument.
int ask_about_namespace(Context& context, const Invocation& invocation, const ShowAnswer& show) {
  const std::string_view complaint = namespace_name_complaint(invocation.arguments.front());
  if (!complaint.empty()) return report_usage(complaint);
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  request->text(Field::kName, invocation.arguments.front());
  return ask(context, request->take(), show);
}

int ask_plain(Context& context, const Invocation& invocation, const ShowAnswer& show) {
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  return ask(context, request->take(), show);
}

}  // namespace

int run_ns_change(Context& context, const Invocation& invocation) {
  const bool alters = invocation.subcommand->op == protocol::CommandId::kNsAlter;
  if (alters && invocation.fields.empty() &&
      namespace_name_complaint(invocation.arguments.front()).empty()) {
    return report_usage("ns alter needs a setting to change",
                        "for example `" + std::string(invocation.subcommand->example) +
                            "`; `appmemctl ns alter --help` lists all");
  }
  return ask_about_namespace(context, invocation,
                             [&](const JsonView&) { return print_ok(context); });
}

int run_ns_info(Context& context, const Invocation& invocation) {
  return ask_about_namespace(context, invocation, [&](const JsonView& answer) {
    print_fields(context.out, answer);
    return kExitDone;
  });
}

int run_ns_list(Context& context, const Invocation& invocation) {
  return ask_plain(context, invocation, [&](const JsonView& answer) {
    return show_table(context, answer, Field::kNamespaces, kNamespaceColumns);
  });
}

int run_ping(Context& context, const Invocation& invocation) {
  return ask_plain(context, invocation, [&](const JsonView&) {
    context.out.write("PONG\n");
    return kExitDone;
  });
}

int run_fields(Context& context, const Invocation& invocation) {
  return ask_plain(context, invocation, [&](const JsonView& answer) {
    print_fields(context.out, answer);
    return kExitDone;
  });
}

int run_stats(Context& context, const Invocation& invocation) {
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  const bool entry = !invocation.arguments.empty();
  if (entry) request->bytes(Field::kKey, invocation.arguments.front());
  return ask(context, request->take(), [&](const JsonView& answer) {
    if (entry && !is_true(answer, Field::kFound)) {
      print_missing(context);
      return kExitLess;
    }
    print_fields(context.out, answer);
    return kExitDone;
  });
}

int run_config(Context& context, const Invocation& invocation) {
  return ask_plain(context, invocation, [&](const JsonView& answer) {
    const auto config = answer.find(protocol::field_name(Field::kConfig));
    if (config) print_fields(context.out, *config);
    return kExitDone;
  });
}

int run_clients(Context& context, const Invocation& invocation) {
  return ask_plain(context, invocation, [&](const JsonView& answer) {
    return show_table(context, answer, Field::kClients, kClientColumns);
  });
}

int run_storage(Context& context, const Invocation& invocation) {
  if (!context.timeout_given) context.options.timeout = kStoragePatience;
  return ask_plain(context, invocation, [&](const JsonView&) { return print_ok(context); });
}

int run_client_kill(Context& context, const Invocation& invocation) {
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  const auto& field = field_of(invocation.subcommand->row(), Field::kClient);
  if (auto added = add_field(*request, field, invocation.arguments.front()); !added) {
    return report_usage("client kill takes the connection's number",
                        "`appmemctl clients` shows them");
  }
  return ask(context, request->take(), [&](const JsonView&) { return print_ok(context); });
}

}  // namespace appmem::ctl
