#include "remote_backend.h"

#include <algorithm>
#include <utility>

#include "appmem/base/units.h"
#include "request_traits.h"

namespace appmem::client {
namespace {

using protocol::Field;

constexpr std::uint64_t kProtocolVersion = 1;
/// How many stale connections one request replaces before it gives up on a daemon that closes
/// each of them.
constexpr int kReplacementsMax = 4;
/// Of an answer that is not understood.
constexpr std::size_t kAnswerBytesShown = 60;

/// Whether it is an error in RESP: what a listener says that speaks nothing else.
bool is_resp(std::string_view answer) {
  return answer.starts_with('-');
}

}  // namespace

Result<std::unique_ptr<RemoteBackend>> RemoteBackend::open(const Address& address,
                                                           const ClientOptions& options,
                                                           const std::string& advice) {
  std::unique_ptr<RemoteBackend> backend(new RemoteBackend(address, options, advice));
  Result<ConnectionPool::Loan> loan = backend->ready_connection(backend->current_ns());
  if (!loan) return fail(std::move(loan).error());
  backend->pool_.give_back(std::move(loan->connection));
  return backend;
}

RemoteBackend::RemoteBackend(const Address& address, const ClientOptions& options,
                             const std::string& advice)
    : address_(address.to_string()),
      timeout_(options.timeout),
      retries_(options.retries),
      client_name_(options.client_name),
      token_(options.token),
      pool_(address, std::max<std::size_t>(options.connections_max, 1), options.timeout, advice) {
}

std::string RemoteBackend::current_ns() {
  const std::scoped_lock lock(mutex_);
  return ns_;
}

Error RemoteBackend::lost_error(bool may_have_happened) const {
  return {ErrorCode::kUnavailable,
          "the connection to appmemd at " + pool_.place() + " was lost before the answer came" +
              (may_have_happened ? "; the request may have taken effect" : ""),
          std::nullopt};
}

Error RemoteBackend::silent_error(std::chrono::milliseconds timeout) const {
  return {ErrorCode::kTimeout,
          "appmemd at " + pool_.place() + " did not answer within " + format_duration(timeout) +
              "; the request may have taken effect",
          std::nullopt};
}

Error RemoteBackend::resp_error(std::string_view answer) const {
  const std::string_view shown = answer.substr(0, std::min(answer.find('\r'), kAnswerBytesShown));
  return {ErrorCode::kUnavailable,
          "what listens at " + pool_.place() + " speaks RESP (it says `" + std::string(shown) +
              "`): the listener's protocol has to be auto or json",
          std::nullopt};
}

std::optional<Result<void>> RemoteBackend::prepare(Connection& connection, bool fresh,
                                                   const std::string& ns) {
  std::vector<std::string> lines;
  const bool shows_token = fresh && !token_.empty();
  if (shows_token) lines.push_back(token_request(token_));
  if (fresh && !client_name_.empty()) {
    lines.push_back(RequestBuilder("hello")
                        .text(Field::kClientName, client_name_)
                        .unsigned_integer(Field::kProtocolVersion, kProtocolVersion)
                        .take());
  }
  if (connection.ns != ns) {
    lines.push_back(RequestBuilder("use").text(Field::kName, ns).take());
  }
  if (lines.empty()) return Result<void>{};
  const std::vector<std::string_view> requests(lines.begin(), lines.end());
  std::vector<std::string> answers;
  switch (connection.exchange(requests, answers).end) {
    case Exchange::End::kLost:
      return std::nullopt;
    case Exchange::End::kSilent:
      return fail(silent_error(timeout_));
    case Exchange::End::kComplete:
      break;
  }
  if (shows_token) {
    if (auto read = read_token_answer(answers.front()); !read) {
      Error error = std::move(read).error();
      error.message = "appmemd at " + pool_.place() + " refuses the token: " + error.message;
      return fail(std::move(error));
    }
  }
  for (const std::string& answer : std::span(answers).subspan(shows_token ? 1 : 0)) {
    const Result<JsonView> parsed = JsonView::parse(answer);
    if (is_resp(answer)) return fail(resp_error(answer));
    if (!parsed) return fail(ErrorCode::kInternal, parsed.error().message);
    if (auto error = answer_error(*parsed)) return fail(*std::move(error));
  }
  connection.ns = ns;
  return Result<void>{};
}

Result<ConnectionPool::Loan> RemoteBackend::ready_connection(const std::optional<std::string>& ns) {
  for (int replaced = 0; replaced <= kReplacementsMax; ++replaced) {
    Result<ConnectionPool::Loan> loan = pool_.borrow();
    if (!loan) return loan;
    const std::optional<Result<void>> prepared =
        prepare(*loan->connection, loan->fresh, ns.value_or(loan->connection->ns));
    if (prepared && *prepared) return loan;
    pool_.discard(std::move(loan->connection));
    if (prepared) return fail(prepared->error());
  }
  return fail(lost_error(false));
}

Result<std::vector<std::string>> RemoteBackend::pipeline(
    std::span<const std::string_view> requests, std::optional<std::chrono::milliseconds> timeout) {
  std::vector<std::string> answers;
  answers.reserve(requests.size());
  int retries = retries_;
  int replacements = kReplacementsMax;
  while (answers.size() < requests.size()) {
    Result<ConnectionPool::Loan> loan = ready_connection(current_ns());
    if (!loan) return fail(std::move(loan).error());
    const std::size_t before = answers.size();
    if (timeout) loan->connection->set_timeout(*timeout);
    const Exchange done = loan->connection->exchange(requests.subspan(before), answers);
    if (done.end == Exchange::End::kComplete) {
      if (answers.size() > before && is_resp(answers[before])) {
        pool_.discard(std::move(loan->connection));
        return fail(resp_error(answers[before]));
      }
      if (timeout) loan->connection->set_timeout(timeout_);
      pool_.give_back(std::move(loan->connection));
      break;
    }
    pool_.discard(std::move(loan->connection));
    if (done.end == Exchange::End::kSilent) return fail(silent_error(timeout.value_or(timeout_)));
    const std::size_t sent = before + done.sent;
    if (sent <= answers.size()) {  // nothing is in doubt
      if (replacements-- == 0) return fail(lost_error(false));
      continue;
    }
    for (std::size_t i = answers.size(); i < sent; ++i) {
      if (!may_repeat(requests[i])) return fail(lost_error(true));
    }
    if (retries-- <= 0) return fail(lost_error(false));
  }
  return answers;
}

Result<std::string> RemoteBackend::use(std::string_view request, std::string_view ns) {
  const std::string_view requests[] = {request};
  for (int replaced = 0; replaced <= kReplacementsMax; ++replaced) {
    // The namespace that the connection is in may be gone, so it is not entered first.
    Result<ConnectionPool::Loan> loan = ready_connection(std::nullopt);
    if (!loan) return fail(std::move(loan).error());
    std::vector<std::string> answers;
    const Exchange done = loan->connection->exchange(requests, answers);
    if (done.end == Exchange::End::kLost) {
      pool_.discard(std::move(loan->connection));
      continue;
    }
    if (done.end == Exchange::End::kSilent) {
      pool_.discard(std::move(loan->connection));
      return fail(silent_error(timeout_));
    }
    const Result<JsonView> parsed = JsonView::parse(answers.front());
    if (!parsed) {
      pool_.discard(std::move(loan->connection));
      return fail(ErrorCode::kInternal, parsed.error().message);
    }
    if (!answer_error(*parsed)) {
      loan->connection->ns = ns;
      const std::scoped_lock lock(mutex_);
      ns_ = ns;
    }
    pool_.give_back(std::move(loan->connection));
    return std::move(answers.front());
  }
  return fail(lost_error(false));
}

}  // namespace appmem::client
