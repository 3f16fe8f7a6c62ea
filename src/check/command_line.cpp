// SPDX-License-Identifier: Apache-2.0
//
// The command line over a list of systems: what is explored, with which bounds, and how its
// findings are printed. `./dev check` and `pawl check` are this.
#include <pawl/check.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/json.h"

namespace pawl::check {

namespace {

struct Wanted {
  std::string target;  // a system, or one of its scenarios; empty: all
  std::string schedule;
  bool list = false;
  bool all_guards = false;
  bool json = false;
  Options options;
  std::vector<std::pair<int Bounds::*, std::optional<int>>> bounds = {
      {&Bounds::workers, {}},  {&Bounds::crashes, {}},  {&Bounds::stalls, {}},
      {&Bounds::lost, {}},     {&Bounds::late, {}},     {&Bounds::unsent, {}},
      {&Bounds::ticks, {}},    {&Bounds::refusals, {}}, {&Bounds::operators, {}},
      {&Bounds::restores, {}}, {&Bounds::takeovers, {}}};
};

// One run: a system with or without one guard.
struct Row {
  std::string system;
  std::string guard;
  std::int64_t states = 0;
  std::int64_t transitions = 0;
  double seconds = 0;
  bool complete = true;
  std::string cut;
  std::optional<Violation> violation;
};

void print(const Row& row, bool json) {
  if (!json) {
    std::printf("%-10s %-32s %10lld states %11lld steps %7.2f s  %s\n", row.system.c_str(),
                row.guard.empty() ? "every guard" : ("without " + row.guard).c_str(),
                static_cast<long long>(row.states), static_cast<long long>(row.transitions),
                row.seconds,
                row.violation  ? ("violated: " + row.violation->what).c_str()
                : row.complete ? "clean, complete"
                               : ("not complete: " + row.cut).c_str());
    std::fflush(stdout);
    return;
  }
  json::Writer out;
  out.begin_object().field("system", row.system);
  if (row.guard.empty()) {
    out.key("guard").null();
  } else {
    out.field("guard", row.guard);
  }
  out.field("states", row.states).field("transitions", row.transitions);
  out.key("complete").boolean(row.complete).key("violation").boolean(row.violation.has_value());
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.3f", row.seconds);
  out.key("seconds").raw(seconds);
  if (!row.cut.empty()) out.field("cut", row.cut);
  if (row.violation) {
    out.field("what", row.violation->what).field("steps", std::int64_t{row.violation->steps});
    out.field("schedule", row.violation->schedule);
  }
  out.end_object();
  std::printf("%s\n", std::move(out).take().c_str());
  std::fflush(stdout);
}

// A system's scenarios, with the bounds that are wanted, and what it explores otherwise.
std::vector<Exploration> explorations_of(const System& system, const Wanted& wanted) {
  std::vector<Exploration> all;
  if (system.scenarios) {
    for (Scenario& scenario : system.scenarios()) {
      for (const auto& [bound, value] : wanted.bounds) {
        if (value) scenario.bounds.*bound = *value;
      }
      const auto kept = std::make_shared<const Scenario>(std::move(scenario));
      all.push_back({kept->name, kept->about,
                     [kept](const Options& options) { return explore(*kept, options); },
                     [kept](const std::string& schedule, const Options& options) {
                       return replay(*kept, schedule, options);
                     }});
    }
  }
  if (system.explorations) {
    for (Exploration& one : system.explorations()) all.push_back(std::move(one));
  }
  if (!wanted.target.empty() && wanted.target != system.name) {
    std::erase_if(all, [&](const Exploration& one) { return one.name != wanted.target; });
  }
  return all;
}

Row explore_all(const System& system, const std::vector<Exploration>& explorations, Options options,
                const std::string& guard) {
  Row row;
  row.system = system.name;
  row.guard = guard;
  options.without = guard;
  for (const Exploration& exploration : explorations) {
    Result result = exploration.explore(options);
    row.states += result.states;
    row.transitions += result.transitions;
    row.seconds += result.seconds;
    row.complete = row.complete && result.complete;
    if (!result.cut.empty()) row.cut = exploration.name + ": " + result.cut;
    if (result.violation) {
      row.violation = std::move(result.violation);
      break;
    }
  }
  return row;
}

// Every guard matters: without it something goes wrong, with it nothing does.
int check_guards(const std::vector<System>& systems, const Wanted& wanted) {
  bool sound = true;
  for (const System& system : systems) {
    const auto explorations = explorations_of(system, wanted);
    if (explorations.empty()) continue;
    const Row whole = explore_all(system, explorations, wanted.options, "");
    print(whole, wanted.json);
    if (whole.violation) std::fprintf(stderr, "%s", whole.violation->chart.c_str());
    sound = sound && whole.complete && !whole.violation;
    for (const auto guard : system.guards) {
      Options options = wanted.options;
      const Row row = explore_all(system, explorations, options, std::string(guard));
      print(row, wanted.json);
      if (row.violation) continue;
      std::fprintf(stderr, "%s: removing the guard %s changes nothing: it is dead or untested\n",
                   system.name.c_str(), row.guard.c_str());
      sound = false;
    }
  }
  return sound ? 0 : 1;
}

int check_once(const std::vector<System>& systems, const Wanted& wanted) {
  bool found = false;
  bool clean = true;
  for (const System& system : systems) {
    for (const Exploration& exploration : explorations_of(system, wanted)) {
      found = true;
      const Result result = exploration.explore(wanted.options);
      Row row;
      row.system = exploration.name;
      row.guard = wanted.options.without;
      row.states = result.states;
      row.transitions = result.transitions;
      row.seconds = result.seconds;
      row.complete = result.complete;
      row.cut = result.cut;
      row.violation = result.violation;
      print(row, wanted.json);
      if (!wanted.json && wanted.options.progress) {
        std::fprintf(stderr,
                     "  %lld bytes a state, longest shortest schedule %d steps, %.2f s back from "
                     "the ends\n",
                     static_cast<long long>(result.state_bytes), result.depth,
                     result.wedge_seconds);
      }
      if (!result.violation) {
        clean = clean && result.complete;
        continue;
      }
      clean = false;
      if (!wanted.json) {
        std::printf("\n%s\nreplay it with --replay '%s'\n", result.violation->chart.c_str(),
                    result.violation->schedule.c_str());
      }
      if (!wanted.options.without.empty()) return 1;
    }
  }
  if (!found) throw std::invalid_argument("no system or scenario named " + wanted.target);
  return clean ? 0 : 1;
}

int replay_one(const std::vector<System>& systems, const Wanted& wanted) {
  for (const System& system : systems) {
    for (const Exploration& exploration : explorations_of(system, wanted)) {
      if (!wanted.schedule.starts_with(exploration.name + ": ")) continue;
      const Result result = exploration.replay(wanted.schedule, wanted.options);
      std::printf("%s", result.violation->chart.c_str());
      return result.complete ? 0 : 1;
    }
  }
  throw std::invalid_argument("the schedule names no scenario");
}

int list(const std::vector<System>& systems) {
  for (const System& system : systems) {
    std::printf("%s\n", system.name.c_str());
    for (const Exploration& exploration : explorations_of(system, {})) {
      std::printf("  %-28s %s\n", exploration.name.c_str(), exploration.about.c_str());
    }
    for (const auto guard : system.guards) {
      std::printf("  guard %.*s\n", static_cast<int>(guard.size()), guard.data());
    }
  }
  return 0;
}

bool knows_guard(const std::vector<System>& systems, const std::string& name) {
  return std::any_of(systems.begin(), systems.end(), [&](const System& system) {
    return std::find(system.guards.begin(), system.guards.end(), name) != system.guards.end();
  });
}

void add_options(CLI::App& app, Wanted& wanted) {
  app.add_option("system", wanted.target, "a system or one of its scenarios; without it, all");
  app.add_flag("--list", wanted.list, "list the systems, their scenarios and their guards");
  app.add_option("--without", wanted.options.without, "switch this guard off")->type_name("GUARD");
  app.add_flag("--all-guards", wanted.all_guards,
               "every system as it is, and without each of its guards in turn");
  app.add_option("--replay", wanted.schedule, "follow a schedule that was printed before")
      ->type_name("SCHEDULE");
  app.add_flag("--json", wanted.json, "one JSON object a line");
  app.add_option("--memory", wanted.options.memory_mb, "stop, incomplete, beyond this many MB")
      ->type_name("MB");
  app.add_flag("--progress", wanted.options.progress, "a line on stderr every second");
  app.add_flag("--folds{2}", wanted.options.folds,
               "also: any two works (--folds=3: any three) in one batch do what they do one after "
               "the other");
  app.add_flag("!--no-wedges", wanted.options.wedges, "do not look for states without an end");
  static constexpr const char* names[] = {"--workers",   "--crashes",  "--stalls",   "--lost",
                                          "--late",      "--unsent",   "--ticks",    "--refusals",
                                          "--operators", "--restores", "--takeovers"};
  for (std::size_t i = 0; i < wanted.bounds.size(); ++i) {
    app.add_option(names[i], wanted.bounds[i].second, "instead of each scenario's own bound")
        ->type_name("N");
  }
}

}  // namespace

int run_command_line(int argc, char** argv, const std::vector<System>& systems) {
  CLI::App app{"Explores what a system's decisions and the engine's steps can do, in every order.",
               "pawl check"};
  app.footer(
      "Exit codes: 0 clean, 1 violated (or a guard whose removal changes nothing), 2 usage.");
  Wanted wanted;
  add_options(app, wanted);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& end) {
    return app.exit(end) == 0 ? 0 : 2;
  }
  try {
    if (wanted.list) return list(systems);
    if (!wanted.options.without.empty() && !knows_guard(systems, wanted.options.without)) {
      throw std::invalid_argument("no guard named " + wanted.options.without);
    }
    if (!wanted.schedule.empty()) return replay_one(systems, wanted);
    return wanted.all_guards ? check_guards(systems, wanted) : check_once(systems, wanted);
  } catch (const std::invalid_argument& wrong) {
    std::fprintf(stderr, "pawl check: %s\n", wrong.what());
    return 2;
  }
}

}  // namespace pawl::check
