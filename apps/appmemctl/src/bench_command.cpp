#include <charconv>
#include <csignal>
#include <cstdio>

#include "appmem/base/units.h"
#include "appmem/client/address.h"
#include "appmem/client/client.h"
#include "appmem/protocol/error_table.h"
#include "bench.h"
#include "bench_report.h"
#include "commands.h"
#include "progress.h"

namespace appmem::ctl {
namespace {

tl::unexpected<Error> bad_flag(std::string_view flag, std::string_view expected) {
  return fail(ErrorCode::kInvalidRequest,
              "--" + std::string(flag) + ": expected " + std::string(expected));
}

/// A whole number from `min` to `max`; `target` stays where the flag is not given.
template <typename Number>
Result<void> read_number(const Invocation& invocation, std::string_view flag, std::uint64_t min,
                         std::uint64_t max, Number& target) {
  const std::string* text = invocation.find_own(flag);
  if (text == nullptr) return {};
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value < min || value > max) {
    return bad_flag(flag,
                    "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  target = static_cast<Number>(value);
  return {};
}

Result<void> read_protocol(const Invocation& invocation, BenchProtocol& protocol) {
  const std::string* text = invocation.find_own(kProtocolFlag);
  if (text == nullptr) return {};
  for (const BenchProtocolName& row : kBenchProtocols) {
    if (row.name != *text) continue;
    protocol = row.protocol;
    return {};
  }
  return bad_flag(kProtocolFlag, "json, resp or memcached");
}

Result<void> read_size(const Invocation& invocation, std::string_view flag, std::size_t min,
                       std::size_t max, std::string_view expected, std::size_t& target) {
  const std::string* text = invocation.find_own(flag);
  if (text == nullptr) return {};
  const auto bytes = parse_byte_size(*text);
  if (!bytes || *bytes < min || *bytes > max) return bad_flag(flag, expected);
  target = static_cast<std::size_t>(*bytes);
  return {};
}

Result<void> read_duration(const Invocation& invocation, std::string_view flag,
                           std::optional<std::chrono::milliseconds>& target) {
  const std::string* text = invocation.find_own(flag);
  if (text == nullptr) return {};
  const auto duration = parse_duration(*text);
  if (!duration || duration->count() == 0) {
    return bad_flag(flag, "a duration of at least 1ms with its unit, such as 10s");
  }
  target = *duration;
  return {};
}

Result<void> read_units(const Invocation& invocation, LoadOptions& options) {
  Result<void> read =
      read_size(invocation, kKeyBytesFlag, kBenchKeyBytesMin, kKeyBytesMax,
                "a size from 5 to 64KiB, for `key:` and a number", options.key_bytes);
  if (read) {
    read = read_size(invocation, kValueBytesFlag, 0, kValueBytesMaxCeiling,
                     "a size up to 512MiB, such as 1KiB", options.value_bytes);
  }
  if (read) read = read_duration(invocation, kTtlFlag, options.ttl);
  if (read) read = read_duration(invocation, kDurationFlag, options.duration);
  return read;
}

/// Whether the largest key has room in `--key-bytes`.
Result<void> check_keys(const LoadOptions& options) {
  const std::size_t digits = std::to_string(options.keys - 1).size();
  if (kBenchKeyPrefix.size() + digits <= options.key_bytes) return {};
  return fail(ErrorCode::kInvalidRequest,
              "--keys: " + std::to_string(options.keys) + " keys need --key-bytes " +
                  std::to_string(kBenchKeyPrefix.size() + digits) + " at least");
}

/// What the text protocol of memcached cannot say.
Result<void> check_memcached(const LoadOptions& options) {
  if (options.protocol != BenchProtocol::kMemcached) return {};
  if (options.key_bytes > kBenchKeyBytesMaxMemcached) {
    return bad_flag(kKeyBytesFlag, "at most 250, as memcached takes");
  }
  if (options.ttl && (options.ttl->count() % 1000 != 0 || *options.ttl > kBenchTtlMaxMemcached)) {
    return bad_flag(kTtlFlag, "whole seconds up to 30 days, as memcached takes");
  }
  if (options.ns != kDefaultBenchNamespace) {
    return fail(ErrorCode::kInvalidRequest, "--namespace: memcached has no namespaces");
  }
  if (!options.token.empty()) {
    return fail(ErrorCode::kInvalidRequest, "--token-file: the text protocol takes no token");
  }
  return {};
}

Result<LoadOptions> read_load_options(const Context& context, const Invocation& invocation) {
  constexpr std::uint64_t kAny = 1'000'000'000'000'000;
  if (invocation.find_own(kRequestsFlag) != nullptr &&
      invocation.find_own(kDurationFlag) != nullptr) {
    return fail(ErrorCode::kInvalidRequest,
                "--requests and --duration exclude each other: the run ends with one or the other");
  }
  LoadOptions options;
  options.ns = context.options.ns;
  options.token = context.options.token;
  options.load = invocation.find_own(kLoadFlag) != nullptr;
  Result<void> read = read_protocol(invocation, options.protocol);
  if (read) {
    read = read_number(invocation, kConnectionsFlag, 1, kBenchConnectionsMax, options.connections);
  }
  if (read) read = read_number(invocation, kPipelineFlag, 1, kBenchPipelineMax, options.pipeline);
  if (read) read = read_number(invocation, kKeysFlag, 1, kBenchKeysMax, options.keys);
  if (read) read = read_number(invocation, kReadsFlag, 0, 100, options.read_percent);
  if (read) read = read_number(invocation, kRequestsFlag, 1, kAny, options.requests);
  if (read) read = read_number(invocation, kSeedFlag, 0, UINT64_MAX, options.seed);
  if (read) read = read_units(invocation, options);
  if (read) read = check_keys(options);
  if (read) read = check_memcached(options);
  if (!read) return fail(std::move(read).error());
  return options;
}

/// Whether the first address that was named is a store of one's own. --address comes before
/// APPMEM_SOCKET.
bool asks_for_embedded(const std::vector<std::string>& addresses) {
  const std::vector<std::string> tried =
      addresses.empty() ? client::default_addresses() : addresses;
  return !tried.empty() && tried.front() == "embedded:";
}

/// What is stored already is hit, or makes room: a replay is comparable in an empty namespace only.
Result<void> warn_unless_empty(const Context& context) {
  auto client = client::Client::open(context.options);
  if (!client) return fail(std::move(client).error());
  const auto count = client->count();
  if (!count) return fail(count.error());
  if (*count > 0) {
    std::fprintf(
        stderr,
        "appmemctl: warning: the namespace %s holds %llu keys already, so the hit ratio is "
        "not that of a cache that begins empty (`appmemctl ns clear` empties it)\n",
        context.options.ns.c_str(), static_cast<unsigned long long>(*count));
  }
  return {};
}

Connect connect_with(const Context& context, std::string token) {
  return [&context, token = std::move(token)] {
    return client::connect_socket(context.options.addresses, context.options.timeout, token);
  };
}

/// Ctrl-C ends the run, which then reports what it has; the next one ends the program.
void stop_at_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) {
    interrupt_bench();
  };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
}

template <typename Report>
int finish(Context& context, const Report& report, const std::string& text) {
  context.out.write(text);
  if (report.interrupted) return protocol::kExitInterrupted;
  return report.errors == 0 ? protocol::kExitDone
                            : protocol::error_row(ErrorCode::kInvalidRequest).exit_code;
}

int replay_trace(Context& context, const std::string& path, const BenchProgress& progress) {
  // First, so that nothing is said about a namespace that no request would reach.
  if (const auto checked = check_trace(path); !checked) {
    return report_local(checked.error(), protocol::kExitLocalFile);
  }
  if (const auto warned = warn_unless_empty(context); !warned) {
    return report_client_error(warned.error());
  }
  stop_at_interrupt();
  const auto report =
      run_trace(path, context.options.ns, connect_with(context, context.options.token), progress);
  if (!report) return report_client_error(report.error());
  return finish(context, *report, format_trace_report(path, *report, context.json));
}

}  // namespace

