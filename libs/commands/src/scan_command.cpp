#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "access.h"
#include "appmem/base/limits.h"
#include "glob.h"
#include "handlers.h"
#include "logged_job.h"
#include "range_scan.h"
#include "scan_answer.h"
#include "scan_cursor.h"
#include "visits.h"

namespace appmem::commands {
namespace {

using protocol::Field;
using protocol::Outcome;
using protocol::ReplyWriter;

constexpr std::int64_t kScanLimitDefault = 100;

/// Which keys a scan in the order of hashes returns.
struct KeyFilter {
  std::string prefix;
  std::optional<Glob> glob;

  [[nodiscard]] bool matches(std::string_view key) const {
    return glob ? glob->matches(key) : key.starts_with(prefix);
  }
};

/// One page of a scan in the order of hashes.
class HashScan final : public protocol::Job {
 public:
  HashScan(core::Store& store, core::NamespaceId ns, KeyFilter filter, core::ScanCursor cursor,
           std::size_t limit, bool with_values)
      : store_(store),
        ns_(ns),
        filter_(std::move(filter)),
        cursor_(cursor),
        limit_(limit),
        answer_(with_values) {}

  bool run(protocol::Reply& out, const Instant& now, protocol::TurnBudget& budget) override {
    ReplyWriter& reply = out.fields();
    while (budget.steps > 0 && !answer_.must_wait(reply)) {
      Visits visits(budget.steps);
      const auto visit = [&](const core::EntryView& entry) {
        if (filter_.matches(entry.key)) {
          answer_.add_entry(reply, entry, now);
          ++found_;
        }
        return visits.add(entry.key) && found_ < limit_ && !answer_.must_wait(reply);
      };
      const auto step = store_.scan(ns_, cursor_, visits.max(), now, visit);
      if (!step) {
        answer_.abandon(reply, step.error());
        return true;
      }
      cursor_ = step->next;
      if (step->done || found_ >= limit_) {
        answer_.finish(reply, step->done ? std::string() : hash_cursor_text(cursor_));
        return true;
      }
    }
    answer_.pause(reply);
    return false;
  }

 private:
  core::Store& store_;
  const core::NamespaceId ns_;
  const KeyFilter filter_;
  core::ScanCursor cursor_;
  /// Keys of one hash come in one page, so that it may hold a few more.
  const std::size_t limit_;
  std::size_t found_ = 0;
  ScanAnswer answer_;
};

Result<std::size_t> limit_of(const protocol::Arguments& args) {
  const std::int64_t limit = args.integer_or(Field::kLimit, kScanLimitDefault);
  if (limit < 1) return fail(ErrorCode::kInvalidRequest, "limit must be at least 1");
  if (limit > std::int64_t{kScanLimitMax}) {
    return fail(ErrorCode::kTooLarge, "limit is at most " + std::to_string(kScanLimitMax));
  }
  return static_cast<std::size_t>(limit);
}

Result<std::unique_ptr<protocol::Job>> range_scan(Call& call, core::NamespaceId ns,
                                                  std::size_t limit) {
  auto after = key_cursor_of(call.args);
  if (!after) return fail(std::move(after).error());
  KeyRange range;
  range.from = call.args.text(Field::kFrom).value_or("");
  range.to = call.args.text(Field::kTo);
  range.after = std::move(*after);
  return std::make_unique<RangeScan>(call.store, ns, std::move(range), limit,
                                     call.args.flag(Field::kValues));
}

Result<std::unique_ptr<protocol::Job>> hash_scan(Call& call, core::NamespaceId ns,
                                                 std::size_t limit) {
  const auto cursor = hash_cursor_of(call.args);
  if (!cursor) return fail(cursor.error());
  KeyFilter filter;
  filter.prefix = call.args.text(Field::kPrefix).value_or("");
  if (const auto pattern = call.args.text(Field::kGlob)) {
    auto glob = Glob::of(*pattern);
    if (!glob) return fail(std::move(glob).error());
    filter.glob = *std::move(glob);
  }
  return std::make_unique<HashScan>(call.store, ns, std::move(filter), *cursor, limit,
                                    call.args.flag(Field::kValues));
}

}  // namespace

Outcome handle_scan(Call& call) {
  const auto ns = admit(call.store, call.session, call.args);
  if (!ns) return refuse(call, ns.error());
  const auto limit = limit_of(call.args);
  if (!limit) return refuse(call, limit.error());
  const bool in_key_order = call.args.has(Field::kFrom) || call.args.has(Field::kTo);
  auto job = in_key_order ? range_scan(call, *ns, *limit) : hash_scan(call, *ns, *limit);
  if (!job) return refuse(call, job.error());
  return Outcome::later(resting_on_log(call.store, *ns, *std::move(job)));
}

}  // namespace appmem::commands
