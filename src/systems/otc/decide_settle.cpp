// SPDX-License-Identifier: Apache-2.0
//
// Settlement: the seller's secret releases the escrow to the order, and only then are the coins
// paid out to the buyer. Before the release was confirmed everything can be undone; after it
// nothing is, and the order ends completed or waits in recovery for a payout that is known to be
// void to be made again.
#include "systems/otc/errors.h"
#include "systems/otc/guards.h"
#include "systems/otc/order_steps.h"

namespace pawl::otc {

namespace {

// Recovery is also where a refund of an order stops that nobody ever confirmed.
bool takes_secret(const Order& order) {
  return order.state == OrderState::matched || order.state == OrderState::settling ||
         order.state == OrderState::payout_pending || order.state == OrderState::completed ||
         (order.state == OrderState::settlement_recovery && order.secret.has_value());
}

bool opens(const std::string& secret, const Order& order) {
  const auto parsed = parse_secret(secret);
  return parsed && order.htlc_hash && check_secret(*parsed, *order.htlc_hash).has_value();
}

std::string payout_facts(const Order& order, const PayoutOutcome& outcome) {
  const PayoutRequest asked = payout_of(order);
  return "asked: " + asked.key + " of " + std::to_string(asked.amount_micro) + " micro to " +
         asked.recipient.text() + "; answered: " + std::string(name_of(outcome.outcome)) + " " +
         outcome.code + " " + outcome.reference;
}

void ask_for_payout(OrderStep& step) {
  step.row.payout_status = PayoutStatus::under_way;
  step.change.effect(step.order, payout_of(step.row));
}

TradeRecord trade_of(const Order& order, Time completed) {
  TradeRecord trade;
  trade.trade_id = make_trade_id(order.order_id);
  trade.order_id = order.order_id;
  trade.pair = order.pair;
  trade.side = order.side;
  trade.maker = order.maker;
  trade.taker = order.taker.value_or(Wallet());
  trade.amount_micro = order.amount_micro;
  trade.price_nano = order.price_nano;
  trade.total_nano = order.total_nano;
  trade.quote_tx = order.quote_tx.value_or("");
  trade.completed = completed;
  return trade;
}

Decision complete(Locked<Order>& order, const Context& now) {
  Change change;
  OrderStep step(order, change);
  step.row.state = OrderState::completed;
  step.row.payout_status = PayoutStatus::paid;
  step.row.completed = now.time;
  step.row.reason.clear();
  const TradeRecord trade = trade_of(step.row, now.time);
  step.row.trade_id = trade.trade_id;
  change.record(order, trade);
  step.finish("paid out: completed");
  return change;
}

Decision payout_refused(const PayoutOutcome& outcome, Locked<Order>& order) {
  Change change;
  OrderStep step(order, change);
  const bool conflict = outcome.code == key_conflict_code;
  step.row.payout_status = conflict ? PayoutStatus::conflict : PayoutStatus::refused;
  stop_in_recovery(step, conflict ? alert_payout_conflict : alert_payout_refused, outcome.code,
                   payout_facts(step.row, outcome));
  step.finish("payout refused");
  return change;
}

Decision payout_unsent(const PayoutOutcome& outcome, Locked<Order>& order, const Context& now) {
  Change change;
  OrderStep step(order, change);
  step.row.payout_status = PayoutStatus::unsent;
  stop_in_recovery(step, alert_payout_unsent, "payout_not_sent", payout_facts(step.row, outcome));
  arm_redrive(step, now);
  step.finish("payout not sent: again later");
  return change;
}

}  // namespace

std::string Confirm::identity() const {
  // Not the secret itself: what is compared may be kept.
  return order_id + "\n" + sha256_hex(secret) + "\n" + std::to_string(if_version) + "\n" + quote_tx;
}

Decision decide(const Confirm& confirm, Locked<Order>& order, const Context& now) {
  PAWL_REQUIRE(guard::order_exists, order.present(), error::order_not_found);
  PAWL_REQUIRE(guard::version_expected, is_expected(confirm.if_version, order),
               error::precondition_failed);
  PAWL_REQUIRE(guard::matched_to_confirm, takes_secret(*order), error::order_not_matched);
  PAWL_REQUIRE(guard::secret_opens_hash, opens(confirm.secret, *order), secret_wrong);
  if (order->state != OrderState::matched) return Decision::ignore("confirmed before");
  PAWL_REQUIRE(guard::settlement_time_left, now.time < *order->settle_until,
               error::settlement_over);

  Change change;
  OrderStep step(order, change);
  step.row.state = OrderState::settling;
  step.row.secret = confirm.secret;
  step.row.quote_tx = confirm.quote_tx;
  step.row.reason.clear();
  ++step.row.release_attempt;
  change.disarm(order, std::string(settlement_deadline));
  change.effect(order, release_of(step.row));
  step.finish("confirmed: release the escrow");
  return change;
}

Decision decide(const EndSettlement&, Locked<Order>& order, const Context& now) {
  if (!order.present()) return Decision::ignore("no such order");
  if (order->state != OrderState::matched) return Decision::ignore("not waiting for its secret");
  if (now.time < *order->settle_until) return Decision::ignore("not yet");
  Change change;
  OrderStep step(order, change);
  begin_refund(step, OrderState::expired, "settlement_timeout");
  step.finish("not settled in time: give the escrow back");
  return change;
}

Decision decide(const ReleaseOutcome& outcome, Locked<Order>& order, const Context&) {
  if (!order.present()) return Decision::ignore("no such order");
  const bool waits =
      order->state == OrderState::settling && !order->released &&
      outcome.key == custodian_key(Call::release, order->order_id, order->release_attempt);
  if (!waits) return contradiction(order, "release", outcome.key, outcome.outcome);
  if (outcome.outcome == Outcome::accepted) return Decision::ignore("a release is not queued");

  Change change;
  OrderStep step(order, change);
  if (outcome.outcome == Outcome::confirmed) {
    step.row.released = true;
    return_held_slot(step);
    ++step.row.payout_attempt;
    ask_for_payout(step);
    step.finish("released: pay out");
  } else if (outcome.outcome == Outcome::refused && escrow_is_gone(outcome.code)) {
    stop_in_recovery(
        step, alert_release_refused, outcome.code,
        "asked: " + outcome.key + "; answered: " + outcome.code + " " + outcome.reference);
    step.finish("release refused: the escrow is not as it should be");
  } else {
    step.row.reason = outcome.outcome == Outcome::never_sent ? "release_not_sent" : outcome.code;
    back_to_matched(step);
    step.finish("not released: a further confirm may succeed");
  }
  return change;
}

Decision decide(const PayoutOutcome& outcome, Locked<Order>& order, const Context& now) {
  if (!order.present()) return Decision::ignore("no such order");
  const bool waits =
      (order->payout_status == PayoutStatus::under_way ||
       order->payout_status == PayoutStatus::accepted) &&
      outcome.key == custodian_key(Call::payout, order->order_id, order->payout_attempt);
  if (!waits) return contradiction(order, "payout", outcome.key, outcome.outcome);
  if (outcome.outcome == Outcome::confirmed) return complete(order, now);
  if (outcome.outcome == Outcome::refused) return payout_refused(outcome, order);
  if (outcome.outcome == Outcome::never_sent) return payout_unsent(outcome, order, now);

  Change change;
  OrderStep step(order, change);
  step.row.state = OrderState::payout_pending;
  step.row.payout_status = PayoutStatus::accepted;
  step.row.redrives = 0;
  step.row.reason.clear();
  step.finish("payout accepted");
  return change;
}

Decision decide(const RedrivePayout& redrive, Locked<Order>& order, const Context&) {
  PAWL_REQUIRE(guard::order_exists, order.present(), error::order_not_found);
  PAWL_REQUIRE(guard::version_expected, is_expected(redrive.if_version, order),
               error::precondition_failed);
  PAWL_REQUIRE(guard::reason_given, !redrive.reason.empty(), error::reason_required);
  const PayoutStatus status = order->payout_status;
  PAWL_REQUIRE(guard::payout_is_void,
               order->state == OrderState::settlement_recovery && order->released &&
                   (status == PayoutStatus::refused || status == PayoutStatus::unsent),
               error::payout_not_redrivable);
  Change change;
  OrderStep step(order, change);
  step.row.state = OrderState::settling;
  step.row.redrives = 0;
  // What was never sent keeps its key: whatever may still be under way is then the same payout.
  if (status == PayoutStatus::refused) ++step.row.payout_attempt;
  change.disarm(order, std::string(redrive_deadline));
  ask_for_payout(step);
  step.finish("operator: pay out again");
  return change;
}

Decision decide(const Redrive&, Locked<Order>& order, const Context&) {
  if (!order.present()) return Decision::ignore("no such order");
  Change change;
  OrderStep step(order, change);
  if (order->state == OrderState::settlement_recovery &&
      order->payout_status == PayoutStatus::unsent) {
    step.row.state = OrderState::settling;
    ask_for_payout(step);
    step.finish("pay out again under the same key");
    return change;
  }
  if (order->state == OrderState::refund_pending && order->refund_unsent) {
    step.row.refund_unsent = false;
    change.effect(order, refund_of(step.row));
    step.finish("refund again under the same key");
    return change;
  }
  return Decision::ignore("nothing waits to be sent again");
}

}  // namespace pawl::otc
