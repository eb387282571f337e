#include <cstdio>

#include "appmem/protocol/error_table.h"
#include "commands.h"
#include "key_pages.h"
#include "print.h"
#include "progress.h"

namespace appmem::ctl {
namespace {

using client::JsonItems;
using client::JsonView;
using client::RequestBuilder;
using protocol::Field;

int report_walk(const Context& context, WalkError failure) {
  if (!failure.answered) return report_client_error(failure.error);
  if (context.reword) failure.error.message = context.reword(std::move(failure.error.message));
  return report_answer_error(failure.error);
}

/// "key", or "key = value" where the page has values.
std::uint64_t print_page(Output& out, const JsonView& page) {
  std::uint64_t count = 0;
  for (JsonItems keys = items_of(page, protocol::field_name(Field::kKeys)); keys.next(); ++count) {
    out.write_stored_in_line(client::bytes_item(keys.value()).value_or(""));
    out.write("\n");
  }
  JsonItems entries = items_of(page, protocol::field_name(Field::kEntries));
  for (; entries.next(); ++count) {
    const auto key = client::bytes_field(entries.value(), protocol::field_name(Field::kKey));
    const auto value = client::value_field(entries.value());
    out.write_stored_in_line(key.value_or(""));
    out.write(" = ");
    out.write_stored_in_line(value ? value->bytes : "");
    out.write("\n");
  }
  return count;
}

/// One page, as the op gives it. Where the next one begins goes to standard error, so that standard
/// output is keys and nothing else.
int scan_one_page(Context& context, const std::string& request) {
  return ask(context, request, [&](const JsonView& answer) {
    print_page(context.out, answer);
    const auto cursor = answer.find(protocol::field_name(Field::kCursor));
    if (cursor && !cursor->is_null() && !context.json) {
      context.out.flush();
      std::fprintf(stderr, "more: --cursor %s\n", cursor->as_text().c_str());
    }
    return protocol::kExitDone;
  });
}

}  // namespace

int run_scan(Context& context, const Invocation& invocation) {
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  if (invocation.find(Field::kLimit) != nullptr || invocation.find(Field::kCursor) != nullptr) {
    return scan_one_page(context, request->take());
  }
  const Result<client::Client*> client = context.client();
  if (!client) return report_client_error(client.error());
  Progress progress("keys", !context.out.is_terminal());
  std::uint64_t shown = 0;
  const auto walked =
      walk_pages(**client, *request, [&](const JsonView& page, const std::string& line) {
        if (context.json) {
          context.out.write(line);
          context.out.write("\n");
        } else {
          shown += print_page(context.out, page);
          progress.show(shown);
        }
        return true;
      });
  return walked ? protocol::kExitDone : report_walk(context, walked.error());
}

int run_list(Context& context, const Invocation& invocation) {
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  const Result<client::Client*> client = context.client();
  if (!client) return report_client_error(client.error());
  tl::expected<std::map<std::string, ListedEntry>, WalkError> entries;
  {
    Progress progress("keys", true);
    entries = collect_entries(**client, *std::move(request),
                              [&](std::size_t count) { progress.show(count); });
  }
  if (!entries) return report_walk(context, entries.error());
  if (context.json) {
    // In the form of a scan's answer that has it all.
    context.out.write("{\"ok\":true,\"entries\":[");
    bool first = true;
    for (const auto& [key, entry] : *entries) {
      if (!first) context.out.write(",");
      first = false;
      context.out.write(entry.json);
    }
    context.out.write("],\"cursor\":null}\n");
    return protocol::kExitDone;
  }
  for (const auto& [key, entry] : *entries) {
    context.out.write_stored_in_line(key);
    context.out.write(" = ");
    context.out.write_stored_in_line(entry.value);
    context.out.write("\n");
  }
  return protocol::kExitDone;
}

int run_count(Context& context, const Invocation& invocation) {
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  return ask(context, request->take(), [&](const JsonView& answer) {
    const auto count = answer.find(protocol::field_name(Field::kCount));
    context.out.write(count ? count->as_text() : "");
    context.out.write("\n");
    return protocol::kExitDone;
  });
}

}  // namespace appmem::ctl
