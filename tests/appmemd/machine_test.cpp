#include "machine.h"

#include <fstream>

#include <gtest/gtest.h>

#include "appmem/base/units.h"
#include "support/temporary_directory.h"

namespace appmem::daemon::test {
namespace {

class MachineTest : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_.path() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::uint64_t memory() { return read_machine(root_.path()).memory_bytes; }

  appmem::test::TemporaryDirectory root_;
};

constexpr const char* kEightGiB =
    "MemFree:         1000 kB\nMemTotal:        8388608 kB\nMemAvailable:    1 kB\n";

TEST_F(MachineTest, MemoryIsWhatTheMachineHas) {
  write("proc/meminfo", kEightGiB);
  EXPECT_EQ(memory(), 8_GiB);
}

TEST_F(MachineTest, WithoutAnythingToReadItIsAGuess) {
  EXPECT_EQ(memory(), 1_GiB);
  write("proc/meminfo", "nonsense\nMemTotal: none\n");
  EXPECT_EQ(memory(), 1_GiB);
}

TEST_F(MachineTest, AControlGroupOfVersion2LimitsIt) {
  write("proc/meminfo", kEightGiB);
  write("proc/self/cgroup", "0::/system.slice/appmemd.service\n");
  write("sys/fs/cgroup/system.slice/appmemd.service/memory.max", "max\n");
  EXPECT_EQ(memory(), 8_GiB);
  write("sys/fs/cgroup/system.slice/appmemd.service/memory.max", "1073741824\n");
  EXPECT_EQ(memory(), 1_GiB);
  write("sys/fs/cgroup/system.slice/memory.max", "536870912\n");  // a group above it
  EXPECT_EQ(memory(), 512_MiB);
  write("sys/fs/cgroup/system.slice/memory.max", "99999999999999\n");  // more than there is
  write("sys/fs/cgroup/system.slice/appmemd.service/memory.max", "99999999999999\n");
  EXPECT_EQ(memory(), 8_GiB);
}

TEST_F(MachineTest, InsideAContainerTheGroupIsTheRoot) {
  write("proc/meminfo", kEightGiB);
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "2147483648\n");
  EXPECT_EQ(memory(), 2_GiB);
}

TEST_F(MachineTest, AControlGroupOfVersion1LimitsIt) {
  write("proc/meminfo", kEightGiB);
  write("proc/self/cgroup",
        "12:cpu,cpuacct:/docker/abc\n9:memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/x\n");
  write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(memory(), 8_GiB);
  write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "268435456\n");
  EXPECT_EQ(memory(), 256_MiB);
}

TEST_F(MachineTest, AGroupThatIsMountedElsewhereIsFoundAtTheMount) {
  write("proc/meminfo", kEightGiB);
  write("proc/self/cgroup", "9:memory:/docker/abc\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");  // as inside a container
  EXPECT_EQ(memory(), 256_MiB);
}

TEST_F(MachineTest, ThisMachineHasCoresAndMemory) {
  const Machine machine = read_machine("/");
  EXPECT_GE(machine.cores, 1U);
  EXPECT_GE(machine.memory_bytes, 16_MiB);
  EXPECT_FALSE(machine.default_socket.empty());
}

}  // namespace
}  // namespace appmem::daemon::test
