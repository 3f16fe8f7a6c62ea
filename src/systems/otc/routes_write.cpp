// SPDX-License-Identifier: Apache-2.0
//
// The writing routes: read the body, check the signature, submit the command, wait for its end.
#include <memory>

#include "systems/otc/authorization.h"
#include "systems/otc/commands.h"
#include "systems/otc/declarations.h"
#include "systems/otc/routes_internal.h"
#include "systems/otc/write_answer.h"
#include "systems/otc/write_request.h"

namespace pawl::otc {

namespace {

using SharedResponder = std::shared_ptr<net::Responder>;

constexpr std::size_t max_operator_reason_bytes = 200;
// The principal of a confirm without a signature.
constexpr std::string_view anyone = "anyone";

// All that a write needs once its body was read.
template <class C>
struct Write {
  C command;
  Origin origin;
  WriteWait wait;
  int wait_ms = 0;
};

struct Desk {
  Engine& engine;
  Config config;
  OperatorGate gate;

  std::int64_t now_seconds() const { return engine.clock().now().seconds(); }
};

// The version the order stands at, for ids of commands that may rightly be repeated later.
std::string version_of(const Desk& desk, const std::string& order_id) {
  const auto order = desk.engine.read(Key<Order>{order_id});
  return order && *order ? std::to_string((*order)->version) : "0";
}

template <class C>
Result<void> set_origin(const net::Request& request, std::string principal, std::string otherwise,
                        Write<C>& write) {
  auto key = idempotency_key(request);
  if (!key) return std::unexpected(key.error());
  write.origin.principal = std::move(principal);
  write.origin.id = key->value_or(std::move(otherwise));
  write.origin.trace_id = request.trace_id;
  return {};
}

template <class C>
void set_signed(C& command, SignedText signed_text) {
  command.signed_public_key = std::move(signed_text.public_key);
  command.signed_signature = std::move(signed_text.signature);
  command.signed_text = std::move(signed_text.text);
}

std::string principal_of(const Wallet& wallet) {
  return "wallet:" + wallet.text();
}

// ---- the four requests and the operator's one

struct Terms {
  CreateOrder action;
  Wallet maker;
};

Result<Terms> terms_in(const RequestBody& body) {
  Terms terms;
  CreateOrder& action = terms.action;
  const auto side_text = body.text("side");
  if (!side_text) return std::unexpected(side_text.error());
  const auto side = parse_side(*side_text);
  if (!side) return std::unexpected(side.error());
  const auto pair_text = body.text("pair");
  if (!pair_text) return std::unexpected(pair_text.error());
  const auto pair = parse_pair(*pair_text);
  if (!pair) return std::unexpected(pair.error());
  const auto maker = wallet_in(body, "wallet");
  if (!maker) return std::unexpected(maker.error());
  const auto amount_text = body.text("amount_rtc");
  if (!amount_text) return std::unexpected(amount_text.error());
  const auto amount = parse_amount(*amount_text);
  if (!amount) return std::unexpected(amount.error());
  const auto price_text = body.text("price_per_rtc");
  if (!price_text) return std::unexpected(price_text.error());
  const auto price = parse_price(*price_text);
  if (!price) return std::unexpected(price.error());
  const auto ttl = body.optional_integer("ttl_seconds");
  if (!ttl) return std::unexpected(ttl.error());
  const auto sound_ttl = check_ttl_seconds(ttl->value_or(default_ttl_seconds));
  if (!sound_ttl) return std::unexpected(sound_ttl.error());
  const auto address = body.free_text("eth_address", max_address_bytes);
  if (!address) return std::unexpected(address.error());
  const auto nonce_text = body.text("nonce");
  if (!nonce_text) return std::unexpected(nonce_text.error());
  const auto nonce = parse_nonce(*nonce_text);
  if (!nonce) return std::unexpected(nonce.error());
  const auto hash = hash_in(body);
  if (!hash) return std::unexpected(hash.error());
  if (*side == Side::sell && !*hash) return fail(error::htlc_hash_required);
  if (*side == Side::buy && *hash) return fail(error::htlc_hash_unexpected);

  terms.maker = *maker;
  action.side = *side;
  action.pair = *pair;
  action.amount_micro = *amount;
  action.price_nano = *price;
  action.ttl_seconds = *sound_ttl;
  action.eth_address = *address;
  action.nonce = *nonce;
  action.htlc_hash = hash->value_or("");
  return terms;
}

Result<Write<Create>> read_create(const Desk& desk, const net::Request& request) {
  const auto body = RequestBody::read(
      request, {"side", "pair", "wallet", "amount_rtc", "price_per_rtc", "eth_address",
                "ttl_seconds", "nonce", "htlc_hash", "wallet_auth", "wait_ms"});
  if (!body) return std::unexpected(body.error());
  Write<Create> write;
  const auto wait_ms = wait_ms_of(desk.config, request, *body);
  if (!wait_ms) return std::unexpected(wait_ms.error());
  write.wait_ms = *wait_ms;
  const auto terms = terms_in(*body);
  if (!terms) return std::unexpected(terms.error());
  const CreateOrder& action = terms->action;
  if (auto set = set_origin(request, principal_of(terms->maker), action.nonce, write); !set) {
    return std::unexpected(set.error());
  }
  auto signed_text = authorize(read_wallet_auth(body->find("wallet_auth")), terms->maker, action,
                               desk.now_seconds());
  if (!signed_text) return std::unexpected(signed_text.error());

  Create& command = write.command;
  command.order_id = make_order_id(terms->maker, action.nonce);
  command.maker = terms->maker;
  command.side = action.side;
  command.pair = action.pair;
  command.amount_micro = action.amount_micro;
  command.price_nano = action.price_nano;
  command.ttl_seconds = action.ttl_seconds;
  command.address = action.eth_address;
  if (action.side == Side::sell) command.htlc_hash = action.htlc_hash;
  set_signed(command, std::move(*signed_text));
  write.wait = {WriteKind::create, command.order_id, {}};
  return write;
}

Result<Write<Match>> read_match(const Desk& desk, const net::Request& request) {
  const auto body =
      RequestBody::read(request, {"wallet", "eth_address", "htlc_hash", "wallet_auth", "wait_ms"});
  if (!body) return std::unexpected(body.error());
  Write<Match> write;
  const auto wait_ms = wait_ms_of(desk.config, request, *body);
  if (!wait_ms) return std::unexpected(wait_ms.error());
  write.wait_ms = *wait_ms;
  const auto taker = wallet_in(*body, "wallet");
  if (!taker) return std::unexpected(taker.error());
  const auto address = body->free_text("eth_address", max_address_bytes);
  if (!address) return std::unexpected(address.error());
  const auto hash = hash_in(*body);
  if (!hash) return std::unexpected(hash.error());
  const auto id = order_in(request);
  const MatchOrder action{id ? *id : std::string(request.param("id")), *address,
                          hash->value_or("")};
  const auto auth = read_wallet_auth(body->find("wallet_auth"));
  auto signed_text = authorize(auth, *taker, action, desk.now_seconds());
  if (!signed_text) return std::unexpected(signed_text.error());
  if (!id) return std::unexpected(id.error());

  Match& command = write.command;
  command.order_id = *id;
  const auto version = if_match_version_of(request);
  if (!version) return std::unexpected(version.error());
  command.if_version = *version;
  command.taker = *taker;
  command.address = *address;
  command.htlc_hash = *hash;
  const auto otherwise = default_id({"match", signed_text->text, condition_of(request)});
  set_signed(command, std::move(*signed_text));
  write.wait = {WriteKind::match, *id, *taker};
  if (auto set = set_origin(request, principal_of(*taker), otherwise, write); !set) {
    return std::unexpected(set.error());
  }
  return write;
}

Result<Write<Cancel>> read_cancel(const Desk& desk, const net::Request& request) {
  const auto body = RequestBody::read(request, {"wallet", "wallet_auth", "wait_ms"});
  if (!body) return std::unexpected(body.error());
  Write<Cancel> write;
  const auto wait_ms = wait_ms_of(desk.config, request, *body);
  if (!wait_ms) return std::unexpected(wait_ms.error());
  write.wait_ms = *wait_ms;
  const auto maker = wallet_in(*body, "wallet");
  if (!maker) return std::unexpected(maker.error());
  const auto id = order_in(request);
  const CancelOrder action{id ? *id : std::string(request.param("id"))};
  const auto signed_text =
      authorize(read_wallet_auth(body->find("wallet_auth")), *maker, action, desk.now_seconds());
  if (!signed_text) return std::unexpected(signed_text.error());
  if (!id) return std::unexpected(id.error());

  write.command.order_id = *id;
  const auto version = if_match_version_of(request);
  if (!version) return std::unexpected(version.error());
  write.command.if_version = *version;
  write.command.maker = *maker;
  write.wait = {WriteKind::cancel, *id, {}};
  if (auto set =
          set_origin(request, principal_of(*maker),
                     default_id({"cancel", signed_text->text, condition_of(request)}), write);
      !set) {
    return std::unexpected(set.error());
  }
  return write;
}

// The signature is optional: whoever has the secret may confirm. One that is given must be right.
Result<std::string> confirming_principal(const Desk& desk, const RequestBody& body,
                                         const ConfirmOrder& action) {
  const auto wallet_text = body.optional_text("wallet");
  if (!wallet_text) return std::unexpected(wallet_text.error());
  const auto* auth = body.find("wallet_auth");
  if (!*wallet_text) {
    if (auth != nullptr) return fail(error::field_required, "wallet");
    return std::string(anyone);
  }
  const auto wallet = Wallet::parse(**wallet_text);
  if (!wallet) return std::unexpected(wallet.error());
  const auto signed_text = authorize(read_wallet_auth(auth), *wallet, action, desk.now_seconds());
  if (!signed_text) return std::unexpected(signed_text.error());
  return principal_of(*wallet);
}

// The version of the order, if the secret is its secret. A look without a lock, which decides
// nothing but whom to send away: who has no secret shall not cost a commit and a stored refusal.
Result<std::int64_t> version_to_confirm(const Desk& desk, const std::string& order_id,
                                        const Secret& secret) {
  const auto order = desk.engine.read(Key<Order>{order_id});
  if (!order) return std::unexpected(order.error());
  if (!*order) return fail(error::order_not_found);
  const auto& hash = (*order)->row.htlc_hash;
  if (!hash) return fail(error::order_not_matched);
  if (auto right = check_secret(secret, *hash); !right) return std::unexpected(right.error());
  return (*order)->version;
}

Result<Write<Confirm>> read_confirm(const Desk& desk, const net::Request& request) {
  const auto body =
      RequestBody::read(request, {"secret", "quote_tx", "wallet", "wallet_auth", "wait_ms"});
  if (!body) return std::unexpected(body.error());
  Write<Confirm> write;
  const auto wait_ms = wait_ms_of(desk.config, request, *body);
  if (!wait_ms) return std::unexpected(wait_ms.error());
  write.wait_ms = *wait_ms;
  const auto secret_text = body->text("secret");
  if (!secret_text) return std::unexpected(secret_text.error());
  const auto secret = parse_secret(*secret_text);
  if (!secret) return std::unexpected(secret.error());
  const auto quote_tx = body->free_text("quote_tx", max_quote_tx_bytes);
  if (!quote_tx) return std::unexpected(quote_tx.error());
  if (quote_tx->empty()) return fail(error::field_required, "quote_tx");
  const auto id = order_in(request);
  const ConfirmOrder action{id ? *id : std::string(request.param("id")), *quote_tx,
                            htlc_hash_of(*secret)};
  auto principal = confirming_principal(desk, *body, action);
  if (!principal) return std::unexpected(principal.error());
  if (!id) return std::unexpected(id.error());

  const auto version = version_to_confirm(desk, *id, *secret);
  if (!version) return std::unexpected(version.error());

  write.command.order_id = *id;
  const auto insisted = if_match_version_of(request);
  if (!insisted) return std::unexpected(insisted.error());
  write.command.if_version = *insisted;
  write.command.secret = format_secret(*secret);
  write.command.quote_tx = *quote_tx;
  write.wait = {WriteKind::confirm, *id, {}};
  // The same confirm may rightly come again when a release did not happen: by then the version is
  // another one.
  const auto otherwise = default_id({"confirm", *id, action.secret_sha256, *quote_tx,
                                     std::to_string(*version), condition_of(request)});
  if (auto set = set_origin(request, std::move(*principal), otherwise, write); !set) {
    return std::unexpected(set.error());
  }
  if (write.origin.principal == anyone) {
    // Everybody shares this principal: nobody without the secret shall use up another's key.
    write.origin.id = default_id({write.origin.id, action.secret_sha256});
  }
  return write;
}

// ---- submitting and waiting

void answer_refusal(Engine& engine, const std::string& order_id, const Receipt& receipt,
                    const SharedResponder& respond) {
  // With the order as it stands, so that a loser of a race sees who won.
  engine.wait_for(
      {Order::machine, order_id}, [](const EntitySlot&) { return true; }, 0,
      [receipt, respond](Result<EntitySlot> slot, bool) {
        const ErrorCode code{receipt.code, receipt.error_class, receipt.detail};
        Order order;
        const bool known =
            slot && slot->present && from_row(std::span<const Value>(slot->row), order);
        if (!known) return (*respond)(net::problem(Error(code)));
        (*respond)(problem_with_order(Error(code), order));
      });
}

void wait_for_end(Engine& engine, const WriteWait& wait, int wait_ms,
                  const SharedResponder& respond) {
  const auto ended = [wait](const EntitySlot& slot) {
    Order order;
    if (!slot.present || !from_row(std::span<const Value>(slot.row), order)) return true;
    return write_has_ended(wait, order);
  };
  engine.wait_for({Order::machine, wait.order_id}, ended, wait_ms,
                  [wait, respond](Result<EntitySlot> slot, bool) {
                    Order order;
                    if (!slot) return (*respond)(slot.error());
                    if (!slot->present || !from_row(std::span<const Value>(slot->row), order)) {
                      return (*respond)(Error(entity_unreadable));
                    }
                    (*respond)(write_answer(wait, order));
                  });
}

template <class C>
void carry_out(Engine& engine, Write<C> write, net::Responder responder) {
  const auto respond = std::make_shared<net::Responder>(std::move(responder));
  engine.submit(std::move(write.command), std::move(write.origin),
                [&engine, wait = std::move(write.wait), wait_ms = write.wait_ms,
                 respond](Result<Receipt> receipt) {
                  if (!receipt) return (*respond)(receipt.error());
                  if (!receipt->done) {
                    return answer_refusal(engine, wait.order_id, *receipt, respond);
                  }
                  wait_for_end(engine, wait, wait_ms, respond);
                });
}

template <class Read>
net::Handler writing(std::shared_ptr<const Desk> desk, Read read) {
  return [desk = std::move(desk), read](const net::Request& request, net::Responder respond) {
    auto write = read(*desk, request);
    if (!write) return respond(write.error());
    carry_out(desk->engine, std::move(*write), std::move(respond));
  };
}

// ---- operators

struct OperatorAction {
  std::string principal;
  std::string order_id;
  bool refund = false;
  std::string reason;
  int wait_ms = 0;
  std::string id;
  std::int64_t if_version = 0;
};

Result<OperatorAction> read_redrive(const Desk& desk, const net::Request& request) {
  auto name = desk.gate(request);
  if (!name) return std::unexpected(name.error());
  const auto id = order_in(request);
  if (!id) return std::unexpected(id.error());
  const auto body = RequestBody::read(request, {"action", "reason", "wait_ms"});
  if (!body) return std::unexpected(body.error());
  OperatorAction action;
  const auto wait_ms = wait_ms_of(desk.config, request, *body);
  if (!wait_ms) return std::unexpected(wait_ms.error());
  const auto what = body->text("action");
  if (!what) return std::unexpected(what.error());
  if (*what != "payout" && *what != "refund") {
    return fail(error::field_invalid, "action must be payout or refund");
  }
  const auto reason = body->free_text("reason", max_operator_reason_bytes);
  if (!reason) return std::unexpected(reason.error());
  if (reason->empty()) return fail(error::reason_required);
  auto key = idempotency_key(request);
  if (!key) return std::unexpected(key.error());
  action.principal = "operator:" + *name;
  action.order_id = *id;
  action.refund = *what == "refund";
  action.reason = *reason;
  action.wait_ms = *wait_ms;
  const auto version = if_match_version_of(request);
  if (!version) return std::unexpected(version.error());
  action.if_version = *version;
  action.id = key->value_or(
      default_id({"redrive", *id, *what, version_of(desk, *id), condition_of(request)}));
  return action;
}

template <class C>
void redrive(Engine& engine, const OperatorAction& action, WriteKind kind, net::Responder respond) {
  Write<C> write;
  write.command.order_id = action.order_id;
  write.command.reason = action.reason;
  write.command.if_version = action.if_version;
  write.origin = {action.principal, action.id, action.reason};
  write.wait = {kind, action.order_id, {}};
  write.wait_ms = action.wait_ms;
  carry_out(engine, std::move(write), std::move(respond));
}

void handle_redrive(const Desk& desk, const net::Request& request, net::Responder respond) {
  const auto action = read_redrive(desk, request);
  if (!action) return respond(action.error());
  if (action->refund) {
    redrive<RedriveRefund>(desk.engine, *action, WriteKind::redrive_refund, std::move(respond));
  } else {
    redrive<RedrivePayout>(desk.engine, *action, WriteKind::redrive_payout, std::move(respond));
  }
}

}  // namespace

void add_write_routes(net::Router& router, Engine& engine, const Config& config,
                      const OperatorGate& gate) {
  const auto desk = std::make_shared<const Desk>(engine, config, gate);
  router.add("POST", "/otc/orders", writing(desk, &read_create), create_declaration());
  router.add("POST", "/otc/orders/{id}/match", writing(desk, &read_match), match_declaration());
  router.add("POST", "/otc/orders/{id}/confirm", writing(desk, &read_confirm),
             confirm_declaration());
  router.add("POST", "/otc/orders/{id}/cancel", writing(desk, &read_cancel), cancel_declaration());
  router.add(
      "POST", "/otc/orders/{id}/redrive",
      [desk](const net::Request& request, net::Responder respond) {
        handle_redrive(*desk, request, std::move(respond));
      },
      redrive_declaration());
}

}  // namespace pawl::otc
