#pragma once

namespace appmem::ctl {

/// The program: reads the command line, runs the subcommand, returns the exit code.
int run_command_line(int argc, char** argv);

}  // namespace appmem::ctl
