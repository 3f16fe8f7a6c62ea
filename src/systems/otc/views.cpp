// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/views.h"

#include <algorithm>

namespace pawl::otc {

namespace {

constexpr std::size_t max_shown_code_bytes = 64;

void write_text(json::Writer& out, std::string_view name, const std::optional<std::string>& text) {
  if (text) {
    out.field(name, *text);
  } else {
    out.field(name, nullptr);
  }
}

void write_time(json::Writer& out, std::string_view name, const std::optional<Time>& time) {
  if (time) {
    out.field(name, to_rfc3339(*time));
  } else {
    out.field(name, nullptr);
  }
}

void write_money(json::Writer& out, Pair pair, MicroUnits amount, NanoQuote price,
                 NanoQuote total) {
  out.field("amount_rtc", format_amount(amount));
  out.field("amount_micro_rtc", std::to_string(amount));
  out.field("price_per_rtc", format_nano(price));
  out.field("price_per_rtc_nano_quote", std::to_string(price));
  out.field("total_quote", format_nano(total));
  out.field("total_quote_nano", std::to_string(total));
  out.field("quote_currency", quote_currency(pair));
}

}  // namespace

std::string shown_code(std::string_view code) {
  const bool plain =
      !code.empty() && code.size() <= max_shown_code_bytes &&
      std::all_of(code.begin(), code.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
      });
  return plain ? std::string(code) : "refused";
}

void write_order(json::Writer& out, const Order& order) {
  const bool completed = order.state == OrderState::completed;
  out.field("order_id", order.order_id);
  out.field("status", name_of(order.state));
  out.field("status_since", to_rfc3339(order.state_since));
  out.field("side", name_of(order.side)).field("pair", name_of(order.pair));
  out.field("maker_wallet", order.maker.text());
  write_text(out, "taker_wallet",
             order.taker ? std::optional<std::string>(order.taker->text()) : std::nullopt);
  write_money(out, order.pair, order.amount_micro, order.price_nano, order.total_nano);
  write_text(out, "htlc_hash", order.htlc_hash);
  out.field("maker_eth_address", order.maker_address);
  out.field("taker_eth_address", order.taker_address);
  write_text(out, "quote_tx", order.quote_tx);
  out.field("created_at", to_rfc3339(order.created));
  out.field("expires_at", to_rfc3339(order.expires));
  write_time(out, "matched_at", order.matched);
  write_time(out, "settle_until", order.settle_until);
  write_time(out, "completed_at", order.completed);
  out.field("escrow_locked", order.escrow_locked);
  out.field("escrow_refunded", order.escrow_refunded);
  out.field("reason", order.reason.empty() ? "" : shown_code(order.reason));
  write_text(out, "trade_id", order.trade_id);
  if (completed) write_text(out, "htlc_secret", order.secret);
}

void write_trade(json::Writer& out, const TradeRecord& trade) {
  out.field("trade_id", trade.trade_id).field("order_id", trade.order_id);
  out.field("side", name_of(trade.side)).field("pair", name_of(trade.pair));
  out.field("maker_wallet", trade.maker.text()).field("taker_wallet", trade.taker.text());
  write_money(out, trade.pair, trade.amount_micro, trade.price_nano, trade.total_nano);
  out.field("quote_tx", trade.quote_tx);
  out.field("completed_at", to_rfc3339(trade.completed));
}

std::string order_json(const Order& order) {
  json::Writer out;
  out.begin_object();
  write_order(out, order);
  out.end_object();
  return std::move(out).take();
}

std::string order_json(bool ok, const Order& order) {
  json::Writer out;
  out.begin_object().field("ok", ok);
  write_order(out, order);
  out.end_object();
  return std::move(out).take();
}

}  // namespace pawl::otc
