// SPDX-License-Identifier: Apache-2.0
//
// Onto the board and off it: create, match, cancel and expiry.
#include <limits>

#include "core/json.h"
#include "systems/otc/errors.h"
#include "systems/otc/guards.h"
#include "systems/otc/order_steps.h"

namespace pawl::otc {

namespace {

Time whole_second_from(Time time) {
  return Time::from_seconds(time.plus_us(999'999).seconds());
}

std::int32_t open_orders_of(const Locked<WalletLedger>& wallet) {
  return wallet.present() ? wallet->open_orders : 0;
}

std::int32_t held_by(const Locked<WalletLedger>& wallet) {
  return wallet.present() ? wallet->held : 0;
}

void count(Change& change, const Locked<WalletLedger>& wallet, std::int32_t open, std::int32_t held,
           std::string why) {
  WalletLedger row;
  if (wallet.present()) row = *wallet;
  row.wallet = wallet.key();
  row.open_orders += open;
  row.held += held;
  if (wallet.present()) {
    change.update(wallet, row, std::move(why));
  } else {
    change.create(wallet, row, std::move(why));
  }
}

SignedText signed_by(const Match& match) {
  return {match.signed_public_key, match.signed_signature, match.signed_text};
}

Order order_of(const Create& create, const Context& now) {
  const Config& config = now.configuration<Config>();
  Order row;
  row.order_id = create.order_id;
  row.side = create.side;
  row.pair = create.pair;
  row.maker = create.maker;
  row.amount_micro = create.amount_micro;
  row.price_nano = create.price_nano;
  row.total_nano = total_nano(create.amount_micro, create.price_nano);
  row.maker_address = create.address;
  row.created = now.time;
  row.expires = now.time.plus_seconds(create.ttl_seconds);
  row.counts_open = true;
  if (create.side == Side::sell) {
    row.state = OrderState::opening;
    row.htlc_hash = create.htlc_hash;
    row.holder = create.maker;
    row.lock_attempt = 1;
    row.escrow_until =
        whole_second_from(row.expires).plus_seconds(config.settlement_span_seconds());
  } else {
    row.state = OrderState::open;
    row.terms_public_key = create.signed_public_key;
    row.terms_signature = create.signed_signature;
    row.terms_text = create.signed_text;
  }
  return row;
}

}  // namespace

std::string Create::identity() const {
  json::Writer out;
  out.begin_array().string(order_id).string(maker.text()).string(name_of(side));
  out.string(name_of(pair)).integer(amount_micro).integer(price_nano).integer(ttl_seconds);
  out.string(address).string(htlc_hash.value_or("")).end_array();
  return std::move(out).take();
}

std::string Match::identity() const {
  json::Writer out;
  out.begin_array().string(order_id).string(taker.text()).string(address);
  out.string(htlc_hash.value_or("")).integer(if_version).end_array();
  return std::move(out).take();
}

Decision decide(const Create& create, Locked<Order>& order, Locked<WalletLedger>& maker,
                const Context& now) {
  const Config& config = now.configuration<Config>();
  PAWL_REQUIRE(guard::order_is_new, !order.present(), error::order_exists);
  PAWL_REQUIRE(guard::few_open, open_orders_of(maker) < config.open_per_maker,
               error::too_many_open);
  const bool sells = create.side == Side::sell;
  PAWL_REQUIRE(guard::hash_from_seller, create.htlc_hash.has_value() == sells,
               sells ? error::htlc_hash_required : error::htlc_hash_unexpected);

  const Order row = order_of(create, now);
  Change change;
  count(change, maker, 1, 0, "order " + create.order_id);
  if (sells) {
    change.create(order, row, "lock the maker's coins");
    change.effect(order, lock_of(row, {create.signed_public_key, create.signed_signature,
                                       create.signed_text}));
  } else {
    Expire expire;
    expire.order_id = row.order_id;
    change.create(order, row, "open");
    change.deadline(order, std::string(expiry_deadline), row.expires, expire);
  }
  return change;
}

Decision decide(const Match& match, Locked<Order>& order, Locked<WalletLedger>& taker,
                const Context& now) {
  const Config& config = now.configuration<Config>();
  PAWL_REQUIRE(guard::order_exists, order.present(), error::order_not_found);
  PAWL_REQUIRE(guard::version_expected, is_expected(match.if_version, order),
               error::precondition_failed);
  PAWL_REQUIRE(guard::open_to_match, order->state == OrderState::open, error::order_not_open);
  PAWL_REQUIRE(guard::not_own_order, match.taker != order->maker, error::own_order);
  PAWL_REQUIRE(guard::not_expired, now.time < order->expires, error::order_expired);
  PAWL_REQUIRE(guard::few_held, held_by(taker) < config.held_per_taker, error::too_many_held);
  const bool taker_sells = order->side == Side::buy;
  PAWL_REQUIRE(guard::hash_from_seller, match.htlc_hash.has_value() == taker_sells,
               taker_sells ? error::htlc_hash_required : error::htlc_hash_unexpected);
  PAWL_REQUIRE(guard::escrow_covers_settlement,
               taker_sells || order->escrow_until.value_or(Time()) >=
                                  now.time.plus_seconds(config.settlement_span_seconds()),
               error::escrow_too_short);

  Change change;
  OrderStep step(order, change);
  Order& row = step.row;
  row.taker = match.taker;
  row.taker_address = match.address;
  row.matched = now.time;
  row.settle_until = now.time.plus_seconds(config.settlement_window_seconds);
  row.counts_held = true;
  count(change, taker, 0, 1, "holds " + row.order_id);
  change.disarm(order, std::string(expiry_deadline));
  if (taker_sells) {
    row.state = OrderState::matching;
    row.htlc_hash = match.htlc_hash;
    row.holder = match.taker;
    ++row.lock_attempt;
    row.escrow_until = whole_second_from(now.time).plus_seconds(config.settlement_span_seconds());
    change.effect(order, lock_of(row, signed_by(match)));
    step.finish("lock the taker's coins");
    return change;
  }
  row.state = OrderState::matched;
  return_open_slot(step);
  EndSettlement end;
  end.order_id = row.order_id;
  change.deadline(order, std::string(settlement_deadline), *row.settle_until, end);
  step.finish("matched");
  return change;
}

Decision decide(const Cancel& cancel, Locked<Order>& order, const Context&) {
  PAWL_REQUIRE(guard::order_exists, order.present(), error::order_not_found);
  PAWL_REQUIRE(guard::version_expected, is_expected(cancel.if_version, order),
               error::precondition_failed);
  PAWL_REQUIRE(guard::cancelled_by_maker, cancel.maker == order->maker, error::not_the_maker);
  PAWL_REQUIRE(guard::open_to_cancel, order->state == OrderState::open, error::order_not_open);
  Change change;
  OrderStep step(order, change);
  change.disarm(order, std::string(expiry_deadline));
  if (step.row.escrow_locked) {
    begin_refund(step, OrderState::cancelled, "cancelled_by_maker");
    step.finish("cancelled: give the escrow back");
    return change;
  }
  step.row.state = OrderState::cancelled;
  step.row.reason = "cancelled_by_maker";
  return_open_slot(step);
  step.finish("cancelled");
  return change;
}

Decision decide(const Expire&, Locked<Order>& order, const Context& now) {
  if (!order.present()) return Decision::ignore("no such order");
  if (order->state != OrderState::open) return Decision::ignore("not on the board");
  if (now.time < order->expires) return Decision::ignore("not yet");
  Change change;
  OrderStep step(order, change);
  if (step.row.escrow_locked) {
    begin_refund(step, OrderState::expired, "expired");
    step.finish("expired: give the escrow back");
    return change;
  }
  step.row.state = OrderState::expired;
  step.row.reason = "expired";
  return_open_slot(step);
  step.finish("expired");
  return change;
}

}  // namespace pawl::otc
