// SPDX-License-Identifier: Apache-2.0
//
// The turnstile explores itself, as a part of its own tests: two people, a coin each, every order
// of coins, pushes, repeats and deadlines. Compiled with PAWL_CHECKER and linked with pawl::check,
// so that the guard can be switched off to see what it is for.
#include <pawl/check.h>

#include <cstdio>

#include "turnstile.h"

namespace {

using turnstile::Turnstile;

pawl::check::Scenario two_people() {
  auto registry = std::make_shared<pawl::Registry>();
  turnstile::declare(*registry);
  pawl::check::Scenario out;
  out.name = "turnstile";
  out.about = "two people and a coin each";
  out.registry = registry;
  out.requests = {pawl::check::request("coin of ann", turnstile::Coin{"north"}, "ann"),
                  pawl::check::request("coin of bob", turnstile::Coin{"north"}, "bob"),
                  pawl::check::request("push of ann", turnstile::Push{"north"}, "ann"),
                  pawl::check::request("push of bob", turnstile::Push{"north"}, "bob")};
  out.symmetric = {{"ann", "bob"}};
  out.tick_us = 30'000'000;  // as long as it stays open
  out.invariants.push_back({"nobody passes without a coin", [](const pawl::check::View& view) {
                              const auto* row = view.row<Turnstile>("north");
                              const bool free = row != nullptr && row->passed > row->coins;
                              return std::string(free ? "more have passed than paid" : "");
                            }});
  // Whatever happens, in the end it is locked.
  out.ended = [](const pawl::check::View& view) {
    const auto* row = view.row<Turnstile>("north");
    return row == nullptr || row->state == turnstile::State::locked;
  };
  return out;
}

}  // namespace

int main() {
  const auto scenario = two_people();
  const auto clean = pawl::check::explore(scenario, {});
  std::printf("%lld states, %s\n", static_cast<long long>(clean.states),
              clean.violation ? clean.violation->chart.c_str() : "clean");
  pawl::check::Options without;
  without.without = turnstile::guard::is_open.name;
  const auto broken = pawl::check::explore(scenario, without);
  if (broken.violation) std::printf("%s", broken.violation->chart.c_str());
  return clean.complete && !clean.violation && broken.violation ? 0 : 1;
}
