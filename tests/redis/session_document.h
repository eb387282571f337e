#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redis/server_pair.h"

/// Reads the sessions of a document: its fenced blocks that are marked `redis`. The documents
/// themselves say how they are written (docs/protocol.md, docs/redis-differences.md):
///
///     $ appmemd OPTIONS       the daemon of this block has these options
///     > SET k v               a command, and behind it lines of what redis-cli shows of the reply
///     2> GET k                over a second connection
///     redis> …   2here> …     to one of two servers only
///     silent> …               without waiting for a reply
///     raw> *1\r\n             bytes, and behind them bytes of the reply
///     json> {"op":"ping"}     a line of NDJSON, over a connection of its own
///     wait 5 ms               the clock moves on
///
/// Where two servers reply, lines of replies begin with `redis: ` or `here:  `, or are indented as
/// far.
namespace appmem::test {

struct SessionStep {
  enum class Kind : std::uint8_t { kCommand, kRaw, kJson, kWait };

  Kind kind = Kind::kCommand;
  std::size_t line = 0;
  std::size_t connection = 1;
  bool to_redis = true;
  bool to_appmem = true;
  bool silent = false;
  std::string text;  // as it stands there
  std::int64_t wait_ms = 0;
  std::optional<std::string> reply;
  std::optional<std::string> reply_of_redis;
  std::optional<std::string> reply_of_appmem;
};

struct SessionBlock {
  std::size_t line = 0;
  std::string section;  // the heading above it
  std::vector<std::string> options;
  std::vector<SessionStep> steps;
};

/// A heading of the third level, and what stands below it.
struct SessionSection {
  std::string name;
  std::string text;  // outside of blocks
  std::vector<SessionBlock> blocks;
};

/// All sections of the file (named from the root of the source), and before them what stands above
/// the first. Throws where it is not written as it should be.
std::vector<SessionSection> load_sessions(const std::string& file);

/// The words of a command. As in redis-cli there are quotes and escapes; outside of quotes `x×100`
/// is a hundred x, and `k{1..3}` the words k1 k2 k3.
Words session_words(std::string_view text);
/// `\r`, `\n`, `\\` and `\xHH` as the bytes that they mean, and the other way round.
std::string from_escapes(std::string_view text);
std::string to_escapes(std::string_view bytes);

}  // namespace appmem::test
