#pragma once

#include <functional>
#include <map>
#include <string>

#include "appmem/client/client.h"

namespace appmem::ctl {

/// Called with each page of a scan: the answer and its line. False ends the walk.
using OnPage = std::function<bool(const client::JsonView& page, const std::string& line)>;

/// Walks a namespace: sends `begin` (a scan's request without `limit` and `cursor`), then asks for
/// page after page. Errors: the client's; the answer's.
struct WalkError {
  Error error;
  /// The store answered with it.
  bool answered = false;
};
tl::expected<void, WalkError> walk_pages(client::Client& client,
                                         const client::RequestBuilder& begin,
                                         const OnPage& on_page);

/// How many keys a page asks for.
inline constexpr std::uint64_t kPageKeys = 1000;

/// An entry of a list: its value, and its JSON as it came.
struct ListedEntry {
  std::string value;
  std::string json;
};

/// All entries of a namespace, sorted by key. As walk_pages, with `values`.
tl::expected<std::map<std::string, ListedEntry>, WalkError> collect_entries(
    client::Client& client, client::RequestBuilder begin,
    const std::function<void(std::size_t)>& on_progress);

}  // namespace appmem::ctl
