// SPDX-License-Identifier: Apache-2.0
//
// The sandbox's endpoints that no real custodian has: the faucet, the fault switches, the
// operator's void, the open books. And the public balance of a wallet.
#include <algorithm>
#include <array>
#include <charconv>

#include "app/sandbox_custodian.h"
#include "app/sandbox_custodian_contract.h"
#include "core/json.h"

namespace pawl::app {
namespace {

constexpr int max_page_rows = 500;
constexpr std::array<std::string_view, 6> rule_members{"call", "mode", "probability",
                                                       "next", "nth",  "delay_ms"};

net::Response ok(json::Writer&& out) {
  net::Response response;
  response.body = std::move(out).take();
  return response;
}

std::string text_of(const json::Value& body, std::string_view name) {
  const auto* member = body.find(name);
  return std::string(member ? member->as_string().value_or("") : "");
}

// 0 where the member is absent; nothing where it is no integer of that range.
std::optional<std::int64_t> integer_of(const json::Value& body, std::string_view name,
                                       std::int64_t max) {
  const auto* member = body.find(name);
  if (member == nullptr) return 0;
  const auto value = member->as_int64();
  return value && *value >= 0 && *value <= max ? value : std::nullopt;
}

// A chance is no money: a double will do.
std::optional<double> probability_of(const json::Value& body) {
  const auto* member = body.find("probability");
  if (member == nullptr) return 0;
  const auto text = member->number_text();
  if (!text) return std::nullopt;
  double value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (parsed.ec != std::errc() || value <= 0) return std::nullopt;
  return value;
}

Result<FaultRule> read_rule(std::string_view text) {
  const auto body = json::parse(text);
  if (!body) return std::unexpected(body.error());
  const auto* members = body->as_object();
  if (members == nullptr) return fail(fault_rule_invalid, "a rule is a JSON object");
  for (const auto& member : *members) {
    // A misspelt condition would make another rule of it than the one that was meant.
    if (std::find(rule_members.begin(), rule_members.end(), member.key) == rule_members.end()) {
      return fail(fault_rule_invalid, "there is no member " + member.key.substr(0, 64));
    }
  }
  FaultRule rule;
  const auto call = text_of(*body, "call");
  if (call != "*") {
    rule.target = enum_from_name<FaultTarget>(call);
    if (!rule.target) return fail(fault_rule_invalid, "call is a call's name, inquiry or *");
  }
  const auto mode = enum_from_name<FaultMode>(text_of(*body, "mode"));
  if (!mode) return fail(fault_rule_invalid, "there is no such mode");
  const auto probability = probability_of(*body);
  const auto next = integer_of(*body, "next", INT64_MAX);
  const auto nth = integer_of(*body, "nth", INT64_MAX);
  const auto delay_ms = integer_of(*body, "delay_ms", max_fault_delay_ms);
  if (!probability || !next || !nth || !delay_ms) {
    return fail(fault_rule_invalid, "probability, next, nth or delay_ms is no number of its range");
  }
  rule.mode = *mode;
  rule.probability = *probability;
  rule.next = *next;
  rule.nth = *nth;
  if (body->find("delay_ms")) rule.delay_ms = static_cast<std::uint32_t>(*delay_ms);
  return rule;
}

void write_rule(json::Writer& out, const FaultRule& rule) {
  out.begin_object();
  out.field("call", rule.target ? name_of(*rule.target) : std::string_view("*"));
  out.field("mode", name_of(rule.mode));
  if (rule.next > 0) out.field("next", rule.next);
  if (rule.nth > 0) out.field("nth", rule.nth);
  if (rule.probability > 0) out.key("probability").raw(std::to_string(rule.probability));
  out.field("delay_ms", rule.delay_ms).field("seen", rule.seen).field("fired", rule.fired);
  out.end_object();
}

// "name=text" of a target's query, undecoded: all that is asked for here is plain.
std::string_view query_of(std::string_view target, std::string_view name) {
  auto rest = target.substr(std::min(target.size(), target.find('?')));
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const auto end = std::min(rest.size(), rest.find('&'));
    const auto pair = rest.substr(0, end);
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) {
      return pair.substr(name.size() + 1);
    }
    rest.remove_prefix(end);
  }
  return {};
}

