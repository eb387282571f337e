#pragma once

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/process.h"

namespace appmem::test {

/// Matches what a run of appmemctl printed on standard output, with exit code 0 and not a word on
/// standard error.
MATCHER_P(Prints, output, "prints \"" + std::string(output) + "\"") {
  *result_listener << "exit code " << arg.exit_code << ", output \"" << arg.output
                   << "\", errors \"" << arg.errors << '"';
  return arg.exit_code == 0 && arg.output == output && arg.errors.empty();
}

/// The same with another exit code.
MATCHER_P2(Exits, code, output,
           "exits with " + std::to_string(code) + " and prints \"" + std::string(output) + "\"") {
  *result_listener << "exit code " << arg.exit_code << ", output \"" << arg.output
                   << "\", errors \"" << arg.errors << '"';
  return arg.exit_code == code && arg.output == output && arg.errors.empty();
}

/// A failure: this exit code, and one line on standard error that holds `text`.
MATCHER_P2(Fails, code, text, "fails with " + std::to_string(code) + " and \"" + text + "\"") {
  *result_listener << "exit code " << arg.exit_code << ", output \"" << arg.output
                   << "\", errors \"" << arg.errors << '"';
  return arg.exit_code == code && arg.errors.find(text) != std::string::npos &&
         arg.errors.starts_with("appmemctl: ") && arg.errors.find('\n') == arg.errors.size() - 1;
}

/// appmemctl against a daemon of the test's own.
class CtlTest : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  Ran ctl(const Words& arguments, const std::string& input = "") const {
    return appmemctl(daemon_.socket(), arguments, input);
  }

  Daemon daemon_;
};

}  // namespace appmem::test
