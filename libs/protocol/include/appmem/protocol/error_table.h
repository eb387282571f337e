#pragma once

#include <string_view>

#include "appmem/base/error.h"

namespace appmem::protocol {

/// How each format and the command line show an error code; the table of docs/protocol.md.
struct ErrorRow {
  ErrorCode code;
  int http_status;
  std::string_view resp_prefix;  // "ERR", "OOM", …
  int exit_code;
};

const ErrorRow& error_row(ErrorCode code);

/// Exit codes of appmemctl that no error code stands for.
inline constexpr int kExitDone = 0;
inline constexpr int kExitLess = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNoConnection = 3;
inline constexpr int kExitLocalFile = 7;
inline constexpr int kExitInterrupted = 130;

}  // namespace appmem::protocol
