// SPDX-License-Identifier: Apache-2.0
#include "app/edge/openapi.h"

#include <pawl/command.h>
#include <pawl/query.h>
#include <pawl/receipt.h>

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "app/edge/edge.h"
#include "core/json.h"
#include "net/server_errors.h"
#include "protocol/storage.h"

namespace pawl::app {

namespace {

using net::DeclaredAnswer;
using net::DeclaredError;
using net::DeclaredParameter;
using net::Route;
using net::RouteDeclaration;

constexpr std::string_view problem_schema = R"({"type":"object",
"required":["type","title","status","code"],"description":"RFC 9457",
"properties":{"type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},
"code":{"type":"string","description":"Stable; see /errors."},"detail":{"type":"string"}}})";

std::string_view place_name(net::ParameterPlace place) {
  switch (place) {
    case net::ParameterPlace::path:
      return "path";
    case net::ParameterPlace::query:
      return "query";
    case net::ParameterPlace::header:
      return "header";
  }
  return "query";
}

std::vector<std::string> names_in(std::string_view pattern) {
  std::vector<std::string> out;
  for (std::size_t open = pattern.find('{'); open != std::string_view::npos;
       open = pattern.find('{', open + 1)) {
    const std::size_t close = pattern.find('}', open);
    out.emplace_back(pattern.substr(open + 1, close - open - 1));
  }
  return out;
}

unsigned status_of(const DeclaredError& error) {
  return error.status != 0 ? error.status : net::status_of(error.code.error_class);
}

// What any route of this kind may be answered, whatever its handler does: by the server, the edge
// and the engine.
std::vector<DeclaredError> errors_of(const Route& route) {
  const RouteDeclaration& said = *route.options.declaration;
  std::vector<DeclaredError> out = said.errors;
  out.emplace_back(net::target_invalid);
  out.emplace_back(net::request_malformed);
  out.emplace_back(net::target_too_long, 414);
  out.emplace_back(net::headers_too_large, 431);
  out.emplace_back(net::request_timed_out, 408);
  out.emplace_back(net::answer_timed_out);
  out.emplace_back(net::handler_defect);
  out.emplace_back(net::no_answer);
  out.emplace_back(protocol::store_failed);
  out.emplace_back(entity_unreadable);
  out.emplace_back(payload_unreadable);
  out.emplace_back(query_invalid);
  if (said.scope != net::scope_public) {
    out.emplace_back(token_required);
    out.emplace_back(token_invalid);
    out.emplace_back(scope_missing);
  }
  if (rate_class_of(&route, route.method) != net::RateClass::free) out.emplace_back(rate_limited);
  if (!said.body_schema_name.empty()) out.emplace_back(net::body_too_large);
  if (route.method != "GET") {
    out.emplace_back(engine_overloaded);
    out.emplace_back(engine_stopping);
    out.emplace_back(outcome_in_doubt);
  }
  return out;
}

void write_schema_reference(json::Writer& out, std::string_view name) {
  out.begin_object().field("$ref", "#/components/schemas/" + std::string(name)).end_object();
}

void write_parameter(json::Writer& out, const DeclaredParameter& parameter) {
  out.begin_object().field("name", parameter.name).field("in", place_name(parameter.place));
  if (!parameter.meaning.empty()) out.field("description", parameter.meaning);
  if (parameter.place == net::ParameterPlace::path) out.field("required", true);
  out.key("schema").raw(parameter.schema).end_object();
}

void write_parameters(json::Writer& out, const Route& route) {
  const RouteDeclaration& said = *route.options.declaration;
  std::vector<DeclaredParameter> all;
  for (auto& name : names_in(route.pattern)) {
    all.push_back({std::move(name), net::ParameterPlace::path, ""});
  }
  for (const auto& parameter : said.parameters) {
    if (parameter.place != net::ParameterPlace::path) {
      all.push_back(parameter);
      continue;
    }
    for (auto& place : all) {
      if (place.name == parameter.name) place = parameter;
    }
  }
  if (all.empty()) return;
  out.key("parameters").begin_array();
  for (const auto& parameter : all) write_parameter(out, parameter);
  out.end_array();
}

void write_answer(json::Writer& out, const DeclaredAnswer& answer) {
  out.key(std::to_string(answer.status)).begin_object();
  out.field("description", answer.meaning);
  if (!answer.headers.empty()) {
    out.key("headers").begin_object();
    for (const auto& header : answer.headers) {
      out.key(header.name).begin_object().field("description", header.meaning);
      out.key("schema").raw(header.schema).end_object();
    }
    out.end_object();
  }
  if (!answer.content_type.empty()) {
    out.key("content").begin_object().key(answer.content_type).begin_object();
    out.key("schema");
    if (answer.schema_name.empty()) {
      out.begin_object().field("type", "string").end_object();
    } else {
      write_schema_reference(out, answer.schema_name);
    }
    out.end_object().end_object();
  }
  out.end_object();
}

