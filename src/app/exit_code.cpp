// SPDX-License-Identifier: Apache-2.0
#include "app/exit_code.h"

#include <pawl/engine.h>

#include <cstdio>

namespace pawl::app {

Exit exit_of(const Error& error) {
  if (error.code == store_locked) return Exit::locked;
  switch (error.code.error_class) {
    case ErrorClass::invalid:
    case ErrorClass::unauthorized:
    case ErrorClass::forbidden:
      return Exit::usage;
    case ErrorClass::unavailable:
    case ErrorClass::upstream:
    case ErrorClass::too_many:
      return Exit::unavailable;
    case ErrorClass::in_doubt:
      return Exit::in_doubt;
    case ErrorClass::not_found:
    case ErrorClass::conflict:
    case ErrorClass::gone:
    case ErrorClass::too_large:
    case ErrorClass::corrupt:
    case ErrorClass::defect:
      return Exit::finding;
  }
  return Exit::finding;
}

Exit report(const Error& error) {
  std::fprintf(stderr, "pawl: %s\n", error.text().c_str());
  return exit_of(error);
}

}  // namespace pawl::app
