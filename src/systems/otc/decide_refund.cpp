// SPDX-License-Identifier: Apache-2.0
//
// The end of a refund, an operator's refund of a stopped order, and places given back to wallets.
#include "systems/otc/errors.h"
#include "systems/otc/guards.h"
#include "systems/otc/order_steps.h"

namespace pawl::otc {

Decision decide(const RefundOutcome& outcome, Locked<Order>& order, const Context& now) {
  if (!order.present()) return Decision::ignore("no such order");
  const bool waits =
      order->state == OrderState::refund_pending && !order->refund_unsent &&
      outcome.key == custodian_key(Call::refund, order->order_id, order->refund_attempt);
  if (!waits) return contradiction(order, "refund", outcome.key, outcome.outcome);
  if (outcome.outcome == Outcome::accepted) return Decision::ignore("a refund is not queued");

  Change change;
  OrderStep step(order, change);
  const bool back = outcome.outcome == Outcome::confirmed ||
                    (outcome.outcome == Outcome::refused && refund_was_done(outcome.code));
  if (back) {
    step.row.state = *step.row.ends_as;
    step.row.ends_as.reset();
    step.row.escrow_refunded = true;
    step.row.redrives = 0;
    step.finish("escrow given back");
  } else if (outcome.outcome == Outcome::never_sent) {
    step.row.refund_unsent = true;
    arm_redrive(step, now);
    change.alert(order, std::string(alert_refund_unsent),
                 "asked: " + outcome.key + "; not sent: " + outcome.code);
    step.finish("refund not sent: again later");
  } else {
    stop_in_recovery(
        step, alert_refund_refused, outcome.code,
        "asked: " + outcome.key + "; answered: " + outcome.code + " " + outcome.reference);
    step.finish("refund refused");
  }
  return change;
}

Decision decide(const RedriveRefund& redrive, Locked<Order>& order, const Context&) {
  PAWL_REQUIRE(guard::order_exists, order.present(), error::order_not_found);
  PAWL_REQUIRE(guard::version_expected, is_expected(redrive.if_version, order),
               error::precondition_failed);
  PAWL_REQUIRE(guard::reason_given, !redrive.reason.empty(), error::reason_required);
  PAWL_REQUIRE(guard::escrow_still_ours,
               order->state == OrderState::settlement_recovery && order->escrow_locked &&
                   !order->released && !order->escrow_refunded,
               error::refund_not_possible);
  Change change;
  OrderStep step(order, change);
  begin_refund(step, OrderState::expired, "operator_refund");
  step.finish("operator: give the escrow back");
  return change;
}

Decision decide(const ReturnSlot& back, Locked<WalletLedger>& wallet, const Context&) {
  const bool held = back.slot == Slot::held;
  PAWL_REQUIRE(guard::slot_is_held,
               wallet.present() && (held ? wallet->held : wallet->open_orders) > 0,
               error::slot_not_held, back.order_id);
  WalletLedger row = *wallet;
  --(held ? row.held : row.open_orders);
  Change change;
  change.update(wallet, row, std::string(held ? "released " : "closed ") + back.order_id);
  return change;
}

Decision decide(const Bounced<ReturnSlot>& back, Locked<Order>& order, const Context&) {
  if (!order.present()) return Decision::ignore("no such order");
  Change change;
  change.alert(order, std::string(alert_slot_bounced),
               "the wallet " + back.message.wallet.text() + " did not count this order as " +
                   std::string(name_of(back.message.slot)) + ": " + back.code);
  return change;
}

}  // namespace pawl::otc
