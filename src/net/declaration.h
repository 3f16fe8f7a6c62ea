// SPDX-License-Identifier: Apache-2.0
//
// What a route says of itself, once: who may ask, how often, what it takes and what it answers. The
// filters enforce it and the OpenAPI document is made of it, so that the two cannot differ.
// Schemas are JSON Schema (2020-12) texts; names stand for those of Router::add_schema.
#pragma once

#include <pawl/error.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::net {

// Needed of a token. Whatever does not say otherwise is for administrators: denied by default.
inline constexpr std::string_view scope_public = "public";  // nobody has to say who it is
inline constexpr std::string_view scope_admin = "admin";

// What a request counts as where the number of requests is limited.
enum class RateClass : std::uint8_t { by_method, free, read, write };

enum class ParameterPlace : std::uint8_t { path, query, header };

struct DeclaredParameter {
  std::string name;
  ParameterPlace place = ParameterPlace::query;
  std::string meaning;
  std::string schema = R"({"type":"string"})";
};

struct DeclaredAnswer {
  unsigned status = 200;
  std::string meaning;
  std::string schema_name{};  // empty: no body, or one of content_type that is no JSON
  std::string content_type = "application/json";
  std::vector<DeclaredParameter> headers{};  // their place is not looked at
};

// An error that the route may answer with, beside those that every route may.
struct DeclaredError {
  DeclaredError(ErrorCode c,
                unsigned s = 0)  // NOLINT(google-explicit-constructor): a list of codes
      : code(c), status(s) {}
  ErrorCode code;
  unsigned status;  // 0: the one of its class
};

struct RouteDeclaration {
  std::string id;  // operationId: one word in camelCase, unique
  std::string summary;
  std::string tag;
  std::string_view scope = scope_admin;
  RateClass rate = RateClass::by_method;
  std::vector<DeclaredParameter> parameters{};  // those of the path need no line
  std::string body_schema_name{};               // empty: no body
  std::vector<DeclaredAnswer> answers{};
  std::vector<DeclaredError> errors{};
};

struct NamedSchema {
  std::string name;
  std::string json;
};

}  // namespace pawl::net
