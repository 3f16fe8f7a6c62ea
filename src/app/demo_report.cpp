// SPDX-License-Identifier: Apache-2.0
#include "app/demo.h"
#include "app/desk_audit.h"
#include "systems/otc/decimal.h"

namespace pawl::app {

std::string demo_json(const DemoResult& result, std::uint64_t seed) {
  json::Writer out;
  out.begin_object();
  out.field("orders", result.orders).field("completed", result.completed);
  out.field("cancelled", result.cancelled).field("trades", result.trades);
  out.field("kills", result.kills).field("lost_answers", result.lost_answers);
  out.field("unanswered", result.unanswered).field("repeated", result.repeated);
  out.field("voided", result.voided).field("redriven", result.redriven);
  out.field("drain_ms", result.drain_ms).field("seed", seed);
  out.field("coins_before_micro", std::to_string(result.audit.issued_micro));
  out.field("coins_after_micro", std::to_string(result.audit.found_micro));
  out.field("audit_findings", result.audit.findings.size());
  out.field("lost", result.lost()).field("doubled", result.doubled());
  out.field("wedged", result.wedged()).end_object();
  return std::move(out).take();
}

std::string demo_text(const DemoResult& result) {
  const auto line = [](const char* what, const std::string& value) {
    std::string name = what;
    name.resize(34, ' ');
    return "  " + name + value + "\n";
  };
  std::string out = "\n";
  out += line("orders", std::to_string(result.orders));
  for (const auto& [state, count] : result.audit.orders_by_state) {
    out += line(("  " + state).c_str(), std::to_string(count));
  }
  out += line("trades", std::to_string(result.trades));
  out += line("server killed with -9", std::to_string(result.kills));
  out += line("custodian acted, answer lost", std::to_string(result.lost_answers));
  out += line("customers' requests unanswered", std::to_string(result.unanswered));
  out += line("requests sent twice on purpose", std::to_string(result.repeated));
  out += line("payouts voided by the custodian", std::to_string(result.voided));
  out += line("re-driven by an operator", std::to_string(result.redriven));
  out += line("coins before", otc::format_amount(result.audit.issued_micro));
  out += line("coins after", otc::format_amount(result.audit.found_micro));
  out += line("lost", std::to_string(result.lost()));
  out += line("doubled", std::to_string(result.doubled()));
  out += line("wedged", std::to_string(result.wedged()));
  if (!result.audit.sound()) out += "\n" + audit_text(result.audit);
  return out;
}

}  // namespace pawl::app
