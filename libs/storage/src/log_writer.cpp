#include "log_writer.h"

#include <algorithm>
#include <utility>

#include "appmem/base/check.h"
#include "log_files.h"

namespace appmem::storage {
namespace {

/// The next number of a sequence that looks random (splitmix64, Steele and others, 2014).
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t mixed = state;
  mixed = (mixed ^ mixed >> 30U) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ mixed >> 27U) * 0x94d049bb133111ebU;
  return mixed ^ mixed >> 31U;
}

/// Of a mark: its header and the sequence number.
constexpr std::uint64_t kMarkBytes = format::kRecordHeaderBytes + 8;
/// A mark keeps this much memory from one group to the next.
constexpr std::size_t kMarkBytesKept = 256;

/// Zeros reach so far ahead: what a fast log takes in some tens of milliseconds.
constexpr std::uint64_t kZerosAheadBytes = std::uint64_t{4} << 20U;
/// Written at once: a fraction of a millisecond on a fast disk. A group that is written meanwhile
/// waits for that, since file systems lock a file.
constexpr std::uint64_t kZerosBytes = std::uint64_t{256} << 10U;
/// And so far from what is being written, for a group that follows at once.
constexpr std::uint64_t kZerosGapBytes = std::uint64_t{256} << 10U;
/// All of these are at most so many parts of a segment.
constexpr std::uint64_t kZerosPartsMin = 8;

constexpr std::uint64_t round_down(std::uint64_t bytes) {
  return bytes / File::kBlockBytes * File::kBlockBytes;
}
constexpr std::uint64_t round_up(std::uint64_t bytes) {
  return round_down(bytes + File::kBlockBytes - 1);
}

}  // namespace

LogWriter::LogWriter(FileSystem& files, Options options)
    : files_(files), options_(std::move(options)), salt_state_(options_.seed) {
}

Result<void> LogWriter::begin(std::uint64_t first_sequence, WallTime now) {
  const std::string name = segment_name(first_sequence);
  auto made = files_.open(options_.directory + "/" + name, FileSystem::Open::kMake);
  if (!made) return fail(std::move(made).error());
  std::shared_ptr<File> file = *std::move(made);
  const auto salt = static_cast<std::uint32_t>(next_random(salt_state_));
  const std::string header =
      encode_file_header(format::kSegmentMagic,
                         {.directory = options_.directory_id,
                          .sequence = first_sequence,
                          .created_ms = static_cast<std::uint64_t>(now.time_since_epoch().count()),
                          .salt = salt});
  const std::string_view piece = header;
  name_ = name;  // also when it fails: abandon() tells what is to be removed
  if (auto wrote = file->write_at(0, {&piece, 1}); !wrote) return wrote;
  // A full disk is met here rather than in the middle of a group.
  if (auto reserved = file->reserve(options_.segment_bytes); !reserved) return reserved;
  if (auto synced = file->sync(); !synced) return synced;
  if (auto synced = files_.sync_directory(options_.directory); !synced) return synced;
  salt_ = salt;
  last_ = first_sequence - 1;
  const std::lock_guard lock(mutex_);
  file_ = std::move(file);
  offset_ = format::kFileHeaderBytes;
  writing_to_ = offset_;
  zeros_end_ = 0;
  may_write_zeros_ = options_.writes_zeros;
  return {};
}

Result<void> LogWriter::write(RecordBuffer& records, std::uint64_t last_sequence,
                              std::uint64_t synced, WallTime now) {
  APPMEM_CHECK(begun());
  mark_.clear_all(kMarkBytesKept);
  mark_.begin(format::RecordKind::kGroup, last_ + 1);
  mark_.put_u64(synced);
  mark_.end();
  const std::uint64_t bytes = kMarkBytes + records.bytes();
  if (offset_ > format::kFileHeaderBytes && offset_ + bytes > options_.segment_bytes) {
    if (auto sealed = seal(); !sealed) return sealed;
    if (auto next = begin(last_ + 1, now); !next) return next;
  }
  mark_.seal(salt_);
  records.seal(salt_);
  begin_writing({offset_, offset_ + bytes});
  pieces_.clear();
  mark_.gather(pieces_);
  records.gather(pieces_);
  if (auto wrote = file_->write_at(offset_, pieces_); !wrote) return wrote;
  last_ = last_sequence;
  const std::lock_guard lock(mutex_);
  offset_ += bytes;
  return {};
}

