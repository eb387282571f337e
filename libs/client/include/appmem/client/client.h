#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/time.h"
#include "appmem/base/units.h"
#include "appmem/base/value.h"
#include "appmem/client/address.h"
#include "appmem/client/answer.h"
#include "appmem/client/request.h"

namespace appmem::client {

class Backend;

/// How to reach a store. Addresses are tried in order; the first that answers is used, for as long
/// as the client lives: after a restart of the daemon it comes back to that one.
struct ClientOptions {
  /// "unix:PATH" or a plain path, "tcp://127.0.0.1:PORT", "embedded:"; empty: default_addresses().
  std::vector<std::string> addresses;
  /// Shown first over each connection, for a daemon that asks for one (read_token_file reads it
  /// from a file); one that takes none is fine with it. Empty: none.
  std::string token;
  /// The namespace of this client's requests.
  std::string ns = "default";
  /// For connecting, and for each wait in which neither end moves a byte; 0: for ever.
  std::chrono::milliseconds timeout{5000};
  /// How often an idempotent request is sent again over a new connection when its answer was lost.
  /// (One that cannot have reached the daemon is always sent again.)
  int retries = 1;
  /// Connections to the daemon at once, at least 1; a thread that needs one more waits.
  std::size_t connections_max = 64;
  /// Shown by `clients`; empty: none.
  std::string client_name;
  /// Memory of an `embedded:` store.
  std::uint64_t embedded_max_memory_bytes = 256_MiB;
  /// Time of an `embedded:` store: borrowed, must outlive the client; null: the machine's.
  Clock* embedded_clock = nullptr;
};

struct SetOptions {
  /// Nothing: the namespace's default; 0: never.
  std::optional<std::chrono::milliseconds> ttl = std::nullopt;
  bool keep_ttl = false;
  bool if_absent = false;
  bool if_present = false;
  std::optional<std::uint64_t> if_version = std::nullopt;
};

struct MsetOptions {
  /// Nothing: the namespace's default; 0: never.
  std::optional<std::chrono::milliseconds> ttl = std::nullopt;
  /// Store nothing if one of the keys exists.
  bool if_absent = false;
};

struct IncrementOptions {
  std::int64_t initial = 0;
  /// When the counter is created. Nothing: the namespace's default; 0: never.
  std::optional<std::chrono::milliseconds> ttl = std::nullopt;
  std::optional<std::int64_t> min = std::nullopt;
  std::optional<std::int64_t> max = std::nullopt;
};

struct TimeToLive {
  /// Nothing: the entry never expires.
  std::optional<std::chrono::milliseconds> remaining = std::nullopt;
};

struct ScanOptions {
  /// At most one of the two.
  std::string prefix = {};
  std::string glob = {};
  bool values = false;
  /// At most about so many in a page.
  std::size_t limit = 1000;
};

struct ScanPage {
  struct Entry {
    std::string key;
    /// With ScanOptions::values.
    std::optional<Value> value = std::nullopt;
  };
  std::vector<Entry> entries;
  /// For the next page; empty at the end.
  std::string cursor;
};

/// A store, wherever it runs. One class for `embedded:` and `unix:`.
/// Thread safety: all; connections are pooled. Values returned are owned by the caller.
/// Errors of all: kTimeout; kUnavailable (no connection, or lost before the answer: the message
/// says which, where, what to do, and whether the request may have taken effect); kInternal (an
/// answer that makes no sense); and those of the operation as docs/protocol.md lists them.
class Client {
 public:
  /// Connects, or starts the embedded store, and enters the namespace. Errors: kUnavailable,
  /// kTimeout, kInvalidRequest (an address), kNotFound (the namespace).
  static Result<Client> open(ClientOptions options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// The address in use.
  [[nodiscard]] const std::string& address() const;

  /// Moves this client, with all its connections, into another namespace; requests that other
  /// threads have begun may still be in the old one. Errors: kNotFound, kForbidden.
  Result<void> use(std::string_view ns);

  Result<std::optional<Value>> get(std::string_view key);
  /// Stores bytes; returns the new version. In a namespace of type `json` they become a JSON
  /// string, see set_json. Errors: kExists, kNotFound, kConflict (conditions), kTooLarge,
  /// kWrongType, kOutOfMemory.
  Result<std::uint64_t> set(std::string_view key, std::string_view value,
                            const SetOptions& options = {});
  /// Stores a JSON value, given as its text: a string becomes bytes, an integer of 64 bits an
  /// integer, anything else a document. Errors: as set; kInvalidJson.
  Result<std::uint64_t> set_json(std::string_view key, std::string_view text,
                                 const SetOptions& options = {});
  /// Whether there was one to delete.
  Result<bool> del(std::string_view key);
  /// Returns the counter's new value. Errors: kNotInteger, kWrongType, kOverflow, kOutOfRange.
  Result<std::int64_t> incr(std::string_view key, std::int64_t by = 1,
                            const IncrementOptions& options = {});
  /// Adds bytes at the end and returns the new length. Errors: kWrongType, kTooLarge.
  Result<std::uint64_t> append(std::string_view key, std::string_view bytes);
  Result<bool> exists(std::string_view key);
  /// In the order of `keys`, all of one moment.
  Result<std::vector<std::optional<Value>>> mget(std::span<const std::string_view> keys);
  /// All or none. Errors: as set.
  Result<void> mset(std::span<const std::pair<std::string_view, std::string_view>> entries,
                    const MsetOptions& options = {});
  /// Nothing when there is no such key.
  Result<std::optional<TimeToLive>> ttl(std::string_view key);
  /// Gives the entry `ttl` from now on, 0: never. False when there is no such key.
  Result<bool> expire(std::string_view key, std::chrono::milliseconds ttl);
  /// How many keys begin with `prefix`.
  Result<std::uint64_t> count(std::string_view prefix = {});
  /// One page, from `cursor` (empty: the beginning) on. A key that is present throughout all pages
  /// comes exactly once.
  Result<ScanPage> scan(const ScanOptions& options, std::string_view cursor = {});

  /// Sends one request of the NDJSON protocol (a JSON object without line end, see RequestBuilder)
  /// and returns its answer's line (see JsonView). For everything that has no function of its own.
  /// An answer with "ok":false is a result here, not an error. `use` moves the whole client.
  /// `timeout` counts in place of ClientOptions' for the wait for this answer; 0: for ever.
  /// Errors besides those of all: kInvalidRequest (a line end in the request, or no object).
  Result<std::string> call(std::string_view request,
                           std::optional<std::chrono::milliseconds> timeout = std::nullopt);

  /// Sends all requests before it waits for the first answer; answers in order. They are not atomic
  /// (that is what `batch` is for): after an error any number of them may have taken effect.
  Result<std::vector<std::string>> pipeline(std::span<const std::string> requests);

 private:
  explicit Client(std::unique_ptr<Backend> backend);
  std::unique_ptr<Backend> backend_;
};

}  // namespace appmem::client
