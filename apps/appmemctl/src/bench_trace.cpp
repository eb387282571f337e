#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>

#include <zlib.h>

#include "appmem/base/limits.h"
#include "bench.h"
#include "bench_connection.h"

namespace appmem::ctl {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kReceiveBytes = 64_KiB;

struct TraceLine {
  std::string_view key;
  std::uint64_t size = 0;
};

/// Reads `key,size` lines; zlib also reads files that are not compressed.
class TraceReader {
 public:
  static Result<std::unique_ptr<TraceReader>> open(const std::string& path) {
    gzFile file = ::gzopen(path.c_str(), "rb");
    if (file == nullptr) {
      return fail(ErrorCode::kNotFound,
                  "cannot read the trace " + path + ": " + std::system_category().message(errno));
    }
    ::gzbuffer(file, 1U << 17U);
    std::unique_ptr<TraceReader> reader(new TraceReader(path, file));
    return reader;
  }
  TraceReader(const TraceReader&) = delete;
  TraceReader& operator=(const TraceReader&) = delete;
  ~TraceReader() { ::gzclose(file_); }

  /// The next request, or nothing at the end.
  Result<std::optional<TraceLine>> next() {
    for (;;) {
      if (::gzgets(file_, line_, sizeof line_) == nullptr) return at_end();
      ++number_;
      std::string_view text(line_);
      // A last line without an end may be all that a cut-off file has of it.
      if (!text.ends_with('\n') && broken()) return at_end();
      while (text.ends_with('\n') || text.ends_with('\r'))
        text.remove_suffix(1);
      if (text.empty() || (number_ == 1 && text == "key,size")) continue;
      const std::size_t comma = text.rfind(',');
      TraceLine line;
      if (comma == std::string_view::npos) return bad("expected \"key,size\"");
      line.key = text.substr(0, comma);
      const std::string_view size = text.substr(comma + 1);
      const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), line.size);
      if (error != std::errc{} || end != size.data() + size.size()) {
        return bad("the size is not a whole number");
      }
      if (line.size > kValueBytesMaxCeiling) return bad("the size is over 512 MiB");
      return std::optional<TraceLine>(line);
    }
  }

 private:
  TraceReader(std::string path, gzFile file) : path_(std::move(path)), file_(file) {}

  bool broken() {
    int code = Z_OK;
    static_cast<void>(::gzerror(file_, &code));
    return code != Z_OK && code != Z_STREAM_END;
  }
  Result<std::optional<TraceLine>> at_end() {
    if (!broken()) return std::optional<TraceLine>();
    int code = Z_OK;
    // It begins with the path.
    return fail(ErrorCode::kInvalidRequest,
                "cannot read the trace " + std::string(::gzerror(file_, &code)));
  }
  tl::unexpected<Error> bad(const std::string& what) const {
    return fail(ErrorCode::kInvalidRequest, path_ + ":" + std::to_string(number_) + ": " + what);
  }

  std::string path_;
  gzFile file_;
  std::uint64_t number_ = 0;
  char line_[kKeyBytesMax + 64] = {};
};

/// Keys and namespace of a trace as JSON strings: quotes, backslashes and control characters
/// escaped.
void append_json_string(std::string& output, std::string_view text) {
  output += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      output += '\\';
      output += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      static constexpr char kHex[] = "0123456789abcdef";
      output += "\\u00";
      output += kHex[static_cast<unsigned char>(c) >> 4U];
      output += kHex[static_cast<unsigned char>(c) & 0xFU];
    } else {
      output += c;
    }
  }
  output += '"';
}

class TraceReplay {
 public:
  TraceReplay(int fd, const std::string& ns) : connection_(fd, kReceiveBytes) {
    if (!ns.empty()) {
      ns_ = R"(,"ns":)";
      append_json_string(ns_, ns);
    }
  }

  Result<void> step(const TraceLine& line, TraceReport& report) {
    const auto start = SteadyClock::now();
    begin("get", line.key);
    connection_.output() += "}\n";
    const auto got = connection_.exchange(*wire_);
    if (!got) return fail(got.error());
    report.latency.record(static_cast<std::uint64_t>((SteadyClock::now() - start).count()));
    ++report.requests;
    note_error(*got, report);
    if (got->kind == ReplyKind::kHit) return {};
    ++report.misses;
    begin("set", line.key);
    connection_.output() += R"(,"value":")";
    connection_.output().append(static_cast<std::size_t>(line.size), 'x');
    connection_.output() += "\"}\n";
    const auto stored = connection_.exchange(*wire_);
    if (!stored) return fail(stored.error());
    note_error(*stored, report);
    return {};
  }

 private:
  void begin(std::string_view op, std::string_view key) {
    std::string& output = connection_.output();
    output += R"({"op":")";
    output += op;
    output += '"';
    output += ns_;
    output += R"(,"key":)";
    append_json_string(output, key);
  }

  static void note_error(const BenchConnection::Reply& reply, TraceReport& report) {
    if (reply.kind != ReplyKind::kError) return;
    if (report.errors++ == 0) report.first_error = reply_line(reply.text);
  }

  const std::unique_ptr<BenchWire> wire_ = make_json_wire({});
  BenchConnection connection_;
  std::string ns_;
};

}  // namespace

Result<void> check_trace(const std::string& path) {
  auto reader = TraceReader::open(path);
  if (!reader) return fail(std::move(reader).error());
  for (bool empty = true;; empty = false) {
    const auto line = (*reader)->next();
    if (!line) return fail(line.error());
    if (*line) continue;
    if (empty) return fail(ErrorCode::kInvalidRequest, "the trace " + path + " has no requests");
    return {};
  }
}

Result<TraceReport> run_trace(const std::string& path, const std::string& ns,
                              const Connect& connect, const BenchProgress& progress) {
  auto reader = TraceReader::open(path);
  if (!reader) return fail(std::move(reader).error());
  auto fd = connect();
  if (!fd) return fail(std::move(fd).error());
  TraceReplay replay(*fd, ns);
  TraceReport report;
  const auto start = SteadyClock::now();
  while (!bench_interrupted()) {
    const auto line = (*reader)->next();
    if (!line) return fail(line.error());
    if (!*line) break;
    if (auto done = replay.step(**line, report); !done) return fail(std::move(done).error());
    if (progress && report.requests % 1024 == 0) progress(report.requests);
  }
  report.interrupted = bench_interrupted();
  report.seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  return report;
}

}  // namespace appmem::ctl
