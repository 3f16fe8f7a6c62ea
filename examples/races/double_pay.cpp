// SPDX-License-Identifier: Apache-2.0
//
// Scottcjn/Rustchain pull requests 6803 and 6813: a payout is sent, its answer is lost or the
// process dies, and it is sent again, or the order is offered again although its coins have moved.
// The far side here pays as often as it is asked. What stops it is the engine's: what is unknown is
// inquired, never sent again on a guess, and a payout that was found paid ends the order.
#include "race.h"

namespace races {
namespace {

enum class State { matched, paying, paid };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 3>{"matched", "paying", "paid"};
}
struct Order {
  static constexpr std::string_view machine = "settled_order";
  static constexpr std::string_view table = "settled_orders";
  std::string id;
  State state = State::matched;
  pawl::Time state_since;
  std::int64_t attempt = 0;
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Order::id), pawl::field("state", &Order::state),
                      pawl::field("state_since_us", &Order::state_since),
                      pawl::field("attempt", &Order::attempt)};
  }
};
struct MatchTag {
  static constexpr std::string_view kind = "settled_order.match";
};
struct ConfirmTag {
  static constexpr std::string_view kind = "settled_order.confirm";
};
using Match = On<Order, MatchTag>;
using Confirm = On<Order, ConfirmTag>;

struct Payout {
  static constexpr std::string_view kind = "settled_order.payout";
  std::string id;
  std::int64_t attempt = 1;
  std::string idempotency_key() const { return "pay:" + id + ":" + std::to_string(attempt); }
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Payout::id), pawl::field("attempt", &Payout::attempt)};
  }
};
struct PaidOut {
  static constexpr std::string_view kind = "settled_order.paid_out";
  std::string id;
  pawl::Outcome outcome = pawl::Outcome::unknown;
  static PaidOut of(const Payout& payout, const pawl::EffectReport& report) {
    return {payout.id, report.outcome};
  }
  auto keys() const { return std::tuple{pawl::Key<Order>{id}}; }
};

constexpr pawl::ErrorCode not_now{"not_now", pawl::ErrorClass::conflict, "not in this state"};
constexpr pawl::Guard is_new{"double_pay.is_new"};
// A second confirm while the first one's payout is under way.
constexpr pawl::Guard is_matched{"double_pay.is_matched"};

pawl::Decision decide(const Match& match, pawl::Locked<Order>& order, const pawl::Context&) {
  PAWL_REQUIRE(is_new, !order.present(), not_now);
  return pawl::Change().create(order, Order{.id = match.id}, "matched");
}
pawl::Decision decide(const Confirm&, pawl::Locked<Order>& order, const pawl::Context&) {
  if (!order.present()) return pawl::Decision::ignore("no order");
  PAWL_REQUIRE(is_matched, order->state == State::matched, not_now);
  Order row = *order;
  row.state = State::paying;
  ++row.attempt;
  return pawl::Change().update(order, row, "pay").effect(order, Payout{row.id, row.attempt});
}
pawl::Decision decide(const PaidOut& paid, pawl::Locked<Order>& order, const pawl::Context&) {
  if (order->state != State::paying) return pawl::Decision::ignore("ended before");
  Order row = *order;
  // Refused and never sent are certain: nothing was paid, and a further confirm may succeed.
  row.state = paid.outcome == pawl::Outcome::confirmed ? State::paid : State::matched;
  return pawl::Change().update(order, row, "ended");
}

class Payer final : public pawl::check::Outside {
 public:
  pawl::EffectAnswer perform(pawl::check::Facts& facts, const pawl::EffectCall& call,
                             pawl::Time) const override {
    facts.add("payments", 1);
    facts.set("paid " + call.idempotency_key, 1);
    return {pawl::Outcome::confirmed};
  }
  pawl::EffectAnswer inquire(pawl::check::Facts& facts, const pawl::EffectCall& call,
                             pawl::Time) const override {
    const bool paid = facts.has("paid " + call.idempotency_key);
    return {paid ? pawl::Outcome::confirmed : pawl::Outcome::absent};
  }
};

}  // namespace

pawl::check::System double_pay() {
  pawl::check::System out;
  out.name = "double_pay";
  out.guards = {is_matched.name, "protocol.inquiry_before_resend", "protocol.rule_allows_resend"};
  out.scenarios = [] {
    pawl::EffectPolicy policy;
    policy.resend = pawl::ResendRule::neither;
    policy.destination = "payer";
    policy.max_attempts = 2;
    auto registry = std::make_shared<pawl::Registry>();
    registry->machine<Order>()
        .initial(State::matched)
        .move(State::matched, State::paying)
        .move(State::paying, State::paid)
        .move(State::paying, State::matched)
        .effect<Payout, PaidOut>(policy);
    pawl::check::Scenario race;
    race.name = "double_pay";
    race.about = "a payout whose answer is lost, late, or never comes";
    race.registry = std::move(registry);
    race.outside = std::make_shared<Payer>();
    race.bounds.ticks = 0;
    race.requests = {ask<Match>("match", "order", "taker"),
                     ask<Confirm>("confirm", "order", "seller"),
                     ask<Confirm>("confirm again", "order", "seller")};
    race.ended = [](const pawl::check::View& view) {
      const auto* row = view.row<Order>("order");
      return row == nullptr || row->state != State::paying;
    };
    race.invariants.push_back({"paid once", [](const pawl::check::View& view) -> std::string {
                                 return view.outside().number("payments") > 1 ? "paid twice" : "";
                               }});
    race.invariants.push_back(
        {"what was paid is never offered again", [](const pawl::check::View& view) -> std::string {
           const auto* row = view.row<Order>("order");
           const bool offered = row != nullptr && row->state == State::matched;
           return offered && view.outside().number("payments") > 0 ? "it is matched again" : "";
         }});
    return std::vector{race};
  };
  return out;
}

}  // namespace races
