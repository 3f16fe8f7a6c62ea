// SPDX-License-Identifier: Apache-2.0
//
// The one wait of the tests for what nobody signals: it asks again and again, up to a deadline.
// Where the thing waited for can signal, a promise or a condition variable is better.
#pragma once

#include <chrono>
#include <thread>

namespace pawl::test {

inline constexpr int patience_ms = 20'000;

// True as soon as the condition holds; false when patience ran out.
template <class Condition>
bool eventually(Condition condition, int deadline_ms = patience_ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    // lint: allow(sleep): the pause between two looks of a poll that has a deadline
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace pawl::test
