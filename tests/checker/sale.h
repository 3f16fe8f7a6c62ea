// SPDX-License-Identifier: Apache-2.0
//
// A sale that charges and refunds, with flaws on request: what the checker must find. Without a
// flaw it is right, so that each finding is the flaw's.
#pragma once

#include <pawl/check.h>

#include <array>
#include <memory>
#include <string>
#include <tuple>

#include "check/engine_machines.h"

namespace pawl::check::test {

enum class Flaw {
  none,
  charges_again,    // a new charge under a new key while the first one's outcome is not known
  forgets_refund,   // cancelled, and nobody gives the coins back
  moves_illegally,  // from a state that has no such move
  stops_silently,   // waits for a person whom nobody calls
  wedges,           // waits for nothing
  claims_too_much,  // answers "done" and has done nothing
  remembers,        // decides by what it saw the last time, not by the row
  reads_what_is_absent
};
struct Flawed {
  Flaw flaw = Flaw::none;
};

enum class SaleState { asked, paid, failed, refunding, refunded, cancelled, stuck };
constexpr auto pawl_names(SaleState) {
  return std::array<std::string_view, 7>{"asked",    "paid",      "failed", "refunding",
                                         "refunded", "cancelled", "stuck"};
}
struct Sale {
  static constexpr std::string_view machine = "sale";
  static constexpr std::string_view table = "sales";
  std::string id;
  SaleState state = SaleState::asked;
  Time state_since;
  std::int64_t charges = 0;
  static constexpr auto fields() {
    return std::tuple{field("id", &Sale::id), field("state", &Sale::state),
                      field("state_since_us", &Sale::state_since),
                      field("charges", &Sale::charges)};
  }
};

template <class Tag>
struct OnSale {
  static constexpr std::string_view kind = Tag::kind;
  std::string sale;
  auto keys() const { return std::tuple{Key<Sale>{sale}}; }
  static constexpr auto fields() { return std::tuple{field("sale", &OnSale::sale)}; }
};
struct BuyTag {
  static constexpr std::string_view kind = "sale.buy";
};
struct CancelTag {
  static constexpr std::string_view kind = "sale.cancel";
};
struct HurryTag {
  static constexpr std::string_view kind = "sale.hurry";
};
using Buy = OnSale<BuyTag>;
using Cancel = OnSale<CancelTag>;
using Hurry = OnSale<HurryTag>;  // a deadline

template <class Tag>
struct Call {
  static constexpr std::string_view kind = Tag::kind;
  std::string sale;
  std::int64_t attempt = 1;
  std::string idempotency_key() const {
    return std::string(kind) + ":" + sale + ":" + std::to_string(attempt);
  }
  static constexpr auto fields() {
    return std::tuple{field("sale", &Call::sale), field("attempt", &Call::attempt)};
  }
};
struct ChargeTag {
  static constexpr std::string_view kind = "charge";
};
struct RefundTag {
  static constexpr std::string_view kind = "refund";
};
using Charge = Call<ChargeTag>;
using Refund = Call<RefundTag>;

template <class Request>
struct Ended {
  static constexpr std::string_view kind = Request::kind;
  std::string sale;
  Outcome outcome = Outcome::unknown;
  static Ended of(const Request& request, const EffectReport& report) {
    return {request.sale, report.outcome};
  }
  auto keys() const { return std::tuple{Key<Sale>{sale}}; }
};

Decision decide(const Buy&, Locked<Sale>&, const Context&);
Decision decide(const Cancel&, Locked<Sale>&, const Context&);
Decision decide(const Hurry&, Locked<Sale>&, const Context&);
Decision decide(const Ended<Charge>&, Locked<Sale>&, const Context&);
Decision decide(const Ended<Refund>&, Locked<Sale>&, const Context&);

Scenario sale(Flaw flaw);

}  // namespace pawl::check::test
