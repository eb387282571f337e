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

/// Keys have twelve digits.
constexpr std::uint64_t kBenchKeysMax = 1'000'000'000'000;

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

Result<void> read_units(const Invocation& invocation, LoadOptions& options) {
  if (const std::string* text = invocation.find_own(kValueSizeFlag)) {
    const auto bytes = parse_byte_size(*text);
    if (!bytes || *bytes > kValueBytesMaxCeiling) {
      return bad_flag(kValueSizeFlag, "a size up to 512MiB, such as 1KiB");
    }
    options.value_bytes = static_cast<std::size_t>(*bytes);
  }
  if (const std::string* text = invocation.find_own(kDurationFlag)) {
    const auto duration = parse_duration(*text);
    if (!duration || duration->count() == 0) {
      return bad_flag(kDurationFlag, "a duration with its unit, such as 10s");
    }
    options.duration = *duration;
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
  options.load = invocation.find_own(kLoadFlag) != nullptr;
  Result<void> read =
      read_number(invocation, kConnectionsFlag, 1, kBenchConnectionsMax, options.connections);
  if (read) read = read_number(invocation, kPipelineFlag, 1, kBenchPipelineMax, options.pipeline);
  if (read) read = read_number(invocation, kKeysFlag, 1, kBenchKeysMax, options.keys);
  if (read) read = read_number(invocation, kReadsFlag, 0, 100, options.read_percent);
  if (read) read = read_number(invocation, kRequestsFlag, 1, kAny, options.requests);
  if (read) read = read_number(invocation, kSeedFlag, 0, UINT64_MAX, options.seed);
  if (read) read = read_units(invocation, options);
  if (!read) return fail(std::move(read).error());
  return options;
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

int report_run_error(const Error& error) {
  return error.code == ErrorCode::kNotFound || error.code == ErrorCode::kInvalidRequest
             ? report_local(error, protocol::kExitLocalFile)
             : report_client_error(error);
}

}  // namespace

int run_bench(Context& context, const Invocation& invocation) {
  const Connect connect = [&] {
    return client::connect_socket(context.options.addresses, context.options.timeout,
                                  context.options.token);
  };
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
    if (const auto warned = warn_unless_empty(context); !warned) {
      return report_client_error(warned.error());
    }
    stop_at_interrupt();
    const auto report = run_trace(*trace, context.options.ns, connect, progress);
    if (!report) return report_run_error(report.error());
    return finish(context, *report, format_trace_report(*trace, *report, context.json));
  }
  const auto options = read_load_options(context, invocation);
  if (!options) return report_usage(options.error().message);
  stop_at_interrupt();
  const auto report = run_load(*options, connect, progress);
  if (!report) return report_run_error(report.error());
  return finish(context, *report, format_load_report(*options, *report, context.json));
}

}  // namespace appmem::ctl
