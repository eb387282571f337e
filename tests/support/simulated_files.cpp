#include "support/simulated_files.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace appmem::test {
namespace {

constexpr std::uint64_t kSectorBytes = 512;

/// Random numbers that are the same everywhere. (test::Random shows its seed by itself, which is
/// for tests to do, and takes the environment's.)
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  bool coin() { return below(2) == 0; }

 private:
  std::mt19937_64 engine_;
};

tl::unexpected<Error> failed(const std::string& what, const std::string& why) {
  return fail(ErrorCode::kUnavailable, what + ": " + why);
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

void put(std::string& onto, std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  if (onto.size() < offset + bytes.size()) onto.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), onto.begin() + static_cast<std::ptrdiff_t>(offset));
}

/// What was done to a file.
struct Change {
  enum class Kind : std::uint8_t { kWrite, kResize, kGrow };
  enum class Safety : std::uint8_t {
    kUnsynced,
    kInDoubt,  // a sync of it failed
    kSynced,   // behind one that is in doubt
  };
  Kind kind = Kind::kWrite;
  std::uint64_t at = 0;  // offset, or size
  std::string bytes;
  Safety safety = Safety::kUnsynced;

  void apply(std::string& onto) const {
    switch (kind) {
      case Kind::kWrite:
        return put(onto, at, bytes);
      case Kind::kResize:
        return onto.resize(at);
      case Kind::kGrow:
        return onto.resize(std::max<std::uint64_t>(onto.size(), at));
    }
  }
};

/// What was done to a directory, and to which file.
struct NameChange {
  enum class Kind : std::uint8_t { kMake, kRename, kRemove };
  Kind kind = Kind::kMake;
  std::string name;
  std::string new_name;
  std::uint64_t node = 0;

  /// The changes before it may be missing.
  void apply(std::map<std::string, std::uint64_t>& names) const {
    if (kind == Kind::kMake) {
      names[name] = node;
      return;
    }
    const auto old = names.find(name);
    if (old != names.end() && old->second == node) names.erase(old);
    if (kind == Kind::kRename) names[new_name] = node;
  }
};

/// Decides in a crash.
class Crash {
 public:
  explicit Crash(std::uint64_t seed) : dice_(seed) {
    const std::uint64_t roll = dice_.below(8);
    if (roll == 0) mode_ = Mode::kLosesAll;
    if (roll == 1) mode_ = Mode::kKeepsAll;
  }

  bool keeps() { return mode_ == Mode::kEachByItself ? dice_.coin() : mode_ == Mode::kKeepsAll; }

  /// Applying what is left of the changes in their order is enough: what came to the disk the other
  /// way round looks as if the earlier one were lost.
  void apply(const Change& change, std::string& onto) {
    if (change.safety == Change::Safety::kSynced) return change.apply(onto);
    if (mode_ == Mode::kEachByItself && change.kind == Change::Kind::kWrite) {
      return tear(change, onto);
    }
    if (keeps()) change.apply(onto);
  }

 private:
  enum class Mode : std::uint8_t { kEachByItself, kLosesAll, kKeepsAll };

  void tear(const Change& write, std::string& onto) {
    const std::string_view bytes = write.bytes;
    switch (dice_.below(4)) {
      case 0:
        put(onto, write.at, bytes);
        break;
      case 1:
        break;
      case 2:
        put(onto, write.at, bytes.substr(0, dice_.below(bytes.size() + 1)));
        break;
      default:
        for (std::size_t from = 0; from < bytes.size();) {
          const std::size_t in_sector = kSectorBytes - (write.at + from) % kSectorBytes;
          if (dice_.coin()) put(onto, write.at + from, bytes.substr(from, in_sector));
          from += in_sector;
        }
        break;
    }
    // The size is on the disk, the bytes are not.
    const std::uint64_t end = write.at + bytes.size();
    if (onto.size() < end && dice_.coin()) onto.resize(end);
  }

