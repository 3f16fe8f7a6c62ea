// SPDX-License-Identifier: Apache-2.0
//
// Steps that several of the desk's decisions share: each edits the order's new row and adds to the
// change what must commit with it. They ask no questions: whether a step is allowed is decided by
// the guards of the caller.
#pragma once

#include <pawl/command.h>

#include <string>
#include <string_view>

#include "systems/otc/commands.h"
#include "systems/otc/config.h"
#include "systems/otc/effects.h"

namespace pawl::otc {

// Alert codes. The engine keeps one alert per code and order and counts.
inline constexpr std::string_view alert_release_refused = "otc_release_refused";
inline constexpr std::string_view alert_payout_refused = "otc_payout_refused";
inline constexpr std::string_view alert_payout_conflict = "otc_payout_key_conflict";
inline constexpr std::string_view alert_payout_unsent = "otc_payout_not_sent";
inline constexpr std::string_view alert_refund_refused = "otc_refund_refused";
inline constexpr std::string_view alert_refund_unsent = "otc_refund_not_sent";
inline constexpr std::string_view alert_contradiction = "otc_answer_contradicts";
inline constexpr std::string_view alert_slot_bounced = "otc_slot_bounced";

// If-Match, on the locked row. 0: whatever the order is at.
inline bool is_expected(std::int64_t if_version, const Locked<Order>& order) {
  return if_version == 0 || order.version() == if_version;
}

// What is stored with an order while one decision is made.
struct OrderStep {
  const Locked<Order>& order;
  Change& change;
  Order row;

  OrderStep(const Locked<Order>& locked, Change& to) : order(locked), change(to), row(*locked) {}

  // Adds the row to the change: the last thing to do.
  void finish(std::string why) { change.update(order, row, std::move(why)); }
};

// The order counts no longer among its maker's open ones, or its taker's held ones. No effect if
// it does not count.
void return_open_slot(OrderStep& step);
void return_held_slot(OrderStep& step);

// To refund_pending, under the next refund key; ends as `ends_as` once the coins are back.
void begin_refund(OrderStep& step, OrderState ends_as, std::string_view reason);
// To settlement_recovery, with an alert that names what was asked and what was answered.
void stop_in_recovery(OrderStep& step, std::string_view alert, std::string_view reason,
                      const std::string& detail);
// To open, or to expired if its time is over: a buy order whose taker's lock failed.
void back_to_board(OrderStep& step, const Context& now);
// To matched: a release that did not happen. The settlement's deadline stands again; one that has
// passed meanwhile is decided at once.
void back_to_matched(OrderStep& step);

// Arms the next try of what was never sent, later each time.
void arm_redrive(OrderStep& step, const Context& now);

// An answer to a request that this order does not wait for: nothing is done on it but an alert.
Decision contradiction(const Locked<Order>& order, std::string_view call, const std::string& key,
                       Outcome outcome);

}  // namespace pawl::otc
