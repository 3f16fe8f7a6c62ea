// SPDX-License-Identifier: Apache-2.0
#include "check/guard_switch.h"

#include <utility>

namespace pawl {

namespace {
thread_local std::string switched_off;
}

bool guard_holds(const Guard& guard, bool condition) {
  return condition || (!switched_off.empty() && guard.name == switched_off);
}

namespace check {

GuardOff::GuardOff(std::string name) : before_(std::exchange(switched_off, std::move(name))) {}
GuardOff::~GuardOff() {
  switched_off = std::move(before_);
}

}  // namespace check

}  // namespace pawl
