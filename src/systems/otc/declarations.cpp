// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/declarations.h"

#include <pawl/receipt.h>

#include <utility>
#include <vector>

#include "core/json.h"
#include "net/entity_tag.h"
#include "systems/otc/authorization.h"
#include "systems/otc/canonical_json.h"
#include "systems/otc/decimal.h"
#include "systems/otc/errors.h"
#include "systems/otc/identifiers.h"
#include "systems/otc/routes.h"

namespace pawl::otc {

namespace {

using net::DeclaredAnswer;
using net::DeclaredError;
using net::DeclaredParameter;
using net::ParameterPlace;

DeclaredParameter query(const char* name, const char* meaning, const char* schema) {
  return {name, ParameterPlace::query, meaning, schema};
}

DeclaredParameter order_id_parameter() {
  return {"id", ParameterPlace::path, "the order's", R"({"$ref":"#/components/schemas/OrderId"})"};
}

std::vector<DeclaredParameter> page_parameters(std::vector<DeclaredParameter> more) {
  more.push_back(query("pair", "of this pair only", R"({"type":"string"})"));
  more.push_back(query("limit", "rows of a page",
                       R"({"type":"integer","minimum":1,"maximum":200,"default":50})"));
  more.push_back(query("cursor", "the next_cursor of the page before", R"({"type":"string"})"));
  return more;
}

std::vector<DeclaredError> joined(std::vector<DeclaredError> a,
                                  const std::vector<DeclaredError>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Of every write's body and headers.
std::vector<DeclaredError> body_errors() {
  return {json::json_invalid,       json::json_too_deep,
          json::json_duplicate_key, json::json_too_large,
          error::body_required,     error::field_required,
          error::field_invalid,     error::unknown_field,
          error::parameter_invalid, error::idempotency_key_invalid,
          idempotency_mismatch};
}

std::vector<DeclaredError> signature_errors() {
  return {wallet_must_be_native_rtc_address,
          wallet_auth_required,
          wallet_auth_public_key_signature_timestamp_required,
          wallet_auth_invalid_timestamp,
          wallet_auth_timestamp_expired,
          wallet_auth_public_key_does_not_match_wallet,
          wallet_auth_invalid_encoding,
          wallet_auth_invalid_signature,
          wallet_not_canonical,
          text_not_utf8};
}

std::vector<DeclaredError> condition_errors() {
  return {net::if_match_invalid, {error::precondition_failed, 412}};
}

std::vector<DeclaredParameter> write_parameters(bool of_an_order) {
  std::vector<DeclaredParameter> out{
      {"Idempotency-Key", ParameterPlace::header, "a repeat of it runs nothing"},
      query("wait_ms", "how long to wait for the end", R"({"type":"integer","minimum":0})")};
  if (of_an_order) {
    out.push_back(order_id_parameter());
    out.push_back(net::if_match_parameter());
  }
  return out;
}

std::vector<DeclaredAnswer> write_answers(unsigned ended) {
  const DeclaredParameter location{"Location", ParameterPlace::header, "the order's path"};
  return {{ended, "ended well", "OrderWrite", "application/json", {location}},
          {202, "not ended within wait_ms", "OrderWrite", "application/json", {location}}};
}

net::RouteOptions write(std::string id, std::string summary, std::string body,
                        std::vector<DeclaredError> errors) {
  const bool of_an_order = id != "createOrder";
  if (of_an_order) {
    errors = joined(joined(std::move(errors), condition_errors()), {error::order_not_found});
  }
  return net::declared({.id = std::move(id),
                        .summary = std::move(summary),
                        .tag = "desk",
                        .scope = scope_write,
                        .parameters = write_parameters(of_an_order),
                        .body_schema_name = std::move(body),
                        .answers = write_answers(of_an_order ? 200 : 201),
                        .errors = joined(std::move(errors), body_errors())});
}

net::RouteOptions read(std::string id, std::string summary, std::string schema,
                       std::vector<DeclaredParameter> parameters,
                       std::vector<DeclaredError> errors) {
  errors.emplace_back(error::parameter_invalid);
  return net::declared({.id = std::move(id),
                        .summary = std::move(summary),
                        .tag = "desk",
                        .scope = scope_read,
                        .parameters = std::move(parameters),
                        .answers = {{200, "as last committed", std::move(schema)}},
                        .errors = std::move(errors)});
}

}  // namespace

net::RouteOptions create_declaration() {
  return write("createOrder", "Post an order; a sell order locks the maker's coins", "CreateOrder",
               joined({error::order_exists, error::too_many_open, error::htlc_hash_required,
                       error::htlc_hash_unexpected, error::lock_refused, error::lock_not_sent,
                       amount_malformed, amount_too_precise, amount_out_of_range, price_malformed,
                       price_too_precise, price_out_of_range, ttl_out_of_range, nonce_malformed,
                       htlc_hash_malformed, pair_unknown, side_unknown},
                      signature_errors()));
}

net::RouteOptions match_declaration() {
  return write(
      "matchOrder", "Fill an order whole; of a buy order it locks the taker's coins", "MatchOrder",
      joined({error::order_not_open, error::own_order, error::order_expired, error::too_many_held,
              error::htlc_hash_required, error::htlc_hash_unexpected, error::escrow_too_short,
              error::lock_refused, error::lock_not_sent, htlc_hash_malformed},
             signature_errors()));
}

net::RouteOptions confirm_declaration() {
  return write("confirmOrder", "Reveal the secret and have the coins released to the buyer",
               "ConfirmOrder",
               joined({error::order_not_matched, error::settlement_over, error::settlement_failed,
                       secret_malformed, secret_wrong},
                      signature_errors()));
}

net::RouteOptions cancel_declaration() {
  return write("cancelOrder", "Take an open order back, and its coins", "CancelOrder",
               joined({error::order_not_open, error::not_the_maker, error::refund_failed},
                      signature_errors()));
}

net::RouteOptions redrive_declaration() {
  auto parameters = write_parameters(true);
  parameters.push_back({"Pawl-Operator", ParameterPlace::header, "who asks, for the journal"});
  return net::declared(
      {.id = "redriveOrder",
       .summary = "Have a payout or a refund of a stopped order made again",
       .tag = "operators",
       .parameters = std::move(parameters),
       .body_schema_name = "RedriveOrder",
       .answers = write_answers(200),
       .errors = joined(joined({error::order_not_found, operator_required, error::reason_required,
                                error::payout_not_redrivable, error::refund_not_possible,
                                error::settlement_failed, error::refund_failed},
                               body_errors()),
                        condition_errors())});
}

net::RouteOptions order_declaration() {
  return net::declared(
      {.id = "showOrder",
       .summary = "An order in any state",
       .tag = "desk",
       .scope = scope_read,
       .parameters = {order_id_parameter(), net::if_none_match_parameter()},
       .answers = {{200, "as last committed", "Order", "application/json", {net::etag_header()}},
                   {304, "still the version of If-None-Match", "", "", {net::etag_header()}}},
       .errors = {error::order_not_found, error::parameter_invalid}});
}

net::RouteOptions orders_declaration() {
  return read("listOrders", "Orders of one state, open ones unless told otherwise", "OrderPage",
              page_parameters(
                  {query("side", "of this side only, the best price first", R"({"type":"string"})"),
                   query("state", "in this state", R"({"enum":["open","matched",
"settling","payout_pending","settlement_recovery","refund_pending","completed","cancelled",
"expired"]})"),
                   query("maker", "of this wallet", R"({"$ref":"#/components/schemas/Wallet"})")}),
              {pair_unknown, side_unknown, wallet_not_canonical, error::cursor_invalid});
}

net::RouteOptions trades_declaration() {
  return read("listTrades", "Trades, the newest first", "TradePage", page_parameters({}),
              {pair_unknown, error::cursor_invalid});
}

net::RouteOptions book_declaration() {
  return read("showBook", "The order book of a pair", "Book",
              {query("pair", "RTC/USDC unless told otherwise", R"({"type":"string"})")},
              {pair_unknown});
}

net::RouteOptions stats_declaration() {
  return read("showStats", "What each pair traded and has on its board", "Figures", {}, {});
}

net::RouteOptions events_declaration() {
  const char* const text = R"({"type":"string"})";
  return net::declared(
      {.id = "followOrders",
       .summary = "Changes of orders' states as they happen",
       .tag = "desk",
       .scope = scope_read,
       .parameters = {query("order", "of this order only",
                            R"({"$ref":"#/components/schemas/OrderId"})"),
                      query("pair", "of this pair only", text),
                      query("side", "of this side only", text),
                      query("maker", "of this wallet's orders only",
                            R"({"$ref":"#/components/schemas/Wallet"})"),
                      query("after", "an event's id: go on behind it", text),
                      {"Last-Event-ID", ParameterPlace::header, "as `after`, and stands over it",
                       text}},
       .answers = {{200, "server-sent events until one side ends them", "", "text/event-stream"}},
       .errors = {error::parameter_invalid, error::event_id_invalid, order_id_malformed,
                  pair_unknown, side_unknown, wallet_not_canonical}});
}

}  // namespace pawl::otc
