#include "command_line.h"

int main(int argc, char** argv) {
  return appmem::ctl::run_command_line(argc, argv);
}
