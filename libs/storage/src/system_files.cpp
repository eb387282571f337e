#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "appmem/storage/file_system.h"

namespace appmem::storage {
namespace {

/// What one pwritev() takes at most.
constexpr std::size_t kPiecesMax = IOV_MAX;
constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
/// Of a process id, as a lock file holds it.
constexpr std::size_t kProcessIdBytesMax = 20;

/// `reason`: an errno.
tl::unexpected<Error> failed(const std::string& what, int reason) {
  return fail(ErrorCode::kUnavailable, what + ": " + std::generic_category().message(reason));
}

/// Calls until it is not interrupted: what it returns.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR)
    result = call();
  return result;
}

/// Aligned as direct writes want it. Never written to, so that it takes no memory.
alignas(File::kBlockBytes) std::array<char, std::size_t{256} << 10U> zeros;

/// A descriptor of its own.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

Descriptor open_descriptor(const std::string& path, int flags) {
  return Descriptor(
      uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, kFileMode); }));
}

/// Pieces of text on their way through pwritev(), which may take any number of bytes a call.
class PieceQueue {
 public:
  // `vectors_` is 16 KiB, of which front() fills what is needed.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  explicit PieceQueue(std::span<const std::string_view> pieces) : pieces_(pieces) { skip_empty(); }

  [[nodiscard]] bool empty() const { return pieces_.empty(); }

  /// What is to be written next. Lifetime: until it is asked for again.
  std::span<const iovec> front() {
    std::size_t count = 0;
    std::size_t from = taken_;
    for (const std::string_view piece : pieces_.first(std::min(pieces_.size(), kPiecesMax))) {
      // The call writes from it only; its type serves readv() too.
      vectors_[count++] = {const_cast<char*>(piece.data()) + from, piece.size() - from};
      from = 0;
    }
    return std::span(vectors_).first(count);
  }

  void take(std::size_t bytes) {
    while (!pieces_.empty() && bytes >= pieces_.front().size() - taken_) {
      bytes -= pieces_.front().size() - taken_;
      taken_ = 0;
      pieces_ = pieces_.subspan(1);
    }
    taken_ += bytes;
  }

 private:
  void skip_empty() { take(0); }

  std::span<const std::string_view> pieces_;
  std::size_t taken_ = 0;  // of the first piece
  std::array<iovec, kPiecesMax> vectors_;
};

