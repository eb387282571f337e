#include "content_file.h"

#include "appmem/base/units.h"

namespace appmem::storage {
namespace {

constexpr std::size_t kBytesKept = 4_MiB;

}  // namespace

ContentFile::~ContentFile() {
  if (file_ == nullptr) return;
  file_.reset();
  // What cannot be removed now is at the next start.
  static_cast<void>(files_.remove(unfinished_path()));
}

Result<void> ContentFile::begin(WallTime now) {
  header_.created_ms = static_cast<std::uint64_t>(now.time_since_epoch().count());
  // What an earlier attempt could not take away.
  static_cast<void>(files_.remove(unfinished_path()));
  auto made = files_.open(unfinished_path(), FileSystem::Open::kMake);
  if (!made) return fail(std::move(made).error());
  file_ = *std::move(made);
  offset_ = format::kFileHeaderBytes;
  return write_header(0);
}

Result<void> ContentFile::write_header(std::uint64_t hash_seed) {
  FileHeader header = header_;
  header.hash_seed = hash_seed;
  const std::string bytes = encode_file_header(format::kCheckpointMagic, header);
  const std::string_view piece = bytes;
  return file_->write_at(0, {&piece, 1});
}

Result<void> ContentFile::write(RecordBuffer& records, CheckpointOwner& owner) {
  if (records.empty()) return {};
  records.compress(compressor_);
  const std::uint64_t bytes = records.bytes();
  records.seal(header_.salt);
  pieces_.clear();
  records.gather(pieces_);
  if (auto wrote = file_->write_at(offset_, pieces_); !wrote) return wrote;
  offset_ += bytes;
  records.clear_all(kBytesKept);
  if (!owner.go_on(bytes)) {
    return fail(ErrorCode::kUnavailable, "the checkpoint was given up: the daemon stops");
  }
  return {};
}

Result<void> ContentFile::finish(const End& end, CheckpointOwner& owner) {
  RecordBuffer records;
  records.begin(format::RecordKind::kEnd, end.record);
  records.put_varint(end.entries);
  records.put_varint(end.needed);
  records.end();
  if (auto wrote = write(records, owner); !wrote) return wrote;
  if (end.hints_hold && header_.hash_seed != 0) {
    if (auto wrote = write_header(header_.hash_seed); !wrote) return wrote;
  }
  if (end.needed != 0) {
    if (auto synced = owner.wait_synced(end.needed); !synced) return synced;
  }
  if (auto synced = file_->sync(); !synced) return synced;
  if (auto renamed = files_.rename(unfinished_path(), path()); !renamed) return renamed;
  file_.reset();
  return files_.sync_directory(directory_);
}

}  // namespace appmem::storage
