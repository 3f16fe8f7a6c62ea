// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/model/scenarios.h"

#include <utility>

#include "systems/otc/commands.h"
#include "systems/otc/guards.h"
#include "systems/otc/machine.h"
#include "systems/otc/model/custodian_model.h"
#include "systems/otc/model/invariants.h"

namespace pawl::otc::model {

namespace {

using check::Scenario;

constexpr std::int64_t tick_seconds = 3'600;
constexpr MicroUnits amount = 1'000'000;

Wallet wallet_of(unsigned char number) {
  PublicKeyBytes key{};
  key[0] = number;
  return Wallet::of(key);
}

std::string secret_of(unsigned char number) {
  Secret secret;
  secret.bytes.fill(number);
  return format_secret(secret);
}

std::string hash_of(unsigned char number) {
  Secret secret;
  secret.bytes.fill(number);
  return htlc_hash_of(secret);
}

// A tick is the shortest time that any of the desk's bounds tells apart.
Config in_ticks() {
  Config config;
  config.settlement_window_seconds = tick_seconds;
  config.payout_delay_seconds = tick_seconds;
  config.margin_seconds = tick_seconds;
  // May come at once; how long it waits is not what is explored.
  config.redrive_base_seconds = 0;
  config.custodian_max_attempts = 1;
  return config;
}

struct People {
  Wallet maker = wallet_of(1);
  Wallet taker = wallet_of(2);
  Wallet other = wallet_of(3);
  Wallet stranger = wallet_of(4);
};

Create create_of(const People& people, Side side, std::string_view nonce) {
  Create create;
  create.order_id = make_order_id(people.maker, nonce);
  create.maker = people.maker;
  create.side = side;
  create.amount_micro = amount;
  create.price_nano = 1'000'000'000;
  create.ttl_seconds = tick_seconds;
  if (side == Side::sell) create.htlc_hash = hash_of(7);
  return create;
}

Match match_of(const std::string& order, const Wallet& taker, Side side) {
  Match match;
  match.order_id = order;
  match.taker = taker;
  if (side == Side::buy) match.htlc_hash = hash_of(7);
  return match;
}

constexpr std::string_view nonce = "00000000000000000000000000000001";

Cast cast_of(const People& people, std::vector<std::string> orders, const Config& config) {
  Cast cast;
  cast.orders = std::move(orders);
  cast.wallets = {people.maker, people.taker, people.other};
  cast.custodian = std::make_shared<CustodianModel>(cast.wallets, amount);
  cast.config = config;
  cast.secret = secret_of(7);
  return cast;
}

void add(std::vector<check::Invariant>& to, std::vector<check::Invariant> more) {
  for (auto& one : more) to.push_back(std::move(one));
}

Scenario base(std::string name, std::string about, const People& people, const Cast& cast) {
  Scenario out;
  out.name = std::move(name);
  out.about = std::move(about);
  auto registry = std::make_shared<Registry>();
  declare(*registry, cast.config, nullptr);
  out.registry = std::move(registry);
  out.configs[0].set(cast.config);
  out.outside = cast.custodian;
  out.tick_us = tick_seconds * 1'000'000;
  out.bounds.ticks = 1;
  out.aliases = {{people.maker.text(), "maker"},
                 {people.taker.text(), "taker1"},
                 {people.other.text(), "taker2"},
                 {people.stranger.text(), "stranger"},
                 {secret_of(7), "secret"},
                 {secret_of(8), "wrong-secret"},
                 {hash_of(7), "hash"}};
  for (std::size_t i = 0; i < cast.orders.size(); ++i) {
    out.aliases[cast.orders[i]] =
        cast.orders.size() == 1 ? "order" : "order" + std::string(1, static_cast<char>('A' + i));
  }
  out.ended = [orders = cast.orders](const check::View& view) {
    for (const auto& id : orders) {
      const Order* order = view.row<Order>(id);
      if (order != nullptr && !is_ended(order->state)) return false;
    }
    return true;
  };
  // A payout of which nothing was sent is asked for again by itself.
  out.waits_for_operator = [](const check::View& view, const EntityRef& ref) {
    if (ref.machine != Order::machine) return false;
    const Order* order = view.row<Order>(ref.key);
    return order != nullptr && order->state == OrderState::settlement_recovery &&
           order->payout_status != PayoutStatus::unsent;
  };
  return out;
}

// Everything that can be asked of one order, with every fault of the custodian's.
Scenario trade(Side side) {
  const People people;
  const Create create = create_of(people, side, nonce);
  const std::string& order = create.order_id;
  const Cast cast = cast_of(people, {order}, in_ticks());
  const bool sells = side == Side::sell;
  Scenario out =
      base(sells ? "otc.sell" : "otc.buy",
           sells ? "the maker sells; two takers" : "the maker buys; two takers", people, cast);
  const std::string maker = "wallet:" + people.maker.text();
  out.requests.push_back(check::request("create", create, maker));
  Create reused = create;
  reused.price_nano *= 2;
  out.requests.push_back(check::request("create again under the nonce", reused, maker));
  Create hashless = create;
  hashless.htlc_hash = sells ? std::nullopt : std::optional(hash_of(7));
  out.requests.push_back(check::request("create with the hash of the wrong side", hashless, maker));
  for (const Wallet& taker : {people.taker, people.other}) {
    out.requests.push_back(check::request("match by " + taker.text(), match_of(order, taker, side),
                                          "wallet:" + taker.text()));
  }
  out.requests.push_back(
      check::request("the maker takes the own order", match_of(order, people.maker, side), maker));
  out.requests.push_back(
      check::request("confirm", Confirm{order, 0, secret_of(7), "tx"}, "anybody"));
  out.requests.push_back(check::request("confirm with a wrong secret",
                                        Confirm{order, 0, secret_of(8), "tx"}, "anybody"));
  out.requests.push_back(check::request("cancel", Cancel{order, 0, people.maker}, maker));
  out.requests.push_back(check::request("a stranger cancels", Cancel{order, 0, people.stranger},
                                        "wallet:" + people.stranger.text()));
  out.requests.push_back(
      check::request("redrive the payout", RedrivePayout{order, 0, "topped up"}, "operator"));
  out.requests.push_back(check::request("redrive the payout without a reason",
                                        RedrivePayout{order, 0, ""}, "operator"));
  out.requests.push_back(check::request(
      "redrive the refund", RedriveRefund{order, 0, "asked the custodian"}, "operator"));
  out.requests.push_back(check::request("redrive the refund without a reason",
                                        RedriveRefund{order, 0, ""}, "operator"));
  out.events.push_back({.name = "the custodian finishes the payout", .outside = pay_out});
  out.events.push_back({.name = "the custodian voids the payout", .outside = void_payout});
  out.symmetric = {{people.taker.text(), people.other.text()}};
  add(out.invariants, row_invariants(cast));
  add(out.invariants, book_invariants(cast));
  add(out.invariants, count_invariants(cast));
  add(out.invariants, answer_invariants(cast));
  return out;
}

// How much one wallet may have under way. Buy orders: nothing is locked until they are taken.
Scenario bounds() {
  const People people;
  Config config = in_ticks();
  config.open_per_maker = 1;
  config.held_per_taker = 1;
  const Create first = create_of(people, Side::buy, nonce);
  const Create second = create_of(people, Side::buy, "00000000000000000000000000000002");
  People others = people;
  others.maker = people.other;
  const Create third = create_of(others, Side::buy, "00000000000000000000000000000003");
  const Cast cast = cast_of(people, {first.order_id, second.order_id, third.order_id}, config);
  Scenario out = base("otc.bounds", "one open order per maker, one held per taker", people, cast);
  const std::string maker = "wallet:" + people.maker.text();
  const std::string taker = "wallet:" + people.taker.text();
  out.requests.push_back(check::request("create A", first, maker));
  out.requests.push_back(check::request("create B", second, maker));
  out.requests.push_back(check::request("create C", third, "wallet:" + people.other.text()));
  for (const auto& [name, order] :
       {std::pair{"match A", first.order_id}, std::pair{"match C", third.order_id}}) {
    out.requests.push_back(check::request(name, match_of(order, people.taker, Side::buy), taker));
  }
  out.bounds = {.workers = 1,
                .crashes = 0,
                .stalls = 0,
                .lost = 0,
                .late = 0,
                .unsent = 0,
                .refusals = 0,
                .operators = 0,
                .ticks = 1};
  add(out.invariants, count_invariants(cast));
  return out;
}

// The settlement window is made longer while an order stands on the board.
Scenario longer_window() {
  const People people;
  const Create create = create_of(people, Side::sell, nonce);
  const Cast cast = cast_of(people, {create.order_id}, in_ticks());
  Scenario out = base("otc.window", "the settlement window is made longer", people, cast);
  Config longer = cast.config;
  longer.settlement_window_seconds = 10 * tick_seconds;
  out.configs.emplace_back();
  out.configs[1].set(longer);
  out.configs[1].version = 2;
  out.requests.push_back(check::request("create", create, "wallet:" + people.maker.text()));
  out.requests.push_back(check::request("match",
                                        match_of(create.order_id, people.taker, Side::sell),
                                        "wallet:" + people.taker.text()));
  out.events.push_back({.name = "the window is made longer", .config = 1});
  out.bounds = {.workers = 1,
                .crashes = 0,
                .stalls = 0,
                .lost = 0,
                .late = 0,
                .unsent = 0,
                .refusals = 0,
                .operators = 0,
                .ticks = 1};
  // The matched order's window may end after the clock of this scenario does.
  out.ended = [](const check::View&) { return true; };
  add(out.invariants, row_invariants(cast));
  return out;
}

// Somebody has set a wallet's count to nothing, past the desk.
Scenario edited_count() {
  const People people;
  const Create create = create_of(people, Side::buy, nonce);
  const Cast cast = cast_of(people, {create.order_id}, in_ticks());
  Scenario out = base("otc.edited", "a wallet's count is edited by hand", people, cast);
  const std::string maker = "wallet:" + people.maker.text();
  out.requests.push_back(check::request("create", create, maker));
  out.requests.push_back(check::request("cancel", Cancel{create.order_id, 0, people.maker}, maker));
  check::Event edit{.name = "the maker's count is set to nothing by hand"};
  edit.row = EntityRef{WalletLedger::machine, people.maker.text()};
  edit.edit = [](Row& row) {
    row[4] = std::int64_t{0};
    return true;
  };
  out.events.push_back(std::move(edit));
  out.bounds.ticks = 1;
  out.invariants.push_back({"no count is below nothing",
                            [maker = people.maker.text()](const check::View& view) -> std::string {
                              const auto* row = view.row<WalletLedger>(maker);
                              const bool below = row != nullptr && row->open_orders < 0;
                              return below ? maker + " counts less than nothing" : "";
                            }});
  return out;
}

// A cancel that is meant for the order as it was seen, and no other.
Scenario expected_version() {
  const People people;
  const Create create = create_of(people, Side::sell, nonce);
  const Cast cast = cast_of(people, {create.order_id}, in_ticks());
  Scenario out = base("otc.version", "cancels of the order at one version", people, cast);
  const std::string maker = "wallet:" + people.maker.text();
  out.requests.push_back(check::request("create", create, maker));
  out.requests.push_back(
      check::request("cancel at version 1", Cancel{create.order_id, 1, people.maker}, maker));
  out.requests.push_back(
      check::request("cancel at version 2", Cancel{create.order_id, 2, people.maker}, maker));
  out.keep_versions = true;
  out.bounds = {.workers = 1,
                .crashes = 0,
                .stalls = 0,
                .lost = 0,
                .late = 0,
                .unsent = 0,
                .refusals = 0,
                .operators = 0,
                .ticks = 1};
  // At version 1 the lock is under way; at version 2 the order is open.
  out.invariants.push_back({"nothing is done to another version than was meant",
                            [](const check::View& view) -> std::string {
                              const Receipt* receipt = view.receipt("cancel at version 1");
                              const bool done = receipt != nullptr && receipt->done;
                              return done ? "an open order was cancelled by it" : "";
                            }});
  return out;
}

}  // namespace

check::System system() {
  check::System out;
  out.name = "otc";
  out.scenarios = [] {
    return std::vector{bounds(),           longer_window(),   edited_count(),
                       expected_version(), trade(Side::sell), trade(Side::buy)};
  };
  for (const Guard& guard :
       {guard::order_is_new, guard::order_exists, guard::few_open, guard::hash_from_seller,
        guard::version_expected, guard::open_to_match, guard::not_expired, guard::not_own_order,
        guard::few_held, guard::escrow_covers_settlement, guard::open_to_cancel,
        guard::cancelled_by_maker, guard::matched_to_confirm, guard::secret_opens_hash,
        guard::settlement_time_left, guard::payout_is_void, guard::escrow_still_ours,
        guard::reason_given, guard::slot_is_held}) {
    out.guards.push_back(guard.name);
  }
  return out;
}

}  // namespace pawl::otc::model
