// SPDX-License-Identifier: Apache-2.0
#include "systems/tokens/model/scenarios.h"

#include <utility>

#include "protocol/guards.h"
#include "systems/tokens/guards.h"
#include "systems/tokens/token.h"

namespace pawl::tokens::model {

namespace {

constexpr std::string_view id = "0123456789abcdef";
constexpr std::string_view other_id = "fedcba9876543210";
constexpr std::int64_t tick_seconds = 60;

std::string hash_of(char digit) {
  return std::string(secret_hash_digits, digit);
}

CreateToken create(char secret, std::string scopes, std::string made_by) {
  CreateToken out;
  out.token_id = id;
  out.name = "desk";
  out.scopes = std::move(scopes);
  out.secret_hash = hash_of(secret);
  out.lifetime_seconds = tick_seconds;
  out.made_by = std::move(made_by);
  return out;
}

bool done(const check::View& view, std::string_view request) {
  const Receipt* receipt = view.receipt(request);
  return receipt != nullptr && receipt->done;
}

// The secrets that a token may have by what was answered: a repeat under its id brings a secret of
// its own, and the first one that was committed stands.
std::string wrong_secret(const check::View& view) {
  const auto* token = view.row<Token>(id);
  const bool by_ann = done(view, "ann creates");
  const bool by_bob = done(view, "bob creates one of that id");
  if (token == nullptr) return by_ann || by_bob ? "it was made, and is not there" : "";
  if (by_ann && by_bob) return "it was made twice";
  const bool more = token->secret_hash == hash_of('4');
  const bool less = token->secret_hash == hash_of('1') || token->secret_hash == hash_of('2');
  const bool ann_has = token->made_by == "ann" && (token->scopes == "admin" ? more : less);
  if (by_ann) return ann_has ? "" : "ann's secret was replaced";
  const bool bob_has = token->made_by == "bob" && token->secret_hash == hash_of('3');
  if (by_bob) return bob_has ? "" : "bob's secret was replaced";
  return "nobody made it";
}

std::string wrong_life(const check::View& view) {
  const auto* token = view.row<Token>(id);
  if (token == nullptr) return "";
  if (!token->expires || token->expires->us - token->created.us != tick_seconds * 1'000'000) {
    return "it lives for another time than was asked for";
  }
  if (token->created > view.now()) return "it was made in the future";
  return "";
}

std::string alive_again(const check::View& view) {
  const auto* token = view.row<Token>(id);
  const bool revoked = done(view, "ann revokes") || done(view, "bob revokes");
  if (token == nullptr) return revoked ? "revoked, and never there" : "";
  if (token->revoked_by.has_value() != (token->state == TokenState::revoked)) {
    return "its row contradicts itself";
  }
  return revoked && token->state != TokenState::revoked ? "it is good again" : "";
}

check::Scenario life() {
  check::Scenario out;
  out.name = "tokens.life";
  out.about = "a token is made, and revoked, by two administrators through two processes";
  auto registry = std::make_shared<Registry>();
  declare(*registry);
  out.registry = std::move(registry);
  out.tick_us = tick_seconds * 1'000'000;
  out.requests = {
      check::request("ann creates", create('1', "otc:read", "ann"), "ann"),
      check::request("ann creates, tried again", create('2', "otc:read", "ann"), "ann"),
      check::request("ann asks for more under that id", create('4', "admin", "ann"), "ann"),
      check::request("bob creates one of that id", create('3', "admin", "bob"), "bob"),
      check::request("ann revokes", RevokeToken{std::string(id), "ann"}, "ann"),
      check::request("bob revokes", RevokeToken{std::string(id), "bob"}, "bob"),
      check::request("bob revokes one that never was", RevokeToken{std::string(other_id), "bob"},
                     "bob")};
  out.requests[1].origin.id = out.requests[2].origin.id = "ann creates";
  out.bounds.ticks = 2;
  out.bounds.hands = true;
  out.bounds.takeovers = 2;
  out.batches = 3;
  out.invariants = {{"a secret is never replaced", wrong_secret},
                    {"a token is what was asked for", wrong_life},
                    {"revoked stays revoked", alive_again},
                    {"nothing comes of nothing", [](const check::View& view) -> std::string {
                       const bool there = view.row<Token>(other_id) != nullptr;
                       const bool said = done(view, "bob revokes one that never was");
                       return there || said ? "a token that never was is revoked" : "";
                     }}};
  return out;
}

}  // namespace

check::System system() {
  check::System out;
  out.name = "tokens";
  out.scenarios = [] { return std::vector{life()}; };
  for (const Guard& guard :
       {guard::is_new, guard::is_there, protocol::guard::no_receipt_yet,
        protocol::guard::same_content, protocol::guard::locked_read, protocol::guard::lane_epoch}) {
    out.guards.push_back(guard.name);
  }
  return out;
}

}  // namespace pawl::tokens::model
