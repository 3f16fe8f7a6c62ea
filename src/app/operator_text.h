// SPDX-License-Identifier: Apache-2.0
//
// The operator routes' JSON as text for a terminal.
#pragma once

#include <string>

#include "core/json.h"

namespace pawl::app {

// One "name  value" line for each member that is not empty.
std::string row_text(const json::Value& row);
// The steps of an entity's life, oldest first; the JSON has the newest first.
std::string timeline_text(const json::Value& entity);
std::string effects_text(const json::Value::Array& effects);
std::string effect_text(const json::Value& effect);
std::string entity_text(const json::Value& entity);
std::string alerts_text(const json::Value& answer);
std::string parked_text(const json::Value& answer);

}  // namespace pawl::app
