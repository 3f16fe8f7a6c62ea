// SPDX-License-Identifier: Apache-2.0
#include "check/sql/sql_system.h"

#include <memory>

#include "check/guard_switch.h"
#include "check/sql/explorer.h"
#include "check/sql/guards.h"

namespace pawl::check::sql {

System system() {
  System out;
  out.name = "sql";
  out.explorations = [] {
    std::vector<Exploration> all;
    for (SqlScenario& scenario : scenarios()) {
      const auto kept = std::make_shared<const SqlScenario>(std::move(scenario));
      all.push_back({kept->name, kept->about,
                     [kept](const Options& options) {
                       const GuardOff off(options.without);
                       return Explorer(*kept, options).run();
                     },
                     [kept](const std::string& schedule, const Options& options) {
                       const GuardOff off(options.without);
                       return Explorer(*kept, options).follow(schedule);
                     }});
    }
    return all;
  };
  for (const Guard& one : guard::all) out.guards.push_back(one.name);
  return out;
}

}  // namespace pawl::check::sql
