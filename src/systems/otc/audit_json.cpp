// SPDX-License-Identifier: Apache-2.0
//
// The audit's edges: the custodian's ledger read from JSON, the report written as JSON.
#include <algorithm>

#include "core/json.h"
#include "systems/otc/audit.h"

namespace pawl::otc {

namespace {

constexpr json::ParseLimits page_limits{std::size_t{64} << 20, 8, 1'000'000};

std::string text_of(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member ? std::string(member->as_string().value_or("")) : "";
}

std::int64_t number_of(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member ? member->as_int64().value_or(0) : 0;
}

const json::Value::Array* array_of(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member ? member->as_array() : nullptr;
}

}  // namespace

Result<void> add_books_page(std::string_view json_text, CustodianBooks& books) {
  const auto page = json::parse(json_text, page_limits);
  if (!page) return fail(books_unreadable, page.error().text());
  const auto* wallets = array_of(*page, "wallets");
  const auto* escrows = array_of(*page, "escrows");
  const auto* operations = array_of(*page, "operations");
  const auto* imbalances = array_of(*page, "imbalances");
  if (!page->find("issued_micro") || !wallets || !escrows || !operations || !imbalances) {
    return fail(books_unreadable, "a part of the ledger is missing");
  }
  books.issued_micro = number_of(*page, "issued_micro");
  books.imbalances.clear();
  for (const auto& item : *imbalances) {
    books.imbalances.emplace_back(item.as_string().value_or("?"));
  }
  for (const auto& item : *wallets) {
    books.balances[text_of(item, "wallet")] = number_of(item, "balance_micro");
  }
  for (const auto& item : *escrows) {
    books.escrows.push_back({text_of(item, "order_id"), text_of(item, "holder"),
                             text_of(item, "state"), number_of(item, "amount_micro"),
                             number_of(item, "owed_micro")});
  }
  for (const auto& item : *operations) {
    books.operations.push_back({text_of(item, "key"), text_of(item, "order_id"),
                                text_of(item, "call"), text_of(item, "state"),
                                text_of(item, "wallet"), number_of(item, "amount_micro")});
  }
  return {};
}

std::string audit_json(const AuditReport& report) {
  json::Writer out;
  out.begin_object().field("sound", report.sound());
  out.key("orders").begin_object();
  for (const auto& [state, count] : report.orders_by_state) out.field(state, count);
  out.end_object().field("trades", report.trades);
  out.field("issued_micro", std::to_string(report.issued_micro));
  out.field("found_micro", std::to_string(report.found_micro));
  out.field("lost_micro", std::to_string(report.lost_micro));
  out.field("doubled_micro", std::to_string(report.doubled_micro));
  out.field("in_flight", report.in_flight.size()).field("wedged", report.wedged.size());
  out.field("finding_count", report.findings.size()).key("findings").begin_array();
  const auto shown = std::min(report.findings.size(), max_shown_findings);
  for (std::size_t i = 0; i < shown; ++i) {
    const AuditFinding& finding = report.findings[i];
    out.begin_object().field("code", finding.code).field("order_id", finding.order_id);
    out.field("detail", finding.detail).end_object();
  }
  out.end_array().end_object();
  return std::move(out).take();
}

}  // namespace pawl::otc
