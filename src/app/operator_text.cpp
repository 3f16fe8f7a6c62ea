// SPDX-License-Identifier: Apache-2.0
#include "app/operator_text.h"

#include <algorithm>

#include "app/client_options.h"
#include "app/text_table.h"

namespace pawl::app {

namespace {

std::string number(const json::Value& object, std::string_view name) {
  return std::to_string(member_number(object, name));
}

std::string shown(const json::Value& value) {
  if (const auto text = value.as_string()) return std::string(*text);
  if (value.is_null()) return "";
  return value.text();
}

// "2026-01-02T03:04:05.678901Z" without what a person does not need.
std::string short_time(const json::Value& object, std::string_view name) {
  std::string time = member_text(object, name);
  if (time.size() == 27) {
    time[10] = ' ';
    time.resize(23);
  }
  return time;
}

// A history has a line for each step.
std::string indented_lines(std::string_view text, const std::string& before) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end > 0) out.append(before).append(printable(text.substr(0, end))).append("\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

std::string row_text(const json::Value& row) {
  std::string out;
  const auto* members = row.as_object();
  std::size_t widest = 0;
  for (const auto& [name, value] : *members) {
    if (!shown(value).empty()) widest = std::max(widest, name.size());
  }
  for (const auto& [name, value] : *members) {
    const std::string text = printable(shown(value));
    if (text.empty()) continue;
    out.append("  ").append(name).append(widest - name.size() + 2, ' ').append(text).append("\n");
  }
  return out;
}

std::string timeline_text(const json::Value& entity) {
  TextTable table({"TIME", "V", "COMMAND", "WHO", "FROM -> TO", "WHY"});
  const auto& entries = member_array(entity, "timeline");
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const std::string from = member_text(*entry, "from");
    const std::string to = member_text(*entry, "to");
    const std::string reason = member_text(*entry, "reason");
    std::string move = from.empty() ? "(new)" : from;
    if (from != to) move.append(" -> ").append(to);
    table.add({short_time(*entry, "time"), number(*entry, "version"),
               member_text(*entry, "command"), member_text(*entry, "who"), move,
               member_text(*entry, "why") + (reason.empty() ? "" : ": " + reason)});
  }
  return table.text();
}

std::string effects_text(const json::Value::Array& effects) {
  TextTable table({"ID", "KIND", "STATE", "OUTCOME", "SENT", "ASKED", "CODE", "OWNER"});
  for (const auto& effect : effects) {
    table.add({number(effect, "id"), member_text(effect, "kind"), member_text(effect, "state"),
               member_text(effect, "outcome"), number(effect, "attempt"), number(effect, "inquiry"),
               member_text(effect, "code"),
               member_text(effect, "machine") + "/" + member_text(effect, "key")});
  }
  return table.text();
}

std::string effect_text(const json::Value& effect) {
  auto row = json::Value::object();
  for (const auto& [name, value] : *effect.as_object()) {
    if (name != "history") row.add(name, value);
  }
  return row_text(row) + "  history\n" + indented_lines(member_text(effect, "history"), "    ");
}

std::string entity_text(const json::Value& entity) {
  std::string out =
      printable(member_text(entity, "machine") + " " + member_text(entity, "key") + ", version " +
                number(entity, "version") + ", store epoch " + member_text(entity, "epoch")) +
      "\n";
  if (const auto* row = entity.find("row")) out += row_text(*row);
  out += "\n" + timeline_text(entity);
  const std::string begins = member_text(entity, "history_starts_at");
  if (!begins.empty()) out += "Entries before " + begins + " are no longer kept.\n";
  // The JSON has the newest first.
  auto effects = member_array(entity, "effects");
  std::reverse(effects.begin(), effects.end());
  if (effects.empty()) return out;
  out += "\n" + effects_text(effects);
  for (const auto& effect : effects) {
    const std::string history = member_text(effect, "history");
    if (history.empty()) continue;
    out += "\n" + number(effect, "id") + " " + printable(member_text(effect, "kind")) + "\n" +
           indented_lines(history, "  ");
  }
  return out;
}

std::string alerts_text(const json::Value& answer) {
  const auto& alerts = member_array(answer, "alerts");
  // Open ones alone need no column that says so.
  const bool any_acked = std::any_of(alerts.begin(), alerts.end(), [](const json::Value& alert) {
    return !member_text(alert, "acked_by").empty();
  });
  std::vector<std::string> heads{"ID",        "CODE", "COUNT",  "FIRST SEEN",
                                 "LAST SEEN", "ON",   "EFFECT", "DETAIL"};
  if (any_acked) heads.insert(heads.begin() + 2, "ACKED BY");
  TextTable table(heads);
  for (const auto& alert : alerts) {
    const auto effect = member_number(alert, "effect_id");
    std::vector<std::string> cells{number(alert, "id"),
                                   member_text(alert, "code"),
                                   number(alert, "count"),
                                   short_time(alert, "first_seen"),
                                   short_time(alert, "last_seen"),
                                   member_text(alert, "machine") + "/" + member_text(alert, "key"),
                                   effect == 0 ? "" : std::to_string(effect),
                                   member_text(alert, "detail")};
    if (any_acked) cells.insert(cells.begin() + 2, member_text(alert, "acked_by"));
    table.add(std::move(cells));
  }
  return table.empty() ? "no open alerts\n" : table.text();
}

std::string parked_text(const json::Value& answer) {
  TextTable table({"ID", "SOURCE", "KIND", "FOR", "CODE", "DETAIL"});
  for (const auto& parked : member_array(answer, "parked")) {
    table.add({number(parked, "id"), member_text(parked, "source"), member_text(parked, "kind"),
               member_text(parked, "machine") + "/" + member_text(parked, "key"),
               member_text(parked, "code"), member_text(parked, "detail")});
  }
  return table.empty() ? "nothing is parked\n" : table.text();
}

}  // namespace pawl::app
