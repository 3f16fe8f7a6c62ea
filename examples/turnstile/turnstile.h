// SPDX-License-Identifier: Apache-2.0
//
// A turnstile: a coin opens it, one person may pass, and it locks itself again when nobody does.
// Its row, its commands and what they decide. turnstile.cpp runs it, turnstile_check.cpp explores
// it.
#pragma once

#include <pawl/command.h>
#include <pawl/machine.h>

#include <array>
#include <string>
#include <string_view>
#include <tuple>

namespace turnstile {

enum class State { locked, open };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 2>{"locked", "open"};
}

// The row: the key first, then the state, then whatever is needed.
struct Turnstile {
  static constexpr std::string_view machine = "turnstile";
  static constexpr std::string_view table = "turnstiles";
  std::string id;
  State state = State::locked;
  pawl::Time state_since;
  std::int64_t coins = 0;
  std::int64_t passed = 0;
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Turnstile::id), pawl::field("state", &Turnstile::state),
                      pawl::field("state_since_us", &Turnstile::state_since),
                      pawl::field("coins", &Turnstile::coins),
                      pawl::field("passed", &Turnstile::passed)};
  }
};

inline constexpr std::string_view schema = R"sql(
CREATE TABLE turnstiles (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('locked', 'open')),
  state_since_us INTEGER NOT NULL,
  coins INTEGER NOT NULL,
  passed INTEGER NOT NULL CHECK (passed <= coins),
  pawl_version INTEGER NOT NULL, pawl_time_us INTEGER NOT NULL, pawl_lane INTEGER NOT NULL,
  pawl_sequence INTEGER NOT NULL, pawl_offset INTEGER NOT NULL, pawl_schema INTEGER NOT NULL
) STRICT;)sql";

namespace error {
inline constexpr pawl::ErrorCode locked{"turnstile_locked", pawl::ErrorClass::conflict,
                                        "it is locked"};
}
namespace guard {
inline constexpr pawl::Guard is_open{"turnstile.is_open"};  // else people pass without a coin
}

// The commands.
struct Coin {
  static constexpr std::string_view kind = "turnstile.coin";
  std::string turnstile;
  auto keys() const { return std::tuple{pawl::Key<Turnstile>{turnstile}}; }
  static constexpr auto fields() { return std::tuple{pawl::field("turnstile", &Coin::turnstile)}; }
};
struct Push {
  static constexpr std::string_view kind = "turnstile.push";
  std::string turnstile;
  auto keys() const { return std::tuple{pawl::Key<Turnstile>{turnstile}}; }
  static constexpr auto fields() { return std::tuple{pawl::field("turnstile", &Push::turnstile)}; }
};
struct LockAgain {
  static constexpr std::string_view kind = "turnstile.lock_again";
  std::string turnstile;
  auto keys() const { return std::tuple{pawl::Key<Turnstile>{turnstile}}; }
  static constexpr auto fields() {
    return std::tuple{pawl::field("turnstile", &LockAgain::turnstile)};
  }
};

// What they decide: pure functions on locked rows.
inline pawl::Decision decide(const Coin& coin, pawl::Locked<Turnstile>& turnstile,
                             const pawl::Context& now) {
  Turnstile next = turnstile.present() ? *turnstile : Turnstile{.id = coin.turnstile};
  next.state = State::open;
  ++next.coins;
  pawl::Change change;
  if (turnstile.present()) {
    change.update(turnstile, next, "a coin");
  } else {
    change.create(turnstile, next, "its first coin");
  }
  change.deadline(turnstile, "lock_again", now.time.plus_seconds(30), LockAgain{coin.turnstile});
  return change;
}

inline pawl::Decision decide(const Push&, pawl::Locked<Turnstile>& turnstile,
                             const pawl::Context&) {
  PAWL_REQUIRE(guard::is_open, turnstile.present() && turnstile->state == State::open,
               error::locked);
  Turnstile next = *turnstile;
  next.state = State::locked;
  ++next.passed;
  return pawl::Change().update(turnstile, next, "passed").disarm(turnstile, "lock_again");
}

inline pawl::Decision decide(const LockAgain&, pawl::Locked<Turnstile>& turnstile,
                             const pawl::Context&) {
  if (turnstile->state == State::locked) return pawl::Decision::ignore("locked already");
  Turnstile next = *turnstile;
  next.state = State::locked;
  return pawl::Change().update(turnstile, next, "nobody passed");
}

inline void declare(pawl::Registry& registry) {
  registry.machine<Turnstile>()
      .initial(State::open)
      .move(State::locked, State::open)
      .move(State::open, State::locked)
      .stored_command<LockAgain>();
  registry.migration({"turnstile", 1, schema});
}

}  // namespace turnstile
