// SPDX-License-Identifier: Apache-2.0
//
// What the engine's scenarios have in common, and where they stand: engine_system.cpp has those of
// one store and its workers, engine_store.cpp those in which the store itself, or who owns it,
// changes.
#pragma once

#include <pawl/check.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check/engine_machines.h"

namespace pawl::check::engine {

inline constexpr Bounds no_faults{.workers = 2,
                                  .crashes = 0,
                                  .stalls = 0,
                                  .lost = 0,
                                  .late = 0,
                                  .unsent = 0,
                                  .refusals = 0,
                                  .operators = 0,
                                  .ticks = 1};

inline Add add(std::string account, std::int64_t amount) {
  Add out;
  out.account = std::move(account);
  out.amount = amount;
  return out;
}

template <class Command>
Command on(std::string account) {
  Command out;
  out.account = std::move(account);
  return out;
}

inline bool done(const View& view, std::string_view request) {
  const Receipt* receipt = view.receipt(request);
  return receipt != nullptr && receipt->done;
}

// One job that is asked for, and done outside.
Scenario effects(ResendRule rule, bool queues, bool hands);

std::vector<Scenario> store_scenarios();

}  // namespace pawl::check::engine
