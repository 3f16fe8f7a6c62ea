// SPDX-License-Identifier: Apache-2.0
#include "app/log_routes.h"

#include <array>

#include "app/operator_request.h"

namespace pawl::app {

namespace {

constexpr std::array<std::pair<std::string_view, log::Level>, 5> levels{
    {{"trace", log::Level::trace},
     {"debug", log::Level::debug},
     {"info", log::Level::info},
     {"warn", log::Level::warn},
     {"error", log::Level::error}}};

net::Response level_answer() {
  auto body = json::Value::object();
  body.add("level", json::Value::string(std::string(name_of_level(log::level()))));
  return json_answer(body);
}

void set_level(const net::Request& request, net::Responder respond) {
  const auto wanted = read_operator(request, {"level"}, false);
  if (!wanted) return respond(wanted.error());
  const auto* member = wanted->body.find("level");
  const auto level =
      member == nullptr ? std::nullopt : parse_log_level(member->as_string().value_or(""));
  if (!level) return respond(Error(log_level_invalid));
  // At the level of errors, so that the line stands in the log whatever the levels were.
  log::error("log_level_changed", {{"from", name_of_level(log::level())},
                                   {"to", name_of_level(*level)},
                                   {"who", wanted->origin.principal}});
  log::set_level(*level);
  respond(level_answer());
}

}  // namespace

std::optional<log::Level> parse_log_level(std::string_view name) {
  for (const auto& [text, level] : levels) {
    if (text == name) return level;
  }
  return std::nullopt;
}

std::string_view name_of_level(log::Level level) {
  for (const auto& [text, known] : levels) {
    if (known == level) return text;
  }
  return "info";
}

void add_log_routes(net::Router& router) {
  router.add_schema("LogLevel", R"({"type":"object","required":["level"],
"additionalProperties":false,
"properties":{"level":{"enum":["trace","debug","info","warn","error"]}}})");
  router.add_schema("SetLogLevel", R"({"type":"object","required":["as","level"],
"additionalProperties":false,"properties":{"as":{"type":"string","minLength":1,"maxLength":100},
"reason":{"type":"string","maxLength":500},
"level":{"enum":["trace","debug","info","warn","error"]}}})");
  router.add(
      "GET", "/admin/log-level",
      [](const net::Request&, net::Responder respond) { respond(level_answer()); },
      net::declared({.id = "showLogLevel",
                     .summary = "Which lines are logged",
                     .tag = "server",
                     .answers = {{200, "the lowest level that is logged", "LogLevel"}}}));
  router.add("PUT", "/admin/log-level", set_level,
             net::declared({.id = "setLogLevel",
                            .summary = "Log from this level on, until the server stops",
                            .tag = "server",
                            .body_schema_name = "SetLogLevel",
                            .answers = {{200, "changed", "LogLevel"}},
                            .errors = {operator_request_invalid, log_level_invalid}}));
}

}  // namespace pawl::app
