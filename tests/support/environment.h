#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

/// What a test knows of where it runs. All of these may be called from any thread, as long as no
/// test changes the environment or the working directory.
namespace appmem::test {

/// The value of the variable `name`, or `otherwise` where it is unset or empty.
inline std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing writes it
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// The folder of the programs built together with this test, which is its own.
inline std::filesystem::path binary_dir() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

/// The root of the source: where ctest runs a test, and where to run it by hand.
inline std::filesystem::path source_dir() {
  return std::filesystem::current_path();
}

/// By how much to multiply the operations of a long test: 1, or more in `make check-long`.
inline std::uint64_t test_scale() {
  return std::strtoull(environment("APPMEM_TEST_SCALE", "1").c_str(), nullptr, 10);
}

}  // namespace appmem::test
