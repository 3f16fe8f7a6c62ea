// SPDX-License-Identifier: Apache-2.0
//
// Prints schedules of the SQL model, for the tests that drive them on PostgreSQL: those link the
// engine, and a program links either the engine or the checker.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "checker/schedules.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: print_schedules SEED HOW_MANY_OF_EACH\n");
    return 2;
  }
  try {
    const std::string text = pawl::check::sql::schedules(pawl::check::sql::Dialect::postgres,
                                                         std::stoull(argv[1]), std::stoi(argv[2]));
    std::fputs(text.c_str(), stdout);
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "print_schedules: %s\n", wrong.what());
    return 1;
  }
  return 0;
}
