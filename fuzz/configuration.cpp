// SPDX-License-Identifier: Apache-2.0
//
// The configuration file: settings within their bounds or a typed error, whatever the TOML.
#include <algorithm>

#include "app/listen_address.h"
#include "app/settings.h"
#include "fuzz/target.h"
#include "systems/otc/custodian_http.h"

PAWL_FUZZ(configuration) {
  using namespace pawl;
  using fuzz::check;
  app::Settings settings;
  const auto read = app::read_settings_text(input, "pawl.toml", settings);
  if (!read) {
    check(read.error().code == app::configuration_invalid, "a refusal is the configuration's");
    check(read.error().detail.starts_with("pawl.toml:"), "and names the place");
  }
  for (const auto& setting : app::settings_table(settings)) {
    if (setting.is_list()) {
      check(std::get<std::vector<std::string>*>(setting.target)->size() <= app::max_list_items,
            setting.full_name() + " is a bounded list");
    } else if (setting.is_number()) {
      check(setting.value_number() >= setting.min && setting.value_number() <= setting.max,
            setting.full_name() + " is within its bounds");
    } else if (!setting.choices.empty()) {
      check(std::find(setting.choices.begin(), setting.choices.end(), setting.value_text()) !=
                setting.choices.end(),
            setting.full_name() + " is one of its choices");
    }
  }
  if (!app::check_settings(settings)) return;
  check(app::parse_listen_address(settings.listen).has_value(), "what is sound can be listened on");
  check(otc::trusted_base_url(settings.custodian_url).has_value(), "and its custodian trusted");
}
