// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/order_steps.h"

#include <algorithm>

namespace pawl::otc {

namespace {

// Past this many doublings every base has met every cap.
constexpr std::int32_t max_redrive_doublings = 20;

void return_slot(OrderStep& step, const Wallet& wallet, Slot slot) {
  ReturnSlot message;
  message.wallet = wallet;
  message.slot = slot;
  message.order_id = step.row.order_id;
  step.change.message(step.order, message);
}

}  // namespace

void return_open_slot(OrderStep& step) {
  if (!step.row.counts_open) return;
  step.row.counts_open = false;
  return_slot(step, step.row.maker, Slot::open);
}

void return_held_slot(OrderStep& step) {
  if (!step.row.counts_held) return;
  step.row.counts_held = false;
  return_slot(step, step.row.taker.value_or(Wallet()), Slot::held);
}

void begin_refund(OrderStep& step, OrderState ends_as, std::string_view reason) {
  Order& row = step.row;
  return_open_slot(step);
  return_held_slot(step);
  row.state = OrderState::refund_pending;
  row.ends_as = ends_as;
  row.reason = reason;
  row.secret.reset();
  row.quote_tx.reset();
  row.refund_unsent = false;
  row.redrives = 0;
  ++row.refund_attempt;
  step.change.effect(step.order, refund_of(row));
}

void stop_in_recovery(OrderStep& step, std::string_view alert, std::string_view reason,
                      const std::string& detail) {
  step.row.state = OrderState::settlement_recovery;
  step.row.ends_as.reset();
  step.row.reason = reason;
  step.change.alert(step.order, std::string(alert), detail);
}

void back_to_board(OrderStep& step, const Context& now) {
  Order& row = step.row;
  return_held_slot(step);
  row.taker.reset();
  row.taker_address.clear();
  row.holder.reset();
  row.htlc_hash.reset();
  row.matched.reset();
  row.settle_until.reset();
  row.escrow_until.reset();
  if (now.time >= row.expires) {
    row.state = OrderState::expired;
    row.reason = "expired";
    return_open_slot(step);
    return;
  }
  row.state = OrderState::open;
  Expire expire;
  expire.order_id = row.order_id;
  step.change.deadline(step.order, std::string(expiry_deadline), row.expires, expire);
}

void back_to_matched(OrderStep& step) {
  Order& row = step.row;
  row.state = OrderState::matched;
  row.secret.reset();
  row.quote_tx.reset();
  EndSettlement end;
  end.order_id = row.order_id;
  step.change.deadline(step.order, std::string(settlement_deadline), *row.settle_until, end);
}

void arm_redrive(OrderStep& step, const Context& now) {
  const Config& config = now.configuration<Config>();
  const auto doublings = std::min(step.row.redrives, max_redrive_doublings);
  const auto seconds =
      std::min(config.redrive_base_seconds << doublings, config.redrive_cap_seconds);
  ++step.row.redrives;
  Redrive redrive;
  redrive.order_id = step.row.order_id;
  step.change.deadline(step.order, std::string(redrive_deadline), now.time.plus_seconds(seconds),
                       redrive);
}

Decision contradiction(const Locked<Order>& order, std::string_view call, const std::string& key,
                       Outcome outcome) {
  Change change;
  change.alert(order, std::string(alert_contradiction),
               std::string(call) + " " + key + " answered " + std::string(name_of(outcome)) +
                   " while the order is " + std::string(name_of(order->state)) +
                   "; compare the order with the custodian");
  return change;
}

}  // namespace pawl::otc
