#include "log_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace appmem::storage {
namespace {

std::string hex(std::uint64_t number, int digits) {
  std::array<char, 24> text{};
  const int length = std::snprintf(text.data(), text.size(), "%0*llx", digits,
                                   static_cast<unsigned long long>(number));
  return {text.data(), static_cast<std::size_t>(length)};
}

/// Exactly `digits` hexadecimal digits at the beginning of `text`, which is shortened by them.
std::optional<std::uint64_t> take_hex(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = text.data() + digits;
  const auto [stopped, error] = std::from_chars(text.data(), end, number, 16);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

void classify(const std::string& name, DirectoryListing& listing) {
  std::string_view rest = name;
  if (rest.ends_with(format::kUnfinishedSuffix)) {
    listing.unfinished.push_back(name);
  } else if (rest == format::kRepairMoving || rest == format::kRepairWriting) {
    listing.repair = name;
  } else if (take(rest, format::kSegmentPrefix)) {
    const auto sequence = take_hex(rest, 16);
    if (sequence && rest == format::kSegmentSuffix) listing.segments.push_back({name, *sequence});
  } else if (take(rest, format::kCheckpointPrefix)) {
    const auto sequence = take_hex(rest, 16);
    if (sequence && rest == format::kCheckpointSuffix) {
      listing.checkpoints.push_back({name, *sequence});
    }
  } else if (take(rest, format::kSnapshotPrefix)) {
    const auto ns = take_hex(rest, 8);
    if (!ns || !take(rest, "-")) return;
    const auto sequence = take_hex(rest, 16);
    if (sequence && rest == format::kCheckpointSuffix) {
      listing.snapshots.push_back({name, *sequence, static_cast<NamespaceNumber>(*ns)});
    }
  }
}

}  // namespace

Result<DirectoryListing> list_directory(FileSystem& files, const std::string& directory) {
  auto names = files.list(directory);
  if (!names) return fail(std::move(names).error());
  DirectoryListing listing;
  for (const std::string& name : *names)
    classify(name, listing);
  const auto by_sequence = [](const NamedFile& a, const NamedFile& b) {
    return a.ns != b.ns ? a.ns < b.ns : a.sequence < b.sequence;
  };
  for (auto* list : {&listing.segments, &listing.checkpoints, &listing.snapshots})
    std::sort(list->begin(), list->end(), by_sequence);
  return listing;
}

std::string segment_name(std::uint64_t first_sequence) {
  return std::string(format::kSegmentPrefix) + hex(first_sequence, 16) +
         std::string(format::kSegmentSuffix);
}

std::string checkpoint_name(std::uint64_t sequence) {
  return std::string(format::kCheckpointPrefix) + hex(sequence, 16) +
         std::string(format::kCheckpointSuffix);
}

std::string snapshot_name(NamespaceNumber ns, std::uint64_t sequence) {
  return std::string(format::kSnapshotPrefix) + hex(ns, 8) + "-" + hex(sequence, 16) +
         std::string(format::kCheckpointSuffix);
}

std::optional<Misplaced> misplaced(const NamedFile& named, const FileHeader& header,
                                   std::uint64_t directory) {
  if (header.sequence != named.sequence) {
    return Misplaced{format::kSequenceAt, "the file has another one's name"};
  }
  if (directory != 0 && header.directory != directory) {
    return Misplaced{format::kDirectoryAt, "it belongs to another directory"};
  }
  return std::nullopt;
}

Error unfinished_repair(const std::string& directory) {
  return {ErrorCode::kUnavailable,
          "a repair of " + directory + " has not come to its end: run appmemd --repair again",
          std::nullopt};
}

Result<std::string> read_file(FileSystem& files, const std::string& path) {
  auto file = files.open(path, FileSystem::Open::kRead);
  if (!file) return fail(std::move(file).error());
  const auto size = (*file)->size();
  if (!size) return fail(size.error());
  std::string bytes(static_cast<std::size_t>(*size), '\0');
  const auto read = (*file)->read_at(0, bytes);
  if (!read) return fail(read.error());
  bytes.resize(*read);
  return bytes;
}

Error damage(const std::string& path, std::uint64_t offset, const std::string& what) {
  return {ErrorCode::kUnavailable,
          path + " is damaged at byte " + std::to_string(offset) + ": " + what +
              "; appmemd --repair keeps what is whole and lists what is lost",
          std::nullopt};
}

}  // namespace appmem::storage
