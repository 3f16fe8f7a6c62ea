// SPDX-License-Identifier: Apache-2.0
//
// What the desk remembers of a wallet: how many orders it has on the board and how many it holds as
// a taker. Both are bounded, so that nobody can freeze the board with throw-away matches. A
// wallet's coins are the custodian's business, not this row's.
#pragma once

#include <pawl/fields.h>
#include <pawl/time.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

namespace pawl::otc {

enum class WalletState { active };
constexpr auto pawl_names(WalletState) {
  return std::array<std::string_view, 1>{"active"};
}

struct WalletLedger {
  static constexpr std::string_view machine = "wallet";
  static constexpr std::string_view table = "otc_wallets";

  std::string wallet;  // canonical
  WalletState state = WalletState::active;
  Time state_since;
  std::int32_t held = 0;         // orders with counts_held whose taker it is
  std::int32_t open_orders = 0;  // orders with counts_open whose maker it is

  static constexpr auto fields() {
    return std::tuple{field("wallet", &WalletLedger::wallet), field("state", &WalletLedger::state),
                      field("state_since_us", &WalletLedger::state_since),
                      field("held", &WalletLedger::held),
                      field("open_orders", &WalletLedger::open_orders)};
  }
};

}  // namespace pawl::otc
