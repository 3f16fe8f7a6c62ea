// SPDX-License-Identifier: Apache-2.0
//
// A schedule as a sequence chart: each step in words, below it what it changed, before and after.
#include <algorithm>

#include "check/search.h"

namespace pawl::check {

namespace {

std::string text_of(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) {
    return text->empty() ? "\"\"" : *text;
  }
  return "-";
}

// Times are told in ticks of the scenario's clock.
std::string cell(const ColumnSpec& column, const Value& value, const Scenario& scenario) {
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number != nullptr && column.name.ends_with("_us") && *number >= scenario.start.us) {
    return "t" + std::to_string((*number - scenario.start.us) / scenario.tick_us);
  }
  return text_of(value);
}

class Lines {
 public:
  Lines(std::string& out, const World& world) : out_(out), world_(world) {}
  void operator()(const std::string& line) { out_ += "       " + world_.shown(line) + "\n"; }

 private:
  std::string& out_;
  const World& world_;
};

void row_lines(Lines& line, const World& world, std::size_t entity, PartId before, PartId after) {
  const EntityRef& ref = world.entities()[entity];
  const MachineSpec& machine = *world.registry().find_machine(ref.machine);
  const Row none(machine.columns.size());
  const Row was = before == 0 ? none : world.parts().row(before);
  const Row is = after == 0 ? none : world.parts().row(after);
  std::string text = std::string(ref.machine) + " " + ref.key + (before == 0 ? " is new:" : ":");
  for (std::size_t i = 1; i < machine.columns.size(); ++i) {
    if (was[i] == is[i]) continue;
    const auto& column = machine.columns[i];
    const bool hollow = before == 0 && (text_of(is[i]) == "0" || text_of(is[i]) == "\"\"");
    if (hollow || column.name == "state_since_us") continue;
    text += " " + std::string(column.name);
    if (before != 0) text += " " + cell(column, was[i], world.scenario()) + " ->";
    text += " " + cell(column, is[i], world.scenario()) + ",";
  }
  if (text.ends_with(',')) text.pop_back();
  line(text);
}

void fact_lines(Lines& line, World& world, PartId before, PartId after) {
  const auto was = world.parts().facts(before).all();
  const auto is = world.parts().facts(after).all();
  std::string text = "outside:";
  const auto value = [](const auto& facts, const std::string& name) {
    const auto found = facts.find(name);
    return found == facts.end() ? std::string("-") : text_of(found->second);
  };
  std::vector<std::string> names;
  for (const auto* facts : {&was, &is}) {
    for (const auto& [name, unused] : *facts) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const auto& name : names) {
    if (value(was, name) == value(is, name)) continue;
    text += " " + name + " " + value(was, name) + " -> " + value(is, name) + ",";
  }
  text.pop_back();
  line(text);
}

std::string effect_text(const World& world, const OpenEffect& effect) {
  const auto row = world.parts().effect(effect.row, world.label(effect.label));
  return std::string(name_of(row.state)) + ", attempt " + std::to_string(row.attempt);
}

void effect_lines(Lines& line, const World& world, const State& before, const State& after) {
  const auto find = [](const State& state, std::uint16_t label) {
    return std::find_if(state.effects.begin(), state.effects.end(),
                        [&](const OpenEffect& effect) { return effect.label == label; });
  };
  for (const OpenEffect& effect : before.effects) {
    const auto now = find(after, effect.label);
    const std::string name = "effect " + world.effect_name(effect.label) + ": ";
    if (now == after.effects.end()) {
      line(name + effect_text(world, effect) + " -> ended");
    } else if (now->row != effect.row) {
      line(name + effect_text(world, effect) + " -> " + effect_text(world, *now));
    }
  }
  for (const OpenEffect& effect : after.effects) {
    if (find(before, effect.label) != before.effects.end()) continue;
    line("effect " + world.effect_name(effect.label) + " is new: " + effect_text(world, effect));
  }
}

}  // namespace

void Search::begin_chart(std::string& chart) const {
  chart += scenario_.name + (scenario_.about.empty() ? "" : ": " + scenario_.about) + "\n";
  if (!options_.without.empty()) chart += "without the guard " + options_.without + "\n";
}

void Search::add_step(std::string& chart, int number, const std::string& text, const State& before,
                      const State& after) {
  std::string count = std::to_string(number);
  count.insert(0, count.size() < 3 ? 3 - count.size() : 0, ' ');
  chart += count + "  t" + std::to_string(before.tick) + "  " + text + "\n";
  Lines line(chart, world_);
  for (std::size_t i = 0; i < world_.sizes().entities; ++i) {
    if (before.entities[i] != after.entities[i]) {
      row_lines(line, world_, i, before.entities[i], after.entities[i]);
    }
    if (before.records[i] != after.records[i]) {
      line("a record of " + world_.entities()[i].key + " is new");
    }
  }
  for (std::size_t i = 0; i < world_.places().size(); ++i) {
    if (before.deadlines[i] == after.deadlines[i]) continue;
    const auto& place = world_.places()[i];
    std::string armed = "disarmed";
    if (after.deadlines[i] != 0) {
      const Time due = world_.parts().deadline(after.deadlines[i]).due;
      armed = "due at t" + std::to_string((due.us - scenario_.start.us) / scenario_.tick_us);
    }
    line("deadline " + place.name + " of " + place.entity.key + ": " + armed);
  }
  effect_lines(line, world_, before, after);
  for (const Waiting& message : after.messages) {
    const auto same = [&](const Waiting& one) { return one == message; };
    if (std::count_if(after.messages.begin(), after.messages.end(), same) <=
        std::count_if(before.messages.begin(), before.messages.end(), same)) {
      continue;
    }
    const auto row = world_.parts().message(message.row);
    line("message " + row.kind + " to " + row.to.key + (row.bounced ? ", bounced" : ""));
  }
  if (after.parked.size() > before.parked.size()) line("a command is parked, with an alert");
  if (before.facts != after.facts) fact_lines(line, world_, before.facts, after.facts);
  for (std::size_t i = 0; i < world_.sizes().requests; ++i) {
    if (before.receipts[i] == after.receipts[i] || after.receipts[i] == 0) continue;
    std::size_t writer = 0;
    const auto receipt = world_.parts().receipt(after.receipts[i], writer);
    line("answered: " + (receipt.done ? std::string("done") : "refused, " + receipt.code));
  }
}

}  // namespace pawl::check
