#include "appmem/client/client.h"

#include <system_error>
#include <utility>

#include "backend.h"
#include "connection_pool.h"
#include "embedded_backend.h"
#include "remote_backend.h"
#include "request_traits.h"

namespace appmem::client {
namespace {

using protocol::Field;

Error nonsense(std::string_view field) {
  return {ErrorCode::kInternal, "the answer has no \"" + std::string(field) + '"', std::nullopt};
}

/// Sends one request and hands the fields of its answer to `read`, which returns a Result.
template <typename Read>
auto ask(Backend& backend, const std::string& request, Read read)
    -> decltype(read(std::declval<JsonView>())) {
  const std::string_view requests[] = {request};
  const Result<std::vector<std::string>> answers = backend.pipeline(requests, std::nullopt);
  if (!answers) return fail(answers.error());
  const Result<JsonView> answer = JsonView::parse(answers->front());
  if (!answer) return fail(ErrorCode::kInternal, answer.error().message);
  if (auto error = answer_error(*answer)) return fail(*std::move(error));
  return read(*answer);
}

Result<std::uint64_t> unsigned_field(const JsonView& answer, Field field) {
  const auto value = answer.find(protocol::field_name(field));
  const auto number = value ? value->as_unsigned() : std::nullopt;
  if (!number) return fail(nonsense(protocol::field_name(field)));
  return *number;
}

Result<bool> bool_field(const JsonView& answer, Field field) {
  const auto value = answer.find(protocol::field_name(field));
  if (!value) return fail(nonsense(protocol::field_name(field)));
  return value->is_true();
}

void add_ttl(RequestBuilder& request, const std::optional<std::chrono::milliseconds>& ttl) {
  if (!ttl) return;
  if (ttl->count() == 0) {
    request.null(Field::kTtlMs);
  } else {
    request.integer(Field::kTtlMs, ttl->count());
  }
}

void add_set_options(RequestBuilder& request, const SetOptions& options) {
  add_ttl(request, options.ttl);
  if (options.keep_ttl) request.boolean(Field::kKeepTtl, true);
  if (options.if_absent) request.boolean(Field::kIfAbsent, true);
  if (options.if_present) request.boolean(Field::kIfPresent, true);
  if (options.if_version) request.unsigned_integer(Field::kIfVersion, *options.if_version);
}

Result<std::uint64_t> version_of(const JsonView& answer) {
  // A deadline in the past deletes, and there is no version then.
  const auto version = answer.find(protocol::field_name(Field::kVersion));
  return version ? version->as_unsigned().value_or(0) : 0;
}

/// What to do when nobody listens at a default address or at one that somebody named.
std::string advice(const Address& address, bool is_default) {
  std::string start = ": start it with appmemd --background";
  if (is_default) return start;
  if (address.kind == Address::Kind::kUnix) return start + " --socket " + address.path;
  return start + " --tcp " + address.to_string().substr(kTcpScheme.size()) +
         " --tcp-token-file FILE";
}

Result<void> show_token(Connection& connection, const std::string& token) {
  const std::string request = token_request(token);
  const std::string_view requests[] = {request};
  std::vector<std::string> answers;
  if (connection.exchange(requests, answers).end != Exchange::End::kComplete) {
    return fail(ErrorCode::kUnavailable, "the connection was lost while the token was shown");
  }
  return read_token_answer(answers.front());
}

Result<std::unique_ptr<Backend>> open_backend(const Address& address, bool is_default,
                                              const ClientOptions& options) {
  if (address.kind == Address::Kind::kEmbedded) return std::make_unique<EmbeddedBackend>(options);
  Result<std::unique_ptr<RemoteBackend>> remote =
      RemoteBackend::open(address, options, advice(address, is_default));
  if (!remote) return fail(std::move(remote).error());
  return std::unique_ptr<Backend>(*std::move(remote));
}

/// Tries the addresses in order. `attempt` is given an Address and whether it is a default one.
template <typename T, typename Attempt>
Result<T> first_that_answers(std::vector<std::string> texts, Attempt attempt) {
  bool is_default = texts.empty();
  if (is_default) {
    texts = default_addresses();
    // With APPMEM_SOCKET somebody named it after all.
    is_default = AddressEnvironment::of_process().appmem_socket.empty();
  }
  if (texts.empty()) {
    return fail(ErrorCode::kUnavailable,
                "no appmemd at " + default_socket_path() + ": start it with appmemd --background");
  }
  std::vector<Address> addresses;
  for (const std::string& text : texts) {
    Result<Address> address = parse_address(text);
    if (!address) return fail(std::move(address).error());
    addresses.push_back(*std::move(address));
  }
  Error error;
  std::string tried;
  for (const Address& address : addresses) {
    Result<T> done = attempt(address, is_default);
    if (done) return done;
    error = std::move(done).error();
    if (error.code != ErrorCode::kUnavailable && error.code != ErrorCode::kTimeout) break;
    tried += (tried.empty() ? "" : ", ") + address.to_string();
  }
  if (addresses.size() > 1 && error.code == ErrorCode::kUnavailable) {
    return fail(ErrorCode::kUnavailable,
                "none of " + tried + " answers: start one with appmemd --background");
  }
  return fail(std::move(error));
}

}  // namespace

Result<int> connect_socket(const std::vector<std::string>& addresses,
                           std::chrono::milliseconds timeout, const std::string& token) {
  return first_that_answers<int>(
      addresses, [&](const Address& address, bool is_default) -> Result<int> {
        if (address.kind == Address::Kind::kEmbedded) {
          return fail(ErrorCode::kInvalidRequest, "an embedded: store has no socket");
        }
        int reason = 0;
        const auto connection = Connection::open(address, timeout, &reason);
        if (!connection) {
          return fail(connection.error().code,
                      connect_refusal(address.place(), reason, advice(address, is_default)));
        }
        if (!token.empty()) {
          if (auto shown = show_token(**connection, token); !shown) {
            return fail(std::move(shown).error());
          }
        }
        return (*connection)->release();
      });
}

Result<Client> Client::open(ClientOptions options) {
  Result<std::unique_ptr<Backend>> backend = first_that_answers<std::unique_ptr<Backend>>(
      options.addresses, [&](const Address& address, bool is_default) {
        return open_backend(address, is_default, options);
      });
  if (!backend) return fail(std::move(backend).error());
  Client client(*std::move(backend));
  if (options.ns != "default") {
    const Result<void> entered = client.use(options.ns);
    if (!entered) return fail(entered.error());
  }
  return client;
}

Client::Client(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {
}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

const std::string& Client::address() const {
  return backend_->address();
}

Result<void> Client::use(std::string_view ns) {
  const std::string request = RequestBuilder("use").text(Field::kName, ns).take();
  const Result<std::string> line = backend_->use(request, ns);
  if (!line) return fail(line.error());
  const Result<JsonView> answer = JsonView::parse(*line);
  if (!answer) return fail(ErrorCode::kInternal, answer.error().message);
  if (auto error = answer_error(*answer)) return fail(*std::move(error));
  return {};
}

Result<std::optional<Value>> Client::get(std::string_view key) {
  if (auto done = backend_->get(key)) return *std::move(done);
  return ask(*backend_, RequestBuilder("get").bytes(Field::kKey, key).take(),
             [](const JsonView& answer) -> Result<std::optional<Value>> {
               const Result<bool> found = bool_field(answer, Field::kFound);
               if (!found) return fail(found.error());
               if (!*found) return std::optional<Value>{};
               std::optional<Value> value = value_field(answer);
               if (!value) return fail(nonsense("value"));
               return value;
             });
}

Result<std::uint64_t> Client::set(std::string_view key, std::string_view value,
                                  const SetOptions& options) {
  if (auto done = backend_->set(key, value, options)) return *std::move(done);
  RequestBuilder request("set");
  request.bytes(Field::kKey, key).bytes(Field::kValue, value);
  add_set_options(request, options);
  return ask(*backend_, request.take(), version_of);
}

Result<std::uint64_t> Client::set_json(std::string_view key, std::string_view text,
                                       const SetOptions& options) {
  const Result<JsonView> value = JsonView::parse(text);
  if (!value || text.find('\n') != std::string_view::npos) {
    return fail(ErrorCode::kInvalidJson, "the value is no JSON text on one line");
  }
  RequestBuilder request("set");
  request.bytes(Field::kKey, key).json(Field::kValue, value->text());
  add_set_options(request, options);
  return ask(*backend_, request.take(), version_of);
}

Result<bool> Client::del(std::string_view key) {
  if (auto done = backend_->del(key)) return *std::move(done);
  return ask(
      *backend_, RequestBuilder("del").bytes(Field::kKey, key).take(),
      [](const JsonView& answer) -> Result<bool> {
        return unsigned_field(answer, Field::kDeleted).map([](std::uint64_t n) { return n > 0; });
      });
}

Result<std::int64_t> Client::incr(std::string_view key, std::int64_t by,
                                  const IncrementOptions& options) {
  if (auto done = backend_->incr(key, by, options)) return *std::move(done);
  RequestBuilder request("incr");
  request.bytes(Field::kKey, key).integer(Field::kBy, by);
  if (options.initial != 0) request.integer(Field::kInitial, options.initial);
  add_ttl(request, options.ttl);
  if (options.min) request.integer(Field::kMin, *options.min);
  if (options.max) request.integer(Field::kMax, *options.max);
  return ask(*backend_, request.take(), [](const JsonView& answer) -> Result<std::int64_t> {
    const auto value = answer.find(protocol::field_name(Field::kValue));
    if (!value) return fail(nonsense("value"));
    // In a namespace of type `string` the counter is kept as its digits.
    const std::string text = value->as_text();
    const Result<JsonView> number = JsonView::parse(text);
    const auto integer = number ? number->as_integer() : std::nullopt;
    if (!integer) return fail(nonsense("value"));
    return *integer;
  });
}

Result<std::uint64_t> Client::append(std::string_view key, std::string_view bytes) {
  return ask(*backend_,
             RequestBuilder("append").bytes(Field::kKey, key).bytes(Field::kValue, bytes).take(),
             [](const JsonView& answer) { return unsigned_field(answer, Field::kLength); });
}

Result<bool> Client::exists(std::string_view key) {
  return ask(
      *backend_, RequestBuilder("exists").bytes(Field::kKey, key).take(),
      [](const JsonView& answer) -> Result<bool> {
        return unsigned_field(answer, Field::kCount).map([](std::uint64_t n) { return n > 0; });
      });
}

Result<std::vector<std::optional<Value>>> Client::mget(std::span<const std::string_view> keys) {
  using Values = std::vector<std::optional<Value>>;
  return ask(*backend_, RequestBuilder("mget").keys(Field::kKeys, keys).take(),
             [&](const JsonView& answer) -> Result<Values> {
               const auto items = answer.find(protocol::field_name(Field::kValues));
               if (!items) return fail(nonsense("values"));
               Values values;
               values.reserve(keys.size());
               for (JsonItems item(*items); item.next();)
                 values.push_back(value_field(item.value()));
               if (values.size() != keys.size()) return fail(nonsense("values"));
               return values;
             });
}

Result<void> Client::mset(std::span<const std::pair<std::string_view, std::string_view>> entries,
                          const MsetOptions& options) {
  RequestBuilder request("mset");
  request.begin_list(Field::kEntries);
  for (const auto& [key, value] : entries) {
    request.begin_item().bytes(Field::kKey, key).bytes(Field::kValue, value);
    add_ttl(request, options.ttl);
    request.end_item();
  }
  request.end_list();
  if (options.if_absent) request.boolean(Field::kIfAbsent, true);
  return ask(*backend_, request.take(), [](const JsonView&) -> Result<void> { return {}; });
}

Result<std::optional<TimeToLive>> Client::ttl(std::string_view key) {
  return ask(*backend_, RequestBuilder("ttl").bytes(Field::kKey, key).take(),
             [](const JsonView& answer) -> Result<std::optional<TimeToLive>> {
               const Result<bool> found = bool_field(answer, Field::kFound);
               if (!found) return fail(found.error());
               if (!*found) return std::optional<TimeToLive>{};
               TimeToLive ttl;
               const auto left = answer.find(protocol::field_name(Field::kTtlMs));
               const auto number = left ? left->as_integer() : std::nullopt;
               if (number) ttl.remaining = std::chrono::milliseconds(*number);
               return std::optional<TimeToLive>{ttl};
             });
}

Result<bool> Client::expire(std::string_view key, std::chrono::milliseconds ttl) {
  RequestBuilder request("expire");
  request.bytes(Field::kKey, key);
  add_ttl(request, ttl);
  return ask(*backend_, request.take(),
             [](const JsonView& answer) { return bool_field(answer, Field::kFound); });
}

Result<std::uint64_t> Client::count(std::string_view prefix) {
  RequestBuilder request("count");
  if (!prefix.empty()) request.bytes(Field::kPrefix, prefix);
  return ask(*backend_, request.take(),
             [](const JsonView& answer) { return unsigned_field(answer, Field::kCount); });
}

Result<ScanPage> Client::scan(const ScanOptions& options, std::string_view cursor) {
  RequestBuilder request("scan");
  if (!options.prefix.empty()) request.bytes(Field::kPrefix, options.prefix);
  if (!options.glob.empty()) request.text(Field::kGlob, options.glob);
  request.unsigned_integer(Field::kLimit, options.limit);
  if (options.values) request.boolean(Field::kValues, true);
  if (!cursor.empty()) request.json(Field::kCursor, cursor);
  return ask(*backend_, request.take(), [&](const JsonView& answer) -> Result<ScanPage> {
    ScanPage page;
    const Field field = options.values ? Field::kEntries : Field::kKeys;
    const auto items = answer.find(protocol::field_name(field));
    if (!items) return fail(nonsense(protocol::field_name(field)));
    for (JsonItems item(*items); item.next();) {
      auto key = options.values ? bytes_field(item.value(), protocol::field_name(Field::kKey))
                                : bytes_item(item.value());
      if (!key) return fail(nonsense("key"));
      page.entries.push_back(
          {*std::move(key), options.values ? value_field(item.value()) : std::nullopt});
    }
    const auto next = answer.find(protocol::field_name(Field::kCursor));
    if (next && !next->is_null()) page.cursor = next->text();
    return page;
  });
}

Result<std::string> Client::call(std::string_view request,
                                 std::optional<std::chrono::milliseconds> timeout) {
  if (!is_request_line(request)) {
    return fail(ErrorCode::kInvalidRequest, "a request is one JSON object on one line");
  }
  if (const auto ns = namespace_of_use(request)) return backend_->use(request, *ns);
  const std::string_view requests[] = {request};
  Result<std::vector<std::string>> answers = backend_->pipeline(requests, timeout);
  if (!answers) return fail(std::move(answers).error());
  return std::move(answers->front());
}

Result<std::vector<std::string>> Client::pipeline(std::span<const std::string> requests) {
  for (const std::string& request : requests) {
    if (!is_request_line(request)) {
      return fail(ErrorCode::kInvalidRequest, "a request is one JSON object on one line");
    }
    if (namespace_of_use(request)) {
      return fail(ErrorCode::kInvalidRequest,
                  "`use` moves the whole client: call it by itself, not in a pipeline");
    }
  }
  const std::vector<std::string_view> views(requests.begin(), requests.end());
  return backend_->pipeline(views, std::nullopt);
}

}  // namespace appmem::client