Result<void> LogWriter::sync() {
  std::shared_ptr<File> file;
  {
    const std::lock_guard lock(mutex_);
    file = file_;
  }
  return file == nullptr ? Result<void>() : file->sync();
}

/// Nobody writes zeros to `range`, the next one of the file, and nobody begins to.
void LogWriter::begin_writing(Range range) {
  std::unique_lock lock(mutex_);
  zeros_written_.wait(lock,
                      [&] { return zeroing_.end <= range.begin || zeroing_.begin >= range.end; });
  writing_to_ = range.end;
}

/// Nobody writes zeros to the current segment any more, and nobody begins to.
void LogWriter::end_zeros() {
  std::unique_lock lock(mutex_);
  may_write_zeros_ = false;
  zeros_written_.wait(lock, [&] { return zeroing_.begin == zeroing_.end; });
}

/// With mutex_ locked.
LogWriter::Range LogWriter::next_zeros() const {
  if (!may_write_zeros_ || file_ == nullptr) return {};
  const std::uint64_t part = options_.segment_bytes / kZerosPartsMin;
  const std::uint64_t ahead = writing_to_ + std::min(kZerosAheadBytes, part);
  const std::uint64_t begin =
      std::max(zeros_end_, round_up(writing_to_ + std::min(kZerosGapBytes, part)));
  const std::uint64_t length = std::max(round_down(std::min(kZerosBytes, part)), File::kBlockBytes);
  const std::uint64_t end = std::min(begin + length, round_down(options_.segment_bytes));
  return begin < end && zeros_end_ < ahead ? Range{begin, end} : Range{};
}

bool LogWriter::wants_zeros() const {
  const std::lock_guard lock(mutex_);
  if (zeros_end_ > writing_to_ + kZerosAheadBytes / 2) return false;
  const Range next = next_zeros();
  return next.begin < next.end;
}

Result<bool> LogWriter::write_zeros() {
  std::unique_lock lock(mutex_);
  const Range next = next_zeros();
  if (next.begin == next.end) return false;
  zeroing_ = next;
  const std::shared_ptr<File> file = file_;
  lock.unlock();
  const auto written = file->write_zeros(next.begin, next.end - next.begin);
  lock.lock();
  zeroing_ = {};
  zeros_end_ = next.end;
  if (!written) may_write_zeros_ = false;
  zeros_written_.notify_all();
  if (!written) return fail(written.error());
  return true;
}

bool LogWriter::begun() const {
  const std::lock_guard lock(mutex_);
  return file_ != nullptr;
}

bool LogWriter::has_room(std::uint64_t records_bytes) const {
  const std::lock_guard lock(mutex_);
  return file_ != nullptr && offset_ + kMarkBytes + records_bytes <= options_.segment_bytes;
}

Result<void> LogWriter::seal() {
  end_zeros();
  if (auto cut = file_->truncate(offset_); !cut) return cut;
  if (auto synced = file_->sync(); !synced) return synced;
  const std::lock_guard lock(mutex_);
  sealed_.push_back({std::exchange(name_, {}), last_.load(), offset_});
  file_.reset();
  return {};
}

Result<void> LogWriter::close() {
  if (!begun()) return {};
  end_zeros();
  if (auto cut = file_->truncate(offset_); !cut) return cut;
  return file_->sync();
}

std::string LogWriter::abandon() {
  end_zeros();
  const std::lock_guard lock(mutex_);
  file_.reset();
  return std::exchange(name_, {});
}

void LogWriter::add_sealed(SealedSegment segment) {
  const std::lock_guard lock(mutex_);
  sealed_.push_back(std::move(segment));
}

std::vector<SealedSegment> LogWriter::take_sealed(std::uint64_t up_to) {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  while (count < sealed_.size() && sealed_[count].last_sequence <= up_to)
    ++count;
  const auto end = sealed_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<SealedSegment> taken(std::make_move_iterator(sealed_.begin()),
                                   std::make_move_iterator(end));
  sealed_.erase(sealed_.begin(), end);
  return taken;
}

LogWriter::Size LogWriter::size() const {
  const std::lock_guard lock(mutex_);
  Size size{.segments = sealed_.size() + (file_ != nullptr ? 1 : 0), .bytes = offset_};
  for (const SealedSegment& segment : sealed_)
    size.bytes += segment.bytes;
  return size;
}

}  // namespace appmem::storage