  Dice dice_;
  Mode mode_ = Mode::kEachByItself;
};

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

struct SplitPath {
  std::string directory;  // empty: the one of the process
  std::string name;
};

SplitPath split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

std::string join(const std::string& directory, const std::string& name) {
  if (directory.empty()) return name;
  return directory.back() == '/' ? directory + name : directory + "/" + name;
}

}  // namespace

/// The contents of a file, whatever its name.
struct SimulatedFiles::Node {
  std::string bytes;   // as a process sees them
  std::string synced;  // without `changes`
  std::vector<Change> changes;

  void add(Change change) {
    change.apply(bytes);
    changes.push_back(std::move(change));
  }

  void succeed_in_sync() {
    for (Change& change : changes) {
      if (change.safety == Change::Safety::kUnsynced) change.safety = Change::Safety::kSynced;
    }
    auto first_in_doubt = changes.begin();
    for (; first_in_doubt != changes.end(); ++first_in_doubt) {
      if (first_in_doubt->safety == Change::Safety::kInDoubt) break;
      first_in_doubt->apply(synced);
    }
    changes.erase(changes.begin(), first_in_doubt);
  }

  void fail_in_sync() {
    for (Change& change : changes) {
      if (change.safety == Change::Safety::kUnsynced) change.safety = Change::Safety::kInDoubt;
    }
  }

  void settle(std::string now) {
    synced = now;
    bytes = std::move(now);
    changes.clear();
  }
};

struct SimulatedFiles::Directory {
  std::map<std::string, NodeId> names;  // as a process sees them
  std::map<std::string, NodeId> synced;
  std::vector<NameChange> changes;

  void add(NameChange change) {
    change.apply(names);
    changes.push_back(std::move(change));
  }

  void settle(std::map<std::string, NodeId> now) {
    synced = now;
    names = std::move(now);
    changes.clear();
  }
};

/// Copies as a whole.
struct SimulatedFiles::Disk {
  std::map<NodeId, Node> nodes;
  std::map<std::string, Directory> directories{{"", {}}, {"/", {}}};
  NodeId next_node = 1;
};

class SimulatedFiles::OpenFile final : public storage::File {
 public:
  OpenFile(SimulatedFiles& of_files, std::string of_path, NodeId of_node, bool may_write)
      : path(std::move(of_path)),
        node(of_node),
        start(of_files.starts_),
        is_writable(may_write),
        files_(of_files) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) override {
    return files_.read(*this, offset, out);
  }
  Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    return files_.write(*this, offset, pieces);
  }
  Result<void> sync() override { return files_.sync(*this); }
  Result<void> truncate(std::uint64_t size) override { return files_.resize(*this, size, false); }
  Result<void> reserve(std::uint64_t size) override { return files_.resize(*this, size, true); }
  Result<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) override {
    return files_.write_zeros(*this, offset, bytes);
  }
  Result<std::uint64_t> size() override { return files_.size(*this); }

  const std::string path;
  const NodeId node;
  const std::uint64_t start;
  const bool is_writable;

 private:
  SimulatedFiles& files_;
};

class SimulatedFiles::HeldLock final : public storage::FileLock {
 public:
  HeldLock(SimulatedFiles& of_files, std::string of_path)
      : path(std::move(of_path)), start(of_files.starts_), files_(of_files) {}
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;
  ~HeldLock() override { files_.unlock(*this); }

  const std::string path;
  const std::uint64_t start;

 private:
  SimulatedFiles& files_;
};

/// Holds the mutex, and tells when it is free again.
class SimulatedFiles::Operation {
 public:
  Operation(SimulatedFiles& files, const std::string& what)
      : files_(files), what_(what), lock_(files.mutex_) {}
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() {
    if (files_.is_telling_ || !files_.behind_each_) return;
    files_.is_telling_ = true;
    lock_.unlock();
    files_.behind_each_(what_);
    lock_.lock();
    files_.is_telling_ = false;
  }