// One answer a status, which names the codes that come with it.
void write_errors(json::Writer& out, const Route& route) {
  std::map<unsigned, std::map<std::string_view, std::string_view>> by_status;
  for (const DeclaredError& error : errors_of(route)) {
    by_status[status_of(error)].emplace(error.code.code, error.code.title);
  }
  for (const auto& [status, codes] : by_status) {
    std::string description;
    for (const auto& [code, title] : codes) {
      description += (description.empty() ? "" : "; ") + std::string(code) + ": ";
      description += title;
    }
    out.key(std::to_string(status)).begin_object().field("description", description);
    out.key("content").begin_object().key("application/problem+json").begin_object();
    out.key("schema").begin_object().key("allOf").begin_array();
    write_schema_reference(out, "Problem");
    out.begin_object().key("properties").begin_object().key("code").begin_object();
    out.key("enum").begin_array();
    for (const auto& [code, title] : codes) out.string(code);
    out.end_array().end_object().end_object().end_object();
    out.end_array().end_object().end_object().end_object().end_object();
  }
}

void write_operation(json::Writer& out, const Route& route) {
  const RouteDeclaration& said = *route.options.declaration;
  std::string method = route.method;
  for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
  out.key(method).begin_object();
  out.field("operationId", said.id).field("summary", said.summary);
  out.key("tags").begin_array().string(said.tag).end_array();
  out.key("security").begin_array();
  if (said.scope != net::scope_public) {
    // For an http scheme the list names the roles that are needed (OpenAPI 3.1).
    out.begin_object().key("bearer").begin_array().string(said.scope).end_array().end_object();
  }
  out.end_array();
  write_parameters(out, route);
  if (!said.body_schema_name.empty()) {
    out.key("requestBody").begin_object().field("required", true);
    out.key("content").begin_object().key("application/json").begin_object().key("schema");
    write_schema_reference(out, said.body_schema_name);
    out.end_object().end_object().end_object();
  }
  out.key("responses").begin_object();
  for (const auto& answer : said.answers) write_answer(out, answer);
  write_errors(out, route);
  out.end_object().end_object();
}

Result<void> check(const Route& route, const std::set<std::string_view>& schemas,
                   std::set<std::string_view>& ids) {
  const auto lacks = [&](const std::string& what) {
    return fail(declaration_incomplete, route.method + " " + route.pattern + ": " + what);
  };
  if (!route.options.declaration) return lacks("no declaration");
  const RouteDeclaration& said = *route.options.declaration;
  if (said.id.empty() || said.summary.empty() || said.tag.empty()) {
    return lacks("no id, summary or tag");
  }
  if (!ids.insert(said.id).second) return lacks("another route has the id " + said.id);
  if (said.answers.empty()) return lacks("no answer");
  std::set<unsigned> statuses;
  for (const auto& answer : said.answers) {
    if (!statuses.insert(answer.status).second) return lacks("two answers of one status");
    if (!answer.schema_name.empty() && !schemas.contains(answer.schema_name)) {
      return lacks("there is no schema " + answer.schema_name);
    }
  }
  for (const auto& error : errors_of(route)) {
    if (statuses.contains(status_of(error))) {
      return lacks("an answer and the error " + std::string(error.code.code) + " have one status");
    }
  }
  if (!said.body_schema_name.empty() && !schemas.contains(said.body_schema_name)) {
    return lacks("there is no schema " + said.body_schema_name);
  }
  return {};
}

}  // namespace

Result<std::string> openapi_document(const net::Router& router, std::string_view version) {
  std::set<std::string_view> schemas;
  for (const auto& schema : router.schemas()) schemas.insert(schema.name);
  std::set<std::string_view> ids;
  const std::vector<const Route*> routes = router.routes();
  for (const Route* route : routes) {
    if (auto sound = check(*route, schemas, ids); !sound) return std::unexpected(sound.error());
  }
  json::Writer out;
  out.begin_object().field("openapi", "3.1.0");
  out.key("info").begin_object().field("title", "Pawl").field("version", version).end_object();
  out.key("paths").begin_object();
  for (std::size_t i = 0; i < routes.size();) {
    out.key(routes[i]->pattern).begin_object();
    const std::string& pattern = routes[i]->pattern;
    for (; i < routes.size() && routes[i]->pattern == pattern; ++i) {
      write_operation(out, *routes[i]);
    }
    out.end_object();
  }
  out.end_object();
  out.key("components").begin_object();
  out.key("securitySchemes").begin_object().key("bearer").begin_object();
  out.field("type", "http").field("scheme", "bearer").end_object().end_object();
  out.key("schemas").begin_object().key("Problem").raw(problem_schema);
  for (const auto& schema : router.schemas()) out.key(schema.name).raw(schema.json);
  out.end_object().end_object().end_object();
  return std::move(out).take();
}

Result<void> add_document_route(net::Router& router, std::string_view version) {
  router.add_schema("OpenApi", R"({"type":"object","required":["openapi","info","paths"]})");
  // Filled below, when the route is there and stands in the document, too.
  const auto document = std::make_shared<std::string>();
  const auto serving = [](std::shared_ptr<std::string> body) {
    return [body = std::move(body)](const net::Request&, net::Responder respond) {
      net::Response response;
      response.body = *body;
      respond(std::move(response));
    };
  };
  router.add("GET", "/openapi.json", serving(document),
             net::declared({.id = "openApi",
                            .summary = "This document",
                            .tag = "server",
                            .scope = net::scope_public,
                            .answers = {{200, "OpenAPI 3.1", "OpenApi"}}}));
  auto made = openapi_document(router, version);
  if (!made) return std::unexpected(made.error());
  *document = std::move(*made);
  return {};
}

}  // namespace pawl::app