std::int64_t number_of(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

net::Response SandboxCustodian::wallet(const Received& received) {
  const auto wallet = otc::Wallet::parse(received.parameter);
  if (!wallet) return net::problem(wallet.error());
  const auto balance = ledger_->balance_micro(wallet->text(), now_ms());
  if (!balance) return net::problem(balance.error());
  json::Writer out;
  out.begin_object().field("wallet", wallet->text()).field("balance_micro", *balance).end_object();
  return ok(std::move(out));
}

net::Response SandboxCustodian::faucet(const Received& received) {
  const auto body = json::parse(received.request.body);
  if (!body) return net::problem(body.error());
  const auto wallet = otc::Wallet::parse(text_of(*body, "wallet"));
  if (!wallet) return net::problem(wallet.error());
  const auto amount_micro = integer_of(*body, "amount_micro", INT64_MAX);
  const auto balance = ledger_->faucet(*wallet, amount_micro.value_or(0), now_ms());
  if (!balance) return net::problem(balance.error());
  json::Writer out;
  out.begin_object().field("wallet", wallet->text()).field("balance_micro", *balance).end_object();
  return ok(std::move(out));
}

net::Response SandboxCustodian::add_fault(const Received& received) {
  const auto rule = read_rule(received.request.body);
  if (!rule) return net::problem(rule.error());
  if (auto added = faults_.add(*rule); !added) return net::problem(added.error());
  return list_faults(received);
}

net::Response SandboxCustodian::list_faults(const Received&) {
  json::Writer out;
  out.begin_object().field("seed", faults_.seed());
  out.key("rules").begin_array();
  for (const auto& rule : faults_.rules()) write_rule(out, rule);
  out.end_array().key("requests").begin_object();
  for (const auto& [target, count] : faults_.requests()) out.field(name_of(target), count);
  out.end_object().end_object();
  return ok(std::move(out));
}

net::Response SandboxCustodian::clear_faults(const Received& received) {
  faults_.clear();
  return list_faults(received);
}

net::Response SandboxCustodian::void_payout(const Received& received) {
  const auto operation = ledger_->void_payout(received.parameter, now_ms());
  if (!operation) return net::problem(operation.error());
  return operation_answer(*operation, true);
}

net::Response SandboxCustodian::ledger_page(const Received& received) {
  const std::string_view target = received.request.target;
  LedgerCursor after;
  after.wallet = query_of(target, "after_wallet");
  after.escrow = number_of(query_of(target, "after_escrow"));
  after.operation = number_of(query_of(target, "after_operation"));
  const auto page = ledger_->page(after, max_page_rows, now_ms());
  const auto imbalances = ledger_->audit(now_ms());
  if (!page) return net::problem(page.error());
  if (!imbalances) return net::problem(imbalances.error());
  json::Writer out;
  out.begin_object().field("issued_micro", page->issued_micro);
  out.key("imbalances").begin_array();
  for (const auto& text : *imbalances) out.string(text);
  out.end_array().key("wallets").begin_array();
  for (const auto& w : page->wallets) {
    out.begin_object().field("wallet", w.wallet).field("balance_micro", w.balance_micro);
    out.end_object();
  }
  out.end_array().key("escrows").begin_array();
  for (const auto& e : page->escrows) {
    out.begin_object().field("escrow", e.number).field("order_id", e.order_id);
    out.field("holder", e.holder).field("state", e.state);
    out.field("amount_micro", e.amount_micro).field("owed_micro", e.owed_micro);
    out.field("until_seconds", e.until_seconds).end_object();
  }
  out.end_array().key("operations").begin_array();
  for (const auto& o : page->operations) {
    out.begin_object().field("operation", o.number).field("key", o.key);
    out.field("order_id", o.order_id).field("call", o.call).field("state", o.state);
    out.field("code", o.code).field("reference", o.reference).field("wallet", o.wallet);
    out.field("amount_micro", o.amount_micro).end_object();
  }
  out.end_array().end_object();
  return ok(std::move(out));
}

}  // namespace pawl::app