class SystemFile final : public File {
 public:
  SystemFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = uninterrupted([&] {
        return ::pread(descriptor_.number(), out.data() + done, out.size() - done,
                       static_cast<off_t>(offset + done));
      });
      if (n < 0) return failed("read " + path_, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    for (PieceQueue queue(pieces); !queue.empty();) {
      const std::span<const iovec> next = queue.front();
      const ssize_t n = uninterrupted([&] {
        return ::pwritev(descriptor_.number(), next.data(), static_cast<int>(next.size()),
                         static_cast<off_t>(offset));
      });
      if (n <= 0) return failed("write to " + path_, n < 0 ? errno : EIO);
      queue.take(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<void> sync() override {
    if (uninterrupted([&] { return ::fdatasync(descriptor_.number()); }) != 0) {
      return failed("sync " + path_, errno);
    }
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    const auto length = static_cast<off_t>(size);
    if (uninterrupted([&] { return ::ftruncate(descriptor_.number(), length); }) != 0) {
      return failed("truncate " + path_, errno);
    }
    return {};
  }

  Result<void> reserve(std::uint64_t size) override {
    // The call refuses 0, which asks for nothing.
    if (size == 0) return {};
    const auto length = static_cast<off_t>(size);
    if (uninterrupted([&] { return ::fallocate(descriptor_.number(), 0, 0, length); }) == 0) {
      return {};
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS) return failed("reserve " + path_, errno);
    // A file system that takes space only as it is written to; posix_fallocate() would write zeros.
    const Result<std::uint64_t> had = this->size();
    if (!had) return fail(had.error());
    return *had < size ? truncate(size) : Result<void>();
  }

  Result<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) override {
    if (!direct_) {
      if (!overwrites_in_place()) return failed("write zeros to " + path_, EOPNOTSUPP);
      direct_ = open_descriptor(path_, O_WRONLY | O_DIRECT);
      if (!direct_) return failed("open " + path_ + " without the page cache", errno);
    }
    while (bytes > 0) {
      const std::uint64_t next = std::min<std::uint64_t>(bytes, zeros.size());
      const ssize_t n = uninterrupted([&] {
        return ::pwrite(direct_.number(), zeros.data(), static_cast<std::size_t>(next),
                        static_cast<off_t>(offset));
      });
      if (n <= 0) return failed("write zeros to " + path_, n < 0 ? errno : EIO);
      offset += static_cast<std::uint64_t>(n);
      bytes -= static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat status {};
    if (::fstat(descriptor_.number(), &status) != 0) return failed("look at " + path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  /// Of those that do not, zeros would take the space that was reserved. Whether others do is not
  /// known.
  [[nodiscard]] bool overwrites_in_place() const {
    struct statfs status {};
    if (::fstatfs(descriptor_.number(), &status) != 0) return false;
    return status.f_type == EXT4_SUPER_MAGIC || status.f_type == XFS_SUPER_MAGIC;
  }

  Descriptor descriptor_;
  std::string path_;
  Descriptor direct_{-1};  // used by write_zeros() only
};

class SystemFileLock final : public FileLock {
 public:
  /// Closing it gives the lock back. The file stays: whoever removed it might remove one that
  /// somebody else has just locked.
  explicit SystemFileLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

/// For people only: what fails here does not matter.
void write_process_id(const Descriptor& file) {
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.number(), 0) != 0) return;
  static_cast<void>(::pwrite(file.number(), text.data(), text.size(), 0));
}

/// "process 123", or as much as can be told.
std::string holder_of(const Descriptor& file) {
  std::array<char, kProcessIdBytesMax> buffer{};
  const ssize_t n = ::pread(file.number(), buffer.data(), buffer.size(), 0);
  std::string_view text(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  text = text.substr(0, text.find_first_not_of("0123456789"));
  return text.empty() ? "another process" : "process " + std::string(text);
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// The directory that holds what `path` names.
std::string parent_of(const std::string& path) {
  std::filesystem::path whole(path);
  if (!whole.has_filename()) whole = whole.parent_path();  // "a/b/"
  std::string parent = whole.parent_path();
  return parent.empty() ? "." : parent;
}

class SystemFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    int flags = O_RDONLY;
    if (how == Open::kWrite) flags = O_RDWR;
    if (how == Open::kMake) flags = O_RDWR | O_CREAT | O_EXCL;
    Descriptor descriptor = open_descriptor(path, flags);
    if (!descriptor) return failed((how == Open::kMake ? "make " : "open ") + path, errno);
    return std::make_unique<SystemFile>(std::move(descriptor), path);
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
      names.push_back(entry->path().filename());
    if (error == std::errc::no_such_file_or_directory && names.empty()) return names;
    if (error) return failed("list " + directory, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> make_directory(const std::string& path) override {
    if (is_directory(path)) return {};
    const std::string parent = parent_of(path);
    if (parent != path) {
      if (Result<void> made = make_directory(parent); !made) return made;
    }
    // Somebody else may have made it in the meantime; a file of that name is an error.
    if (::mkdir(path.c_str(), kDirectoryMode) != 0 && (errno != EEXIST || !is_directory(path))) {
      return failed("make the directory " + path, errno);
    }
    if (Result<void> synced = sync_directory(path); !synced) return synced;
    return sync_directory(parent);
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (std::rename(from.c_str(), to.c_str()) != 0) {
      return failed("rename " + from + " to " + to, errno);
    }
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return failed("remove " + path, errno);
    return {};
  }

  Result<void> sync_directory(const std::string& path) override {
    const Descriptor directory = open_descriptor(path, O_RDONLY | O_DIRECTORY);
    if (!directory) return failed("open the directory " + path, errno);
    // EINVAL: a file system that has no such thing, and so needs none.
    if (uninterrupted([&] { return ::fsync(directory.number()); }) != 0 && errno != EINVAL) {
      return failed("sync the directory " + path, errno);
    }
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    Descriptor file = open_descriptor(path, O_RDWR | O_CREAT);
    if (!file) return failed("open " + path, errno);
    // Not fcntl()'s: a process would be let in twice, and any close() of the file would unlock it.
    if (uninterrupted([&] { return ::flock(file.number(), LOCK_EX | LOCK_NB); }) != 0) {
      if (errno != EWOULDBLOCK) return failed("lock " + path, errno);
      return fail(ErrorCode::kBusy, path + " is held by " + holder_of(file));
    }
    write_process_id(file);
    return std::make_unique<SystemFileLock>(std::move(file));
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_system_files() {
  return std::make_unique<SystemFiles>();
}

}  // namespace appmem::storage
