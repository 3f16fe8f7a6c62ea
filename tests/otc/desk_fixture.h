// SPDX-License-Identifier: Apache-2.0
//
// An order brought to each of its states by the commands that lead there, for the decision tests.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "otc/order_world.h"

namespace pawl::otc::test {

inline constexpr unsigned maker = 1;
inline constexpr unsigned taker = 2;
inline constexpr unsigned stranger = 3;
inline constexpr unsigned seller_secret = 77;

inline std::string refused_by(const Decision& decision) {
  if (decision.kind() != Decision::Kind::refused) return "";
  return std::string(decision.refusal().guard().name);
}

inline std::string code_of(const Decision& decision) {
  if (decision.kind() != Decision::Kind::refused) return "";
  return std::string(decision.refusal().error().code.code);
}

inline bool ignored(const Decision& decision) {
  return decision.kind() == Decision::Kind::ignored;
}

// An order brought to a state by the commands that lead there.
class Desk : public ::testing::Test {
 protected:
  Desk() { use(Side::sell); }

  void use(Side side) {
    create = create_of(side, maker, seller_secret);
    id = create.order_id;
  }
  Order order() const { return world.order(id); }
  OrderState state() const { return order().state; }

  void to_open() {
    world.run(create);
    if (create.side == Side::sell) world.answer<LockRequest>(Outcome::confirmed, "", "escrow_1");
    ASSERT_EQ(state(), OrderState::open);
  }
  void to_matched() {
    to_open();
    world.run(match_of(create, taker));
    if (create.side == Side::buy) world.answer<LockRequest>(Outcome::confirmed, "", "escrow_1");
    ASSERT_EQ(state(), OrderState::matched);
  }
  void to_settling() {
    to_matched();
    world.run(confirm_of(id, seller_secret));
    ASSERT_EQ(state(), OrderState::settling);
  }
  void to_released() {
    to_settling();
    world.answer<ReleaseRequest>(Outcome::confirmed);
    ASSERT_TRUE(order().released);
  }
  void to_payout_pending() {
    to_released();
    world.answer<PayoutRequest>(Outcome::accepted);
    ASSERT_EQ(state(), OrderState::payout_pending);
  }
  void to_completed() {
    to_payout_pending();
    world.answer<PayoutRequest>(Outcome::confirmed);
    ASSERT_EQ(state(), OrderState::completed);
  }
  void to_payout_void() {
    to_payout_pending();
    world.answer<PayoutRequest>(Outcome::refused, std::string(payout_voided_code));
    ASSERT_EQ(state(), OrderState::settlement_recovery);
  }
  void to_refund_pending() {
    to_open();
    world.run(cancel_of(create));
  }
  RedrivePayout redrive(std::string reason = "topped up") const {
    RedrivePayout command;
    command.order_id = id;
    command.reason = std::move(reason);
    return command;
  }
  RedriveRefund refund(std::string reason = "escrow ran out") const {
    RedriveRefund command;
    command.order_id = id;
    command.reason = std::move(reason);
    return command;
  }

  World world;
  Create create;
  std::string id;
};

}  // namespace pawl::otc::test
