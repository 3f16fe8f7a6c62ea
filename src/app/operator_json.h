// SPDX-License-Identifier: Apache-2.0
//
// What operators are shown, as JSON: entities, timelines, effects, alerts, parked commands. Here it
// is decided what is kept back: effect payloads (they hold wallets' authorisations), signed terms,
// and an order's secret until it is completed.
#pragma once

#include <pawl/engine.h>

#include <string>

#include "core/json.h"

namespace pawl::app {

// An entity's columns as members: times ("..._us") as RFC 3339 under the name without "_us".
json::Value row_json(const MachineSpec& machine, const EntitySlot& slot);

json::Value timeline_json(const TimelineEntry& entry);
json::Value effect_json(const EffectInfo& effect);
json::Value alert_json(const AlertInfo& alert);
json::Value parked_json(const ParkedInfo& parked);
json::Value statistics_json(const EngineStatistics& statistics);

}  // namespace pawl::app
