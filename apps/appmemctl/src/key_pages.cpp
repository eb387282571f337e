#include "key_pages.h"

#include <utility>

namespace appmem::ctl {

using client::JsonItems;
using client::JsonView;
using protocol::Field;

tl::expected<void, WalkError> walk_pages(client::Client& client,
                                         const client::RequestBuilder& begin,
                                         const OnPage& on_page) {
  std::string cursor;
  for (;;) {
    client::RequestBuilder request = begin;
    request.unsigned_integer(Field::kLimit, kPageKeys);
    if (!cursor.empty()) request.json(Field::kCursor, cursor);
    const Result<std::string> line = client.call(request.take());
    if (!line) return tl::make_unexpected(WalkError{line.error(), false});
    const Result<JsonView> page = JsonView::parse(*line);
    if (!page) return tl::make_unexpected(WalkError{page.error(), true});
    if (auto error = client::answer_error(*page)) {
      return tl::make_unexpected(WalkError{*std::move(error), true});
    }
    if (!on_page(*page, *line)) return {};
    const auto next = page->find(protocol::field_name(Field::kCursor));
    if (!next || next->is_null()) return {};
    cursor = next->text();
  }
}

tl::expected<std::map<std::string, ListedEntry>, WalkError> collect_entries(
    client::Client& client, client::RequestBuilder begin,
    const std::function<void(std::size_t)>& on_progress) {
  begin.boolean(Field::kValues, true);
  std::map<std::string, ListedEntry> entries;
  auto walked = walk_pages(client, begin, [&](const JsonView& page, const std::string&) {
    const auto list = page.find(protocol::field_name(Field::kEntries));
    if (!list) return false;
    for (JsonItems items(*list); items.next();) {
      auto key = client::bytes_field(items.value(), protocol::field_name(Field::kKey));
      auto value = client::value_field(items.value());
      if (key && value) {
        entries[*std::move(key)] = {std::move(value->bytes), std::string(items.value().text())};
      }
    }
    on_progress(entries.size());
    return true;
  });
  if (!walked) return tl::make_unexpected(std::move(walked).error());
  return entries;
}

}  // namespace appmem::ctl
