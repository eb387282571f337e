#pragma once

#include "subcommand.h"

/// What the subcommands do. Each returns the exit code.
namespace appmem::ctl {

// Flags that are no field of the op.
inline constexpr std::string_view kValueFileFlag = "value-file";
inline constexpr std::string_view kPipelineFlag = "pipeline";
inline constexpr std::string_view kEmbeddedFlag = "embedded";
inline constexpr std::string_view kConnectionsFlag = "connections";
inline constexpr std::string_view kKeysFlag = "keys";
inline constexpr std::string_view kKeyBytesFlag = "key-bytes";
inline constexpr std::string_view kValueBytesFlag = "value-bytes";
inline constexpr std::string_view kTtlFlag = "ttl";
inline constexpr std::string_view kProtocolFlag = "protocol";
inline constexpr std::string_view kReadsFlag = "reads";
inline constexpr std::string_view kRequestsFlag = "requests";
inline constexpr std::string_view kDurationFlag = "duration";
inline constexpr std::string_view kSeedFlag = "seed";
inline constexpr std::string_view kLoadFlag = "load";
inline constexpr std::string_view kTraceFlag = "trace";
inline constexpr std::string_view kDataDirFlag = "data-dir";
inline constexpr std::string_view kValuesFlag = "values";

int run_get(Context& context, const Invocation& invocation);
int run_set(Context& context, const Invocation& invocation);
int run_del(Context& context, const Invocation& invocation);
int run_exists(Context& context, const Invocation& invocation);
int run_counter(Context& context, const Invocation& invocation);
int run_append(Context& context, const Invocation& invocation);
int run_ttl(Context& context, const Invocation& invocation);
int run_expire(Context& context, const Invocation& invocation);
int run_persist(Context& context, const Invocation& invocation);
int run_mget(Context& context, const Invocation& invocation);
int run_mset(Context& context, const Invocation& invocation);

int run_list(Context& context, const Invocation& invocation);
int run_scan(Context& context, const Invocation& invocation);
int run_count(Context& context, const Invocation& invocation);

/// ns create, alter, drop, clear, info: an op on the namespace named.
int run_ns_change(Context& context, const Invocation& invocation);
int run_ns_info(Context& context, const Invocation& invocation);
int run_ns_list(Context& context, const Invocation& invocation);

int run_ping(Context& context, const Invocation& invocation);
/// Prints the answer's fields.
int run_fields(Context& context, const Invocation& invocation);
int run_stats(Context& context, const Invocation& invocation);
int run_config(Context& context, const Invocation& invocation);
int run_clients(Context& context, const Invocation& invocation);
int run_client_kill(Context& context, const Invocation& invocation);
/// checkpoint, compact, storage resume: an op that may take long.
int run_storage(Context& context, const Invocation& invocation);

/// Of the data directory's files, without a daemon.
int run_log_verify(Context& context, const Invocation& invocation);
int run_log_dump(Context& context, const Invocation& invocation);

int run_batch(Context& context, const Invocation& invocation);
int run_repl(Context& context, const Invocation& invocation);
int run_bench(Context& context, const Invocation& invocation);
int run_completion(Context& context, const Invocation& invocation);

}  // namespace appmem::ctl
