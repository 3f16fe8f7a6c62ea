// SPDX-License-Identifier: Apache-2.0
//
// Random sequences of commands, deadlines and custodian's answers: whatever happens in whatever
// order, coins are conserved, nothing is both paid and refunded, and the counts are right. The
// custodian here is a model: it refuses, loses its voice, or does what it is asked, at random.
// PAWL_SEED repeats a run.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "otc/order_world.h"
#include "seed.h"

namespace pawl::otc::test {
namespace {

enum class Escrow { none, locked, released, refunded };

struct Held {
  Escrow state = Escrow::none;
  std::string holder;
  MicroUnits owed = 0;
};

class Model {
 public:
  Model(World& world, std::mt19937_64& random) : world_(world), random_(random) {}

  // Answers one open effect at random, and does what the answer says.
  void answer_one() {
    if (world_.effects.empty()) return;
    const std::size_t index = pick(world_.effects.size());
    const OpenEffect effect = world_.effects[index];
    if (effect.kind == LockRequest::kind) return lock(index, effect.as<LockRequest>());
    if (effect.kind == ReleaseRequest::kind) return release(index, effect.as<ReleaseRequest>());
    if (effect.kind == RefundRequest::kind) return refund(index, effect.as<RefundRequest>());
    payout(index, effect.as<PayoutRequest>());
  }

  std::map<std::string, Held> escrows;
  std::map<std::string, int> paid;            // order id to payouts
  std::set<std::string> queued;               // payout keys that were accepted
  std::map<std::string, MicroUnits> balance;  // change against the start

 private:
  std::size_t pick(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  bool refuse_or_lose(std::size_t index) {
    const auto roll = pick(6);
    if (roll == 0) world_.answer_at(index, Outcome::refused, "refused_at_random");
    if (roll == 1) world_.answer_at(index, Outcome::never_sent, "client_connect_failed");
    return roll < 2;
  }

  void lock(std::size_t index, const LockRequest& request) {
    if (refuse_or_lose(index)) return;
    Held& held = escrows[request.order_id];
    ASSERT_NE(held.state, Escrow::locked);
    held = {Escrow::locked, request.holder.text(), 0};
    balance[request.holder.text()] -= request.amount_micro;
    amount_[request.order_id] = request.amount_micro;
    world_.answer_at(index, Outcome::confirmed, "");
  }
  void release(std::size_t index, const ReleaseRequest& request) {
    if (refuse_or_lose(index)) return;
    Held& held = escrows[request.order_id];
    ASSERT_EQ(held.state, Escrow::locked);
    if (pick(8) == 0) {  // it ran out at the custodian: refundable, no longer releasable
      world_.answer_at(index, Outcome::refused, "escrow_ended");
      return;
    }
    held.state = Escrow::released;
    held.owed = amount_[request.order_id];
    world_.answer_at(index, Outcome::confirmed, "");
  }
  void refund(std::size_t index, const RefundRequest& request) {
    if (refuse_or_lose(index)) return;
    Held& held = escrows[request.order_id];
    ASSERT_EQ(held.state, Escrow::locked) << "refund of what was released or refunded";
    ASSERT_EQ(held.holder, request.holder.text());
    held.state = Escrow::refunded;
    balance[held.holder] += amount_[request.order_id];
    world_.answer_at(index, Outcome::confirmed, "");
  }
  void payout(std::size_t index, const PayoutRequest& request) {
    Held& held = escrows[request.order_id];
    ASSERT_EQ(held.state, Escrow::released) << "payout before the release";
    if (queued.contains(request.key)) {
      if (pick(4) == 0) {  // voided: back with the order
        held.owed += request.amount_micro;
        world_.answer_at(index, Outcome::refused, std::string(payout_voided_code));
        return;
      }
      ++paid[request.order_id];
      balance[request.recipient.text()] += request.amount_micro;
      world_.answer_at(index, Outcome::confirmed, "");
      return;
    }
    if (refuse_or_lose(index)) return;
    ASSERT_GE(held.owed, request.amount_micro) << "paid twice";
    held.owed -= request.amount_micro;
    queued.insert(request.key);
    world_.answer_at(index, Outcome::accepted, "");
  }

  World& world_;
  std::mt19937_64& random_;
  std::map<std::string, MicroUnits> amount_;
};

class Sequence {
 public:
  explicit Sequence(std::uint64_t seed) : random_(seed), model_(world_, random_) {
    world_.settings().held_per_taker = 2;
    world_.settings().open_per_maker = 3;
  }