 private:
  SimulatedFiles& files_;
  const std::string& what_;
  std::unique_lock<std::mutex> lock_;
};

namespace {

constexpr const char* kCrashed = "the machine has crashed";

}  // namespace

SimulatedFiles::SimulatedFiles(std::uint64_t seed) : seed_(seed), disk_(std::make_unique<Disk>()) {
}

SimulatedFiles::~SimulatedFiles() = default;

SimulatedFiles::Fate SimulatedFiles::next_fate(bool takes_space) {
  const std::uint64_t operation = operations_++;
  if (crash_at_ && operation >= *crash_at_) {
    ++faults_;
    return {.why = kCrashed, .is_done = operation == *crash_at_};
  }
  if (!fault_ || operation < fault_->operation) return {};
  if (operation > fault_->operation) {
    if (fault_->lasts == Lasts::kOnce) return {};
    if (fault_->fault != Fault::kInputOutput && !takes_space) return {};
  }
  ++faults_;
  return {.why = reason(fault_->fault == Fault::kNoSpace ? ENOSPC : EIO),
          .is_done = false,
          .is_short = fault_->fault == Fault::kShortWrite};
}

SimulatedFiles::Directory* SimulatedFiles::directory_of(const std::string& path) const {
  const auto found = disk_->directories.find(split(path).directory);
  return found != disk_->directories.end() ? &found->second : nullptr;
}

std::optional<SimulatedFiles::NodeId> SimulatedFiles::find(const std::string& path) const {
  const Directory* const directory = directory_of(path);
  if (directory == nullptr) return std::nullopt;
  const auto found = directory->names.find(split(path).name);
  if (found == directory->names.end()) return std::nullopt;
  return found->second;
}

SimulatedFiles::Node& SimulatedFiles::node_of(const std::string& path) const {
  const std::optional<NodeId> id = find(path);
  if (!id) throw std::logic_error("no simulated file " + path);
  return disk_->nodes.at(*id);
}

SimulatedFiles::NodeId SimulatedFiles::make_file(const std::string& path) {
  const NodeId id = disk_->next_node++;
  disk_->nodes[id];
  directory_of(path)->add({NameChange::Kind::kMake, split(path).name, {}, id});
  return id;
}

Result<std::unique_ptr<storage::File>> SimulatedFiles::open(const std::string& path, Open how) {
  const std::string what = (how == Open::kMake ? "make " : "open ") + path;
  const Operation guard(*this, what);
  const Fate fate = next_fate(how == Open::kMake);
  if (!fate.is_done) return failed(what, fate.why);
  std::optional<NodeId> id = find(path);
  if (how == Open::kMake) {
    if (id) return failed(what, reason(EEXIST));
    if (directory_of(path) == nullptr) return failed(what, reason(ENOENT));
    id = make_file(path);
  }
  if (!fate.why.empty()) return failed(what, fate.why);
  if (!id) return failed(what, reason(ENOENT));
  return std::make_unique<OpenFile>(*this, path, *id, how != Open::kRead);
}

