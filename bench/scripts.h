// SPDX-License-Identifier: Apache-2.0
//
// Runs the rivals' programs (rivals/README.md), which print one JSON object each, on the database
// of DATABASE_URL.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"

namespace pawl::bench {

// `words`: the program in bench/rivals and its options. Exits with 1 if it fails.
json::Value run_script(const std::string& words);
// 0, or empty, where there is no such member.
double number_of(const json::Value& object, std::string_view name);
std::string text_of(const json::Value& object, std::string_view name);

}  // namespace pawl::bench
