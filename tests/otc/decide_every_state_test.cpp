// SPDX-License-Identifier: Apache-2.0
//
// Every command in every state, and what makes two commands the same.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "otc/desk_fixture.h"
#include "systems/otc/errors.h"
#include "systems/otc/guards.h"
#include "systems/otc/order_steps.h"

namespace pawl::otc::test {
namespace {

// ---- every command in every state

struct Way {
  OrderState state;
  std::function<void()> go;
};

// What each command does in each state: what is not named here is refused.
TEST_F(Desk, EveryCommandInEveryState) {
  using S = OrderState;
  const std::vector<Way> ways{{S::opening, [&] { world.run(create); }},
                              {S::open, [&] { to_open(); }},
                              {S::matching,
                               [&] {
                                 use(Side::buy);
                                 to_open();
                                 world.run(match_of(create, taker));
                               }},
                              {S::matched, [&] { to_matched(); }},
                              {S::settling, [&] { to_settling(); }},
                              {S::payout_pending, [&] { to_payout_pending(); }},
                              {S::settlement_recovery, [&] { to_payout_void(); }},
                              {S::refund_pending, [&] { to_refund_pending(); }},
                              {S::completed, [&] { to_completed(); }},
                              {S::cancelled,
                               [&] {
                                 to_refund_pending();
                                 world.answer<RefundRequest>(Outcome::confirmed);
                               }},
                              {S::expired,
                               [&] {
                                 to_open();
                                 world.now = order().expires;
                                 world.run_deadlines();
                                 world.answer<RefundRequest>(Outcome::confirmed);
                               }},
                              {S::rejected, [&] {
                                 world.run(create);
                                 world.answer<LockRequest>(Outcome::refused, "no");
                               }}};
  using Kind = Decision::Kind;
  const std::set<std::pair<std::string, S>> changes{{"match", S::open},
                                                    {"cancel", S::open},
                                                    {"confirm", S::matched},
                                                    {"redrive", S::settlement_recovery}};
  const std::set<S> confirmed_before{S::settling, S::payout_pending, S::settlement_recovery,
                                     S::completed};
  for (const auto& way : ways) {
    World fresh;
    std::swap(world, fresh);
    use(Side::sell);
    way.go();
    ASSERT_EQ(state(), way.state);
    const World standing = world;
    const auto expect = [&](const std::string& name, const Decision& decision) {
      Kind wanted = changes.contains(std::pair{name, way.state}) ? Kind::changed : Kind::refused;
      if (name == "confirm" && confirmed_before.contains(way.state)) wanted = Kind::ignored;
      EXPECT_EQ(decision.kind(), wanted) << name << " in " << name_of(way.state);
      world = standing;
    };
    expect("match", world.run(match_of(create, stranger)));
    expect("confirm", world.run(confirm_of(id, seller_secret)));
    expect("cancel", world.run(cancel_of(create)));
    expect("redrive", world.run(redrive()));
    expect("refund", world.run(refund()));
    expect("create", world.run(create));
  }
}

TEST(Identity, LeavesOutWhatARepeatSignsAnew) {
  auto create = create_of(Side::sell, maker, 1);
  const auto before = create.identity();
  create.signed_signature = "another";
  create.signed_text = "another time";
  EXPECT_EQ(create.identity(), before);
  create.price_nano += 1;
  EXPECT_NE(create.identity(), before);

  auto match = match_of(create, taker);
  const auto matched = match.identity();
  match.signed_text = "another time";
  EXPECT_EQ(match.identity(), matched);
  match.address = "0xother";
  EXPECT_NE(match.identity(), matched);

  const auto confirm = confirm_of(create.order_id, 1);
  EXPECT_EQ(confirm.identity().find(confirm.secret), std::string::npos);
}

}  // namespace
}  // namespace pawl::otc::test
