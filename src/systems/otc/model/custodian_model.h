// SPDX-License-Identifier: Apache-2.0
//
// The custodian as the checker sees it: our own contract (custodian.h), with books in named facts.
// One key is carried out once. What it may refuse, hold back, void or pay when it likes are the
// scenario's events and the checker's faults.
#pragma once

#include <pawl/check.h>

#include <string>
#include <vector>

#include "systems/otc/custodian.h"

namespace pawl::otc::model {

class CustodianModel final : public check::Outside {
 public:
  // Each wallet begins with this many coins (in micro).
  CustodianModel(std::vector<Wallet> wallets, MicroUnits each)
      : wallets_(std::move(wallets)), each_(each) {}

  check::Facts initial() const override;
  EffectAnswer perform(check::Facts& facts, const EffectCall& call, Time now) const override;
  EffectAnswer inquire(check::Facts& facts, const EffectCall& call, Time now) const override;
  std::vector<std::string> refusals(const check::Facts& facts,
                                    const EffectCall& call) const override;
  EffectAnswer refuse(check::Facts& facts, const EffectCall& call,
                      const std::string& code) const override;

  bool is_spent(const check::Facts& facts, const EffectCall& call) const override;

  // Every coin is somewhere, once.
  bool conserved(const check::Facts& facts) const;

 private:
  std::vector<Wallet> wallets_;
  MicroUnits each_;
};

// What the books say of an order's escrow: "", "locked", "released" or "refunded".
std::string escrow_of(const check::Facts& facts, const std::string& order_id);
// Coins that payouts for the order have brought to their recipients.
MicroUnits paid_for(const check::Facts& facts, const std::string& order_id);
// The custodian finishes, or voids, the payout that it has accepted. False if there is none.
bool pay_out(check::Facts& facts);
bool void_payout(check::Facts& facts);

}  // namespace pawl::otc::model
