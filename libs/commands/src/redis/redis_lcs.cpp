#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../answer_limit.h"
#include "appmem/base/units.h"
#include "lcs_table.h"
#include "redis_handlers.h"
#include "redis_values.h"

namespace appmem::commands {
namespace {

/// Pairs of positions that are compared at most. Redis compares as many: a table of four bytes for
/// each may be as long as a value.
constexpr std::uint64_t kLcsPairsMax = 512_MiB / 4;
/// Bytes of the subsequence that take about as long to find as a look at an entry.
constexpr std::size_t kMovesPerStep = 32;

struct LcsWords {
  bool length_only = false;
  bool ranges = false;
  bool with_lengths = false;
  std::int64_t length_min = 0;
};

/// Reads the words behind the keys. False when an error has been replied.
bool read_lcs_words(RedisCall& call, LcsWords& read) {
  const auto words = call.words.subspan(3);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (is_redis_word(words[i], "IDX")) {
      read.ranges = true;
    } else if (is_redis_word(words[i], "LEN")) {
      read.length_only = true;
    } else if (is_redis_word(words[i], "WITHMATCHLEN")) {
      read.with_lengths = true;
    } else if (is_redis_word(words[i], "MINMATCHLEN") && i + 1 < words.size()) {
      if (!read_redis_integer(words[++i], read.length_min)) {
        call.reply.failure(kRedisNotAnInteger);
        return false;
      }
    } else {
      call.reply.failure(kRedisSyntaxError);
      return false;
    }
  }
  if (read.ranges && read.length_only) {
    call.reply.failure("ERR If you want both the length and indexes, please just use IDX.");
    return false;
  }
  return true;
}

/// Two values on their way into a job.
struct LcsValues {
  RedisValue a;
  RedisValue b;
  std::string_view bytes_of_a() { return a ? a.bytes() : std::string_view(); }
  std::string_view bytes_of_b() { return b ? b.bytes() : std::string_view(); }
};

class LcsJob final : public protocol::Job {
 public:
  LcsJob(const RedisCall& call, std::unique_ptr<LcsValues> values, const LcsWords& words,
         std::uint64_t charged)
      : memory_(call.store.memory()),
        charged_(charged),
        limit_(call.control.limits(), memory_),
        values_(std::move(values)),
        a_(values_->bytes_of_a()),
        b_(values_->bytes_of_b()),
        words_(words),
        table_(a_, b_, !words.length_only),
        i_(a_.size()),
        j_(b_.size()) {}
  LcsJob(const LcsJob&) = delete;
  LcsJob& operator=(const LcsJob&) = delete;
  ~LcsJob() override { memory_.release(charged_); }

  /// What it has to charge.
  static std::uint64_t memory_bytes_for(std::string_view a, std::string_view b,
                                        const LcsWords& words) {
    const std::size_t matches_max = std::min(a.size(), b.size());
    const std::size_t each = words.ranges ? 2 * sizeof(Range) : words.length_only ? 0 : 2;
    return LcsTable::memory_bytes(a, b, !words.length_only) + matches_max * each;
  }

  bool run(protocol::Reply& reply, const Instant& /*now*/, protocol::TurnBudget& budget) override {
    std::size_t& steps = budget.steps;
    if (!table_.advance(steps)) return false;
    if (!words_.length_only && !walk_back(steps)) return false;
    answer(reply.redis());
    return true;
  }

 private:
  /// Bytes that both have, one behind the other.
  struct Range {
    std::size_t a = 0;  // where they begin
    std::size_t b = 0;
    std::size_t size = 0;
  };

  /// Goes from the ends of both to their beginnings, along bytes that both have. True at the end.
  bool walk_back(std::size_t& steps) {
    for (std::size_t moves = 1; i_ > 0 && j_ > 0; ++moves) {
      if (moves % kMovesPerStep == 0 && --steps == 0) return false;
      if (a_[i_ - 1] == b_[j_ - 1]) {
        --i_;
        --j_;
        words_.ranges ? extend_range() : common_.push_back(a_[i_]);
      } else {
        end_range();
        table_.grows(i_ - 1, j_ - 1) ? --i_ : --j_;
      }
    }
    end_range();
    std::reverse(common_.begin(), common_.end());
    return true;
  }

  void extend_range() { range_ = {i_, j_, range_.size + 1}; }
  void end_range() {
    const auto size = static_cast<std::int64_t>(range_.size);
    if (size > 0 && size >= words_.length_min) ranges_.push_back(range_);
    range_ = {};
  }

  void answer(protocol::RedisReply& reply) const {
    constexpr std::uint64_t kRangeBytesMax = 96;  // as it is written
    const std::uint64_t bytes = 64 + common_.size() + ranges_.size() * kRangeBytesMax;
    if (const auto within = limit_.check_bytes(reply.answer_bytes() + bytes, bytes); !within) {
      return write_redis_error(reply, within.error());
    }
    const auto length = static_cast<std::int64_t>(table_.length());
    if (words_.ranges) return tell_ranges(reply, length);
    words_.length_only ? reply.integer(length) : reply.bulk(common_);
  }

  void tell_ranges(protocol::RedisReply& reply, std::int64_t length) const {
    reply.map(2);
    reply.bulk("matches");
    reply.array(ranges_.size());
    for (const Range& range : ranges_) {
      reply.array(words_.with_lengths ? 3 : 2);
      for (const std::size_t begin : {range.a, range.b}) {
        reply.array(2);
        reply.integer(static_cast<std::int64_t>(begin));
        reply.integer(static_cast<std::int64_t>(begin + range.size - 1));
      }
      if (words_.with_lengths) reply.integer(static_cast<std::int64_t>(range.size));
    }
    reply.bulk("len");
    reply.integer(length);
  }

  MemoryBudget& memory_;
  const std::uint64_t charged_;
  const AnswerLimit limit_;
  const std::unique_ptr<LcsValues> values_;
  const std::string_view a_;
  const std::string_view b_;
  const LcsWords words_;
  LcsTable table_;
  // Where walk_back() is, and what it has found: the last byte first.
  std::size_t i_;
  std::size_t j_;
  std::string common_;
  Range range_;
  std::vector<Range> ranges_;
};

}  // namespace

void redis_lcs(RedisCall& call) {
  auto values = std::make_unique<LcsValues>();
  if (!read_redis_value(call, call.words[1], {}, values->a)) return;
  if (!read_redis_value(call, call.words[2], {}, values->b)) return;
  LcsWords words;
  if (!read_lcs_words(call, words)) return;
  const std::string_view a = values->bytes_of_a();
  const std::string_view b = values->bytes_of_b();
  if (std::uint64_t{a.size() + 1} * (b.size() + 1) > kLcsPairsMax) {
    return call.reply.failure(
        "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  const std::uint64_t bytes = LcsJob::memory_bytes_for(a, b, words);
  if (!call.store.memory().try_charge(bytes)) {
    return call.reply.failure(
        "ERR Insufficient memory, failed allocating transient memory for LCS");
  }
  call.job = std::make_unique<LcsJob>(call, std::move(values), words, bytes);
}

}  // namespace appmem::commands