  void step() {
    switch (pick(12)) {
      case 0:
        return create();
      case 1:
      case 2:
        return match();
      case 3:
      case 4:
        return confirm();
      case 5:
        return cancel();
      case 6:
        world_.now = world_.now.plus_seconds(static_cast<std::int64_t>(pick(20'000)));
        return world_.run_deadlines();
      case 7:
        return redrive();
      case 8:
        return world_.deliver();
      default:
        return model_.answer_one();
    }
  }

  void check() {
    std::map<std::string, std::pair<int, int>> counts;  // wallet to (open, held)
    for (const Order& order : world_.orders()) {
      check_order(order);
      if (order.counts_open) ++counts[order.maker.text()].first;
      if (order.counts_held) ++counts[order.taker->text()].second;
    }
    for (const auto& [from, command] : world_.messages) {
      const auto back = from_payload<ReturnSlot>(command->payload());
      auto& count = counts[back->wallet.text()];
      ++(back->slot == Slot::held ? count.second : count.first);
    }
    for (unsigned i = 0; i < wallets; ++i) {
      const std::string name = wallet_of(i).text();
      if (!world_.has<WalletLedger>(name)) continue;
      const auto row = world_.row<WalletLedger>(name);
      ASSERT_EQ(row.open_orders, counts[name].first);
      ASSERT_EQ(row.held, counts[name].second);
      ASSERT_LE(row.held, 2);
      ASSERT_LE(row.open_orders, 3);
    }
    ASSERT_EQ(world_.bounces, 0);
  }

  // Nothing is wedged: with a custodian that does what it is asked, time and an operator, every
  // order comes to an end.
  void drain() {
    for (int round = 0; round < 2'000; ++round) {
      world_.deliver();
      if (world_.effects.empty() && all_ended()) return;
      model_.answer_one();
      world_.now = world_.now.plus_seconds(4'000);
      world_.run_deadlines();
      redrive();
    }
    FAIL() << "an order does not come to its end";
  }

  void check_end() {
    MicroUnits sum = 0;
    for (const auto& [wallet, change] : model_.balance) sum += change;
    ASSERT_EQ(sum, 0) << "coins were made or lost";
    std::size_t completed = 0;
    for (const Order& order : world_.orders()) {
      completed += order.state == OrderState::completed;
      ASSERT_EQ(model_.paid[order.order_id], order.state == OrderState::completed ? 1 : 0);
    }
    ASSERT_EQ(world_.trades.size(), completed);
  }

 private:
  static constexpr unsigned wallets = 4;
  std::size_t pick(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }

  void check_order(const Order& order) {
    const Held& held = model_.escrows[order.order_id];
    ASSERT_FALSE(order.released && order.escrow_refunded);
    if (released_.contains(order.order_id)) {
      ASSERT_TRUE(order.released);
      ASSERT_NE(order.state, OrderState::matched);
    }
    if (order.released) released_.insert(order.order_id);
    if (order.released) {
      ASSERT_EQ(held.state, Escrow::released);
    }
    if (order.escrow_refunded) {
      ASSERT_EQ(held.state, Escrow::refunded);
    }
    if (order.state == OrderState::open && order.side == Side::sell) {
      ASSERT_EQ(held.state, Escrow::locked);
    }
    if (order.state == OrderState::matched) {
      ASSERT_EQ(held.state, Escrow::locked);
    }
    if (order.state == OrderState::matched) {
      ASSERT_FALSE(order.secret);
    }
    const bool idle = order.state == OrderState::rejected || order.state == OrderState::cancelled ||
                      order.state == OrderState::expired;
    if (idle) {
      ASSERT_TRUE(held.state == Escrow::none || held.state == Escrow::refunded);
    }
    if (order.state == OrderState::completed) {
      ASSERT_EQ(model_.paid[order.order_id], 1);
    }
  }
  bool all_ended() const {
    for (const Order& order : world_.orders()) {
      if (!is_ended(order.state)) return false;
    }
    return true;
  }

  void create() {
    const auto side = pick(2) == 0 ? Side::sell : Side::buy;
    const auto nonce = static_cast<unsigned>(creates_.size() + 1);
    creates_.push_back({create_of(side, static_cast<unsigned>(pick(wallets)), nonce), nonce});
    world_.run(creates_.back().first);
  }
  const std::pair<Create, unsigned>* some() {
    return creates_.empty() ? nullptr : &creates_[pick(creates_.size())];
  }
  void match() {
    if (const auto* one = some()) {
      world_.run(match_of(one->first, static_cast<unsigned>(pick(wallets)), one->second % 250));
    }
  }
  void confirm() {
    if (const auto* one = some()) {
      const unsigned secret = one->first.side == Side::sell ? one->second : one->second % 250;
      world_.run(confirm_of(one->first.order_id, pick(5) == 0 ? secret + 1 : secret));
    }
  }
  void cancel() {
    if (const auto* one = some()) world_.run(cancel_of(one->first));
  }
  void redrive() {
    for (const Order& order : world_.orders()) {
      if (order.state != OrderState::settlement_recovery || pick(2) == 0) continue;
      RedrivePayout payout;
      payout.order_id = order.order_id;
      payout.reason = "test";
      RedriveRefund refund;
      refund.order_id = order.order_id;
      refund.reason = "test";
      world_.run(payout);
      world_.run(refund);
    }
  }

  World world_;
  std::mt19937_64 random_;
  Model model_;
  std::vector<std::pair<Create, unsigned>> creates_;
  std::set<std::string> released_;
};

TEST(RandomSequences, ConserveCoinsAndCountsAndComeToAnEnd) {
  const auto given = pawl::test::given_seed();
  const std::uint64_t first = pawl::test::seed_of_run();
  for (std::uint64_t seed = first; seed < first + (given ? 1 : 200); ++seed) {
    SCOPED_TRACE("PAWL_SEED=" + std::to_string(seed));
    Sequence sequence(seed);
    for (int i = 0; i < 300; ++i) {
      sequence.step();
      sequence.check();
      if (::testing::Test::HasFatalFailure()) return;
    }
    sequence.drain();
    sequence.check();
    sequence.check_end();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace pawl::otc::test