int run_bench(Context& context, const Invocation& invocation) {
  if (asks_for_embedded(context.options.addresses)) {
    return report_usage("bench measures a daemon over its socket, and embedded: has none",
                        "start one with `appmemd --background`, and name it with --address "
                        "unix:PATH where it is not the default");
  }
  const std::string* trace = invocation.find_own(kTraceFlag);
  Progress line(trace != nullptr ? "requests replayed" : "requests answered", !context.json);
  const BenchProgress progress = [&](std::uint64_t done) {
    line.show(done);
  };
  if (trace != nullptr) {
    for (const auto& [flag, text] : invocation.own_flags) {
      if (flag != kTraceFlag) {
        return report_usage("--trace replays a file as it is and takes no --" + std::string(flag));
      }
    }
    return replay_trace(context, *trace, progress);
  }
  const auto options = read_load_options(context, invocation);
  if (!options) return report_usage(options.error().message);
  const bool json = options->protocol == BenchProtocol::kJson;
  // A token or namespace that is refused has its advice here.
  if (json) {
    if (const auto opened = client::Client::open(context.options); !opened) {
      return report_client_error(opened.error());
    }
  }
  stop_at_interrupt();
  // The other formats show the token in their own words.
  const auto report = run_load(
      *options, connect_with(context, json ? context.options.token : std::string()), progress);
  if (!report) return report_client_error(report.error());
  return finish(context, *report, format_load_report(*options, *report, context.json));
}

}  // namespace appmem::ctl
