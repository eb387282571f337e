#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

/// What ctest tells a test through its environment. All of these may be called from any thread, as
/// long as no test changes the environment.
namespace appmem::test {

/// The value of the variable `name`, or `otherwise` where it is unset or empty.
inline std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing writes it
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// The folder of the programs built together with this test; by hand, run from the source's root.
inline std::filesystem::path binary_dir() {
  return environment("APPMEM_BIN_DIR", "build/asan/bin");
}

/// The root of the source.
inline std::filesystem::path source_dir() {
  return environment("APPMEM_SOURCE_DIR", ".");
}

/// By how much to multiply the operations of a long test: 1, or more in `make check-long`.
inline std::uint64_t test_scale() {
  return std::strtoull(environment("APPMEM_TEST_SCALE", "1").c_str(), nullptr, 10);
}

}  // namespace appmem::test
