// SPDX-License-Identifier: Apache-2.0
//
// The end of an escrow lock: onto the board (a sell order), matched (a buy order), or undone.
#include "systems/otc/order_steps.h"

namespace pawl::otc {

namespace {

Decision locked_coins(const LockOutcome& outcome, Locked<Order>& order) {
  Change change;
  OrderStep step(order, change);
  Order& row = step.row;
  row.escrow_locked = true;
  row.escrow_reference = outcome.reference;
  if (row.state == OrderState::opening) {
    row.state = OrderState::open;
    Expire expire;
    expire.order_id = row.order_id;
    change.deadline(order, std::string(expiry_deadline), row.expires, expire);
    step.finish("escrow locked: open");
    return change;
  }
  row.state = OrderState::matched;
  return_open_slot(step);
  EndSettlement end;
  end.order_id = row.order_id;
  change.deadline(order, std::string(settlement_deadline), *row.settle_until, end);
  step.finish("escrow locked: matched");
  return change;
}

Decision not_locked(const LockOutcome& outcome, Locked<Order>& order, const Context& now) {
  Change change;
  OrderStep step(order, change);
  Order& row = step.row;
  row.failed_code = outcome.code;
  row.failed_unsent = outcome.outcome == Outcome::never_sent;
  if (row.state == OrderState::opening) {
    row.state = OrderState::rejected;
    row.reason = row.failed_unsent ? "lock_not_sent" : "lock_refused";
    row.holder.reset();
    return_open_slot(step);
    step.finish("nothing locked: rejected");
    return change;
  }
  row.failed_taker = row.taker;
  back_to_board(step, now);
  step.finish("nothing locked: off the taker's hands");
  return change;
}

}  // namespace

Decision decide(const LockOutcome& outcome, Locked<Order>& order, const Context& now) {
  const bool waits =
      order.present() &&
      (order->state == OrderState::opening || order->state == OrderState::matching) &&
      outcome.key == custodian_key(Call::lock, order->order_id, order->lock_attempt);
  if (!waits) {
    if (!order.present()) return Decision::ignore("no such order");
    return contradiction(order, "lock", outcome.key, outcome.outcome);
  }
  if (outcome.outcome == Outcome::accepted) return Decision::ignore("a lock is not queued");
  if (outcome.outcome == Outcome::confirmed) return locked_coins(outcome, order);
  return not_locked(outcome, order, now);
}

}  // namespace pawl::otc
