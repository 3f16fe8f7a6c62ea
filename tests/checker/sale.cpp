// SPDX-License-Identifier: Apache-2.0
#include "checker/sale.h"

namespace pawl::check::test {

namespace {

constexpr Guard is_new{"sale.is_new"};
constexpr Guard is_paid{"sale.is_paid"};
constexpr ErrorCode not_now{"not_now", ErrorClass::conflict, "the sale's state does not allow it"};

Flaw flaw_of(const Context& now) {
  return now.configuration<Flawed>().flaw;
}

}  // namespace

Decision decide(const Buy& buy, Locked<Sale>& sale, const Context& now) {
  PAWL_REQUIRE(is_new, !sale.present(), not_now);
  Change change;
  change.create(sale, Sale{.id = buy.sale, .charges = 1}, "asked");
  change.effect(sale, Charge{buy.sale, 1});
  Hurry hurry;
  hurry.sale = buy.sale;
  change.deadline(sale, "hurry", now.time.plus_us(engine::tick_us), hurry);
  return change;
}

Decision decide(const Cancel&, Locked<Sale>& sale, const Context& now) {
  const Flaw flaw = flaw_of(now);
  if (flaw == Flaw::claims_too_much && !sale.present()) return Decision::ignore("gone already");
  if (flaw != Flaw::reads_what_is_absent) PAWL_REQUIRE(is_paid, sale.present(), not_now);
  if (flaw != Flaw::moves_illegally) PAWL_REQUIRE(is_paid, sale->state == SaleState::paid, not_now);
  Sale row = *sale;
  Change change;
  row.state = flaw == Flaw::forgets_refund ? SaleState::cancelled : SaleState::refunding;
  change.update(sale, row, "cancelled");
  if (flaw != Flaw::forgets_refund) change.effect(sale, Refund{row.id, 1});
  return change;
}

Decision decide(const Hurry&, Locked<Sale>& sale, const Context& now) {
  if (sale->state != SaleState::asked) return Decision::ignore("paid or not");
  if (flaw_of(now) != Flaw::charges_again) return Decision::ignore("the charge is under way");
  Sale row = *sale;
  ++row.charges;
  return Change().update(sale, row, "charge again").effect(sale, Charge{row.id, row.charges});
}

Decision decide(const Ended<Charge>& ended, Locked<Sale>& sale, const Context& now) {
  static thread_local std::int64_t seen = 0;
  Sale row = *sale;
  if (row.state != SaleState::asked) return Decision::ignore("decided before");
  row.state = ended.outcome == Outcome::confirmed ? SaleState::paid : SaleState::failed;
  if (flaw_of(now) == Flaw::remembers) row.charges = ++seen;
  return Change().update(sale, row, "charged");
}

Decision decide(const Ended<Refund>& ended, Locked<Sale>& sale, const Context& now) {
  Sale row = *sale;
  Change change;
  if (ended.outcome == Outcome::confirmed) {
    row.state = SaleState::refunded;
    return change.update(sale, row, "refunded");
  }
  const Flaw flaw = flaw_of(now);
  if (flaw == Flaw::wedges) return Decision::ignore("it will come by itself");
  row.state = SaleState::stuck;
  change.update(sale, row, "not refunded");
  if (flaw != Flaw::stops_silently) change.alert(sale, "refund_failed", "look at it");
  return change;
}

Scenario sale(Flaw flaw) {
  EffectPolicy policy;
  policy.resend = ResendRule::dedup;
  policy.destination = "bank";
  auto registry = std::make_shared<Registry>();
  using S = SaleState;
  registry->machine<Sale>()
      .initial(S::asked)
      .move(S::asked, S::paid)
      .move(S::asked, S::failed)
      .move(S::paid, S::refunding)
      .move(S::paid, S::cancelled)
      .move(S::refunding, S::refunded)
      .move(S::refunding, S::stuck)
      .stored_command<Hurry>()
      .effect<Charge, Ended<Charge>>(policy)
      .effect<Refund, Ended<Refund>>(policy);
  Scenario out;
  out.name = "sale";
  out.registry = std::move(registry);
  out.configs[0].set(Flawed{flaw});
  out.outside = std::make_shared<engine::FarSide>(ResendRule::dedup);
  Buy buy;
  buy.sale = "s";
  Cancel cancel;
  cancel.sale = "s";
  out.requests = {request("buy", buy, "ann"), request("cancel", cancel, "ann")};
  out.bounds.ticks = 1;
  out.bounds.operators = 0;
  out.tick_us = engine::tick_us;
  const auto row_of = [](const View& view) { return view.row<Sale>("s"); };
  const auto coins = [](const View& view) {
    const Facts& bank = view.outside();
    return bank.number("done charge:s:1") + bank.number("done charge:s:2") -
           bank.number("done refund:s:1");
  };
  out.ended = [row_of](const View& view) {
    const Sale* row = row_of(view);
    return row == nullptr || (row->state != S::asked && row->state != S::refunding);
  };
  out.waits_for_operator = [](const View& view, const EntityRef& ref) {
    const Sale* row = view.row<Sale>(ref.key);
    return row != nullptr && row->state == S::stuck;
  };
  out.invariants = {
      {"charged once",
       [coins](const View& view) -> std::string { return coins(view) > 1 ? "charged twice" : ""; }},
      {"the end is so",
       [row_of, coins](const View& view) -> std::string {
         const Sale* row = row_of(view);
         if (row == nullptr) return "";
         const bool none_left =
             row->state == S::cancelled || row->state == S::refunded || row->state == S::failed;
         return none_left && coins(view) != 0 ? "the coins are still there" : "";
       }},
      {"a cancel that was done is one", [row_of](const View& view) -> std::string {
         const Receipt* receipt = view.receipt("cancel");
         if (receipt == nullptr || !receipt->done) return "";
         const Sale* row = row_of(view);
         const bool goes_on = row == nullptr || row->state == S::asked || row->state == S::paid;
         return goes_on ? "nothing was cancelled" : "";
       }}};
  return out;
}

}  // namespace pawl::check::test