Result<std::vector<std::string>> SimulatedFiles::list(const std::string& directory) {
  const std::string what = "list " + directory;
  const Operation guard(*this, what);
  const Fate fate = next_fate(false);
  if (!fate.why.empty()) return failed(what, fate.why);
  const std::string path = without_slash(directory);
  std::vector<std::string> names;
  const auto found = disk_->directories.find(path);
  if (found == disk_->directories.end()) return names;
  for (const auto& [name, node] : found->second.names)
    names.push_back(name);
  for (const auto& [other, contents] : disk_->directories) {
    if (other != path && !other.empty() && other != "/" && split(other).directory == path) {
      names.push_back(split(other).name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> SimulatedFiles::make_directory(const std::string& path) {
  const std::string what = "make the directory " + path;
  const Operation guard(*this, what);
  const Fate fate = next_fate(true);
  if (!fate.is_done) return failed(what, fate.why);
  for (std::string made = without_slash(path); disk_->directories.count(made) == 0;
       made = split(made).directory) {
    if (find(made)) return failed(what, reason(EEXIST));
    disk_->directories[made];
  }
  if (!fate.why.empty()) return failed(what, fate.why);
  return {};
}

Result<void> SimulatedFiles::rename(const std::string& from, const std::string& to) {
  const std::string what = "rename " + from + " to " + to;
  const Operation guard(*this, what);
  const Fate fate = next_fate(false);
  if (!fate.is_done) return failed(what, fate.why);
  const std::optional<NodeId> id = find(from);
  if (!id) return failed(what, reason(ENOENT));
  if (directory_of(to) == nullptr) return failed(what, reason(ENOENT));
  if (directory_of(from) == directory_of(to)) {
    directory_of(from)->add({NameChange::Kind::kRename, split(from).name, split(to).name, *id});
  } else {
    move_name(from, to, *id);
  }
  if (!fate.why.empty()) return failed(what, fate.why);
  return {};
}

/// From one directory to another, as one step that is on the disk with all before it, as a journal
/// has it. (Here a name could be lost in both.)
void SimulatedFiles::move_name(const std::string& from, const std::string& to, NodeId id) {
  Directory& source = *directory_of(from);
  Directory& target = *directory_of(to);
  source.names.erase(split(from).name);
  target.names[split(to).name] = id;
  source.settle(source.names);
  target.settle(target.names);
}

Result<void> SimulatedFiles::remove(const std::string& path) {
  const std::string what = "remove " + path;
  const Operation guard(*this, what);
  const Fate fate = next_fate(false);
  if (!fate.is_done) return failed(what, fate.why);
  const std::optional<NodeId> id = find(path);
  if (!id) return failed(what, reason(ENOENT));
  directory_of(path)->add({NameChange::Kind::kRemove, split(path).name, {}, *id});
  if (!fate.why.empty()) return failed(what, fate.why);
  return {};
}

Result<void> SimulatedFiles::sync_directory(const std::string& path) {
  const std::string what = "sync the directory " + path;
  const Operation guard(*this, what);
  const Fate fate = next_fate(false);
  if (!fate.why.empty()) return failed(what, fate.why);
  const auto found = disk_->directories.find(without_slash(path));
  if (found == disk_->directories.end()) return failed(what, reason(ENOENT));
  found->second.settle(found->second.names);
  return {};
}

Result<std::unique_ptr<storage::FileLock>> SimulatedFiles::lock(const std::string& path) {
  const std::string what = "lock " + path;
  const Operation guard(*this, what);
  const Fate fate = next_fate(!find(path));
  if (!fate.is_done) return failed(what, fate.why);
  if (directory_of(path) == nullptr) return failed(what, reason(ENOENT));
  if (!find(path)) make_file(path);
  if (!fate.why.empty()) return failed(what, fate.why);
  if (!locked_.insert(path).second) {
    return fail(ErrorCode::kBusy, path + " is held by process " + std::to_string(::getpid()));
  }
  return std::make_unique<HeldLock>(*this, path);
}

void SimulatedFiles::unlock(const HeldLock& lock) {
  const std::lock_guard guard(mutex_);
  if (lock.start == starts_) locked_.erase(lock.path);
}

Result<std::size_t> SimulatedFiles::read(const OpenFile& file, std::uint64_t offset,
                                         std::span<char> out) {
  const std::string what = "read " + file.path;
  const Operation guard(*this, what);
  if (file.start != starts_) return failed(what, kCrashed);
  const Fate fate = next_fate(false);
  if (!fate.why.empty()) return failed(what, fate.why);
  const std::string_view bytes = disk_->nodes.at(file.node).bytes;
  if (offset >= bytes.size()) return 0;
  return bytes.copy(out.data(), out.size(), offset);
}

Result<void> SimulatedFiles::write(const OpenFile& file, std::uint64_t offset,
                                   std::span<const std::string_view> pieces) {
  const std::string what = "write to " + file.path;
  const Operation guard(*this, what);
  if (file.start != starts_) return failed(what, kCrashed);
  Fate fate = next_fate(true);
  if (!file.is_writable) return failed(what, reason(EBADF));
  if (!fate.is_done && !fate.is_short) return failed(what, fate.why);
  std::string bytes;
  for (const std::string_view piece : pieces)
    bytes += piece;
  if (fate.is_short) {
    fate.why = reason(ENOSPC);
    bytes.resize(bytes.empty() ? 0 : Dice(seed_ + operations_).below(bytes.size()));
  }
  if (!bytes.empty()) {
    disk_->nodes.at(file.node).add({Change::Kind::kWrite, offset, std::move(bytes)});
  }
  if (!fate.why.empty()) return failed(what, fate.why);
  return {};
}

Result<void> SimulatedFiles::write_zeros(const OpenFile& file, std::uint64_t offset,
                                         std::uint64_t bytes) {
  const std::string what = "write zeros to " + file.path;
  const Operation guard(*this, what);
  if (file.start != starts_) return failed(what, kCrashed);
  const Fate fate = next_fate(false);
  if (!file.is_writable) return failed(what, reason(EBADF));
  if (!fate.is_done) return failed(what, fate.why);
  Node& node = disk_->nodes.at(file.node);
  const std::string zeros(bytes, '\0');
  if (offset % storage::File::kBlockBytes != 0 || bytes % storage::File::kBlockBytes != 0 ||
      node.bytes.size() < offset + bytes || node.bytes.compare(offset, bytes, zeros) != 0) {
    throw std::logic_error(what + " at " + std::to_string(offset) + ": not over reserved zeros");
  }
  node.add({Change::Kind::kWrite, offset, zeros});
  if (!fate.why.empty()) return failed(what, fate.why);
  return {};
}

Result<void> SimulatedFiles::sync(const OpenFile& file) {
  const std::string what = "sync " + file.path;
  const Operation guard(*this, what);
  if (file.start != starts_) return failed(what, kCrashed);
  const Fate fate = next_fate(false);
  Node& node = disk_->nodes.at(file.node);
  if (!fate.why.empty()) {
    node.fail_in_sync();
    return failed(what, fate.why);
  }
  node.succeed_in_sync();
  return {};
}

Result<void> SimulatedFiles::resize(const OpenFile& file, std::uint64_t size, bool only_grow) {
  const std::string what = (only_grow ? "reserve " : "truncate ") + file.path;
  const Operation guard(*this, what);
  if (file.start != starts_) return failed(what, kCrashed);
  const Fate fate = next_fate(only_grow);
  if (!file.is_writable) return failed(what, reason(only_grow ? EBADF : EINVAL));
  if (!fate.is_done) return failed(what, fate.why);
  const Change::Kind kind = only_grow ? Change::Kind::kGrow : Change::Kind::kResize;
  disk_->nodes.at(file.node).add({kind, size, {}});
  if (!fate.why.empty()) return failed(what, fate.why);
  return {};
}

Result<std::uint64_t> SimulatedFiles::size(const OpenFile& file) {
  const std::string what = "look at " + file.path;
  const Operation guard(*this, what);
  if (file.start != starts_) return failed(what, kCrashed);
  const Fate fate = next_fate(false);
  if (!fate.why.empty()) return failed(what, fate.why);
  return disk_->nodes.at(file.node).bytes.size();
}

std::uint64_t SimulatedFiles::operations() const {
  const std::lock_guard guard(mutex_);
  return operations_;
}

void SimulatedFiles::behind_each(std::function<void(std::string_view what)> told) {
  const std::lock_guard guard(mutex_);
  behind_each_ = std::move(told);
}

std::uint64_t SimulatedFiles::bytes() const {
  const std::lock_guard guard(mutex_);
  std::uint64_t all = 0;
  for (const auto& [path, directory] : disk_->directories) {
    for (const auto& [name, id] : directory.names)
      all += disk_->nodes.at(id).bytes.size();
  }
  return all;
}

void SimulatedFiles::fail_at(std::uint64_t operation, Fault fault, Lasts lasts) {
  const std::lock_guard guard(mutex_);
  fault_ = {operation, fault, lasts};
}

void SimulatedFiles::crash_at(std::uint64_t operation) {
  const std::lock_guard guard(mutex_);
  crash_at_ = operation;
}

void SimulatedFiles::heal() {
  const std::lock_guard guard(mutex_);
  fault_.reset();
  crash_at_.reset();
}

std::uint64_t SimulatedFiles::faults() const {
  const std::lock_guard guard(mutex_);
  return faults_;
}

void SimulatedFiles::crash(std::uint64_t seed) {
  const std::lock_guard guard(mutex_);
  Crash crash(seed);
  std::set<NodeId> named;
  for (auto& [path, directory] : disk_->directories) {
    std::map<std::string, NodeId> names = directory.synced;
    for (const NameChange& change : directory.changes) {
      if (crash.keeps()) change.apply(names);
    }
    directory.settle(std::move(names));
    for (const auto& [name, node] : directory.names)
      named.insert(node);
  }
  for (auto entry = disk_->nodes.begin(); entry != disk_->nodes.end();) {
    if (named.count(entry->first) == 0) {
      entry = disk_->nodes.erase(entry);
      continue;
    }
    Node& node = entry->second;
    std::string bytes = node.synced;
    for (const Change& change : node.changes)
      crash.apply(change, bytes);
    node.settle(std::move(bytes));
    ++entry;
  }
  ++starts_;
  locked_.clear();
  fault_.reset();
  crash_at_.reset();
}

bool SimulatedFiles::exists(const std::string& path) const {
  const std::lock_guard guard(mutex_);
  return find(path).has_value();
}

std::vector<std::string> SimulatedFiles::paths() const {
  const std::lock_guard guard(mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, directory] : disk_->directories) {
    for (const auto& [name, node] : directory.names)
      paths.push_back(join(path, name));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string SimulatedFiles::contents(const std::string& path) const {
  const std::lock_guard guard(mutex_);
  return node_of(path).bytes;
}

std::string SimulatedFiles::synced_contents(const std::string& path) const {
  const std::lock_guard guard(mutex_);
  const Node& node = node_of(path);
  std::string bytes = node.synced;
  for (const Change& change : node.changes) {
    if (change.safety == Change::Safety::kSynced) change.apply(bytes);
  }
  return bytes;
}

void SimulatedFiles::set_contents(const std::string& path, std::string contents) {
  const std::lock_guard guard(mutex_);
  for (std::string made = split(path).directory; disk_->directories.count(made) == 0;
       made = split(made).directory) {
    disk_->directories[made];
  }
  if (!find(path)) make_file(path);
  Directory& directory = *directory_of(path);
  directory.settle(directory.names);
  node_of(path).settle(std::move(contents));
}

void SimulatedFiles::flip(const std::string& path, std::uint64_t offset, std::uint8_t bits) {
  const std::lock_guard guard(mutex_);
  Node& node = node_of(path);
  std::string bytes = node.bytes;
  bytes.at(offset) = static_cast<char>(static_cast<std::uint8_t>(bytes.at(offset)) ^ bits);
  node.settle(std::move(bytes));
}

void SimulatedFiles::cut(const std::string& path, std::uint64_t size) {
  const std::lock_guard guard(mutex_);
  Node& node = node_of(path);
  node.settle(node.bytes.substr(0, size));
}

std::unique_ptr<SimulatedFiles> SimulatedFiles::clone() const {
  const std::lock_guard guard(mutex_);
  auto copy = std::make_unique<SimulatedFiles>(seed_);
  *copy->disk_ = *disk_;
  return copy;
}

}  // namespace appmem::test
