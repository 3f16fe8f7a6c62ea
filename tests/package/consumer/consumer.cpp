// SPDX-License-Identifier: Apache-2.0
//
// A user's program, built against the installed package alone: it must compile with no flag of
// ours, link what the static library needs, and run.
#include <pawl/error.h>

#include <iostream>

inline constexpr pawl::ErrorCode order_closed{"order_closed", pawl::ErrorClass::conflict,
                                              "The order is closed"};

int main() {
  const std::string text = pawl::Error(order_closed, "it was matched").text();
  std::cout << text << "\n";
  return text == "order_closed: The order is closed (it was matched)" ? 0 : 1;
}
