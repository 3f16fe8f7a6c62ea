// SPDX-License-Identifier: Apache-2.0
//
// Which guard is switched off, in this thread, while it explores. Only the checker's build
// (PAWL_CHECKER) has such a switch.
#pragma once

#include <pawl/guard.h>

#include <string>

namespace pawl::check {

// Switches the guard of that name off for its own lifetime; "" switches none off.
class GuardOff {
 public:
  explicit GuardOff(std::string name);
  ~GuardOff();
  GuardOff(const GuardOff&) = delete;
  GuardOff& operator=(const GuardOff&) = delete;

 private:
  std::string before_;
};

}  // namespace pawl::check
