#include "salvaged_directory.h"

#include <algorithm>
#include <utility>

#include "log_reader.h"
#include "record.h"

namespace appmem::storage {
namespace {

/// A record that is lost leaves an empty one. More than so many in a row are no damage but another
/// log's files.
constexpr std::uint64_t kMissingMax = 100'000'000;

LostPart part_of(const NamedFile& named, const Salvage& salvage) {
  return {.file = named.name,
          .from = salvage.lost_from(),
          .to = salvage.lost_to(),
          .problem = salvage.problem()};
}

}  // namespace

Result<SalvagedDirectory::Content> SalvagedDirectory::read_content(const NamedFile& named,
                                                                   ShowPayload show) {
  auto salvage = open(named, Salvage::Kind::kContent);
  if (!salvage) return fail(std::move(salvage).error());
  Content content;
  for (;;) {
    const auto found = salvage->next();
    if (!found) return fail(found.error());
    switch (*found) {
      case Salvage::Found::kRecord:
        if (auto shown = show(salvage->payload()); !shown) return fail(std::move(shown).error());
        break;
      case Salvage::Found::kFinish: {
        std::string_view payload = salvage->payload();
        static_cast<void>(take_varint(payload));
        content.needed = take_varint(payload);
        break;
      }
      case Salvage::Found::kLost:
        content.whole = false;
        has_losses = true;
        lost.push_back(part_of(named, *salvage));
        break;
      case Salvage::Found::kEnd:
        return content;
      case Salvage::Found::kMark:
      case Salvage::Found::kTorn:
        break;
    }
  }
}

Result<void> SalvagedDirectory::read_log(const std::vector<NamedFile>& segments,
                                         std::uint64_t checkpoint, ShowRecord show) {
  last_ = checkpoint;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool is_last = i + 1 == segments.size();
    if (!is_last && segments[i + 1].sequence <= checkpoint + 1) continue;
    if (auto read = read_segment(segments[i], is_last, show); !read) return read;
    if (!is_last && segments[i + 1].sequence > last_ + 1) {
      if (auto noted = note_missing(segments[i + 1].sequence - 1); !noted) return noted;
    }
    flush();
  }
  return {};
}

Result<Salvage> SalvagedDirectory::open(const NamedFile& named, Salvage::Kind kind) {
  auto salvage = Salvage::open(files_, directory_ + "/" + named.name, named, kind);
  if (salvage && !directory_id) directory_id = salvage->directory_id();
  return salvage;
}

Result<void> SalvagedDirectory::read_segment(const NamedFile& named, bool is_last,
                                             ShowRecord show) {
  auto salvage = open(named, is_last ? Salvage::Kind::kLastSegment : Salvage::Kind::kSegment);
  if (!salvage) return fail(std::move(salvage).error());
  salvage->set_mark(mark);
  for (;;) {
    const auto found = salvage->next();
    if (!found) return fail(found.error());
    mark = std::max(mark, salvage->mark());
    switch (*found) {
      case Salvage::Found::kRecord: {
        const std::uint64_t sequence = salvage->record().sequence;
        if (sequence <= last_) break;
        if (sequence > last_ + 1) {
          if (auto noted = note_missing(sequence - 1); !noted) return noted;
        }
        flush();
        last_ = sequence;
        if (auto shown = show(sequence, salvage->payload()); !shown) return shown;
        break;
      }
      case Salvage::Found::kLost:
        pending_.push_back(part_of(named, *salvage));
        break;
      case Salvage::Found::kTorn:
        cut_bytes += salvage->lost_to() - salvage->lost_from();
        break;
      case Salvage::Found::kEnd:
        return is_last ? end_log(named) : Result<void>();
      case Salvage::Found::kMark:
      case Salvage::Found::kFinish:
        break;
    }
  }
}

/// What was lost at the end of the last segment.
Result<void> SalvagedDirectory::end_log(const NamedFile& named) {
  if (pending_.empty()) return {};
  const auto empty = has_no_records(files_, directory_ + "/" + named.name);
  if (!empty) return fail(empty.error());
  if (*empty) {
    pending_.clear();
    return {};
  }
  if (auto noted = note_missing(std::max(mark, last_ + 1)); !noted) return noted;
  flush();
  return {};
}

/// The records behind the last one, up to `to`, are not there.
Result<void> SalvagedDirectory::note_missing(std::uint64_t to) {
  if (to - last_ > kMissingMax) {
    return fail(ErrorCode::kUnavailable,
                directory_ + ": more than " + std::to_string(kMissingMax) +
                    " records are missing after " + std::to_string(last_) +
                    ": these are the files of two logs; take those away that do not belong here");
  }
  has_losses = true;
  if (pending_.empty()) pending_.push_back({.problem = "there is no file with them"});
  pending_.front().first_missing = last_ + 1;
  pending_.front().last_missing = to;
  last_ = to;
  return {};
}

void SalvagedDirectory::flush() {
  for (LostPart& part : pending_)
    lost.push_back(std::move(part));
  pending_.clear();
}

}  // namespace appmem::storage
