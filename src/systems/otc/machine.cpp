// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/machine.h"

#include "systems/otc/commands.h"
#include "systems/otc/effects.h"

namespace pawl::otc {

namespace {

void add_moves(MachineBuilder<Order>& order) {
  using S = OrderState;
  order.initial(S::opening).initial(S::open);
  order.move(S::opening, S::open).move(S::opening, S::rejected);
  order.move(S::open, S::matching)
      .move(S::open, S::matched)
      .move(S::open, S::refund_pending)
      .move(S::open, S::cancelled)
      .move(S::open, S::expired);
  order.move(S::matching, S::matched).move(S::matching, S::open).move(S::matching, S::expired);
  order.move(S::matched, S::settling).move(S::matched, S::refund_pending);
  order.move(S::settling, S::matched)
      .move(S::settling, S::payout_pending)
      .move(S::settling, S::completed)
      .move(S::settling, S::settlement_recovery);
  order.move(S::payout_pending, S::completed).move(S::payout_pending, S::settlement_recovery);
  order.move(S::settlement_recovery, S::settling).move(S::settlement_recovery, S::refund_pending);
  order.move(S::refund_pending, S::cancelled)
      .move(S::refund_pending, S::expired)
      .move(S::refund_pending, S::settlement_recovery);
}

}  // namespace

void declare(Registry& registry, const Config& config, const Custodian* custodian) {
  const auto policy = [&](Call call) {
    return policy_of(config, custodian ? custodian->resend_rule(call) : ResendRule::dedup);
  };
  auto order = registry.machine<Order>();
  add_moves(order);
  order.record<TradeRecord>()
      .stored_command<Expire>()
      .stored_command<EndSettlement>()
      .stored_command<Redrive>()
      .effect<LockRequest, LockOutcome>(policy(Call::lock))
      .effect<ReleaseRequest, ReleaseOutcome>(policy(Call::release))
      .effect<RefundRequest, RefundOutcome>(policy(Call::refund))
      .effect<PayoutRequest, PayoutOutcome>(policy(Call::payout));
  auto wallet = registry.machine<WalletLedger>();
  wallet.initial(WalletState::active).message<ReturnSlot>();
  registry.migration(first_migration());
}

}  // namespace pawl::otc
