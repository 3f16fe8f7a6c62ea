// SPDX-License-Identifier: Apache-2.0
#include "net/http.h"

#include <algorithm>

namespace pawl::net {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool speaks_of_insides(ErrorClass error_class) {
  return error_class == ErrorClass::corrupt || error_class == ErrorClass::defect;
}

bool worth_a_retry(ErrorClass error_class) {
  return error_class == ErrorClass::unavailable || error_class == ErrorClass::in_doubt;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> find_header(const std::vector<Header>& headers,
                                            std::string_view name) {
  for (const Header& header : headers) {
    if (equal_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

std::string_view Request::param(std::string_view name) const {
  for (const Parameter& parameter : path_parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return {};
}

std::optional<std::string> Request::query(std::string_view name) const {
  for (const Parameter& parameter : query_parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return std::nullopt;
}

unsigned status_of(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::invalid:
      return 400;
    case ErrorClass::unauthorized:
      return 401;
    case ErrorClass::forbidden:
      return 403;
    case ErrorClass::not_found:
      return 404;
    case ErrorClass::conflict:
      return 409;
    case ErrorClass::gone:
      return 410;
    case ErrorClass::too_large:
      return 413;
    case ErrorClass::too_many:
      return 429;
    case ErrorClass::unavailable:
    case ErrorClass::in_doubt:
      return 503;
    case ErrorClass::upstream:
      return 502;
    case ErrorClass::corrupt:
    case ErrorClass::defect:
      return 500;
  }
  return 500;
}

Response problem(const Error& error, const std::vector<ProblemMember>& extra) {
  return problem_with_status(error, status_of(error.code.error_class), extra);
}

Response problem_with_status(const Error& error, unsigned status,
                             const std::vector<ProblemMember>& extra) {
  const ErrorClass error_class = error.code.error_class;
  json::Writer body;
  body.begin_object()
      .field("type", "/errors/" + std::string(error.code.code))
      .field("title", error.code.title)
      .field("status", status)
      .field("code", error.code.code);
  if (!error.detail.empty() && !speaks_of_insides(error_class)) body.field("detail", error.detail);
  for (const ProblemMember& member : extra) body.field(member.name, member.value);
  body.end_object();

  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = std::move(body).take();
  if (worth_a_retry(error_class)) {
    response.headers.push_back({"Retry-After", std::to_string(retry_after_seconds)});
  }
  if (error_class == ErrorClass::unauthorized) {
    response.headers.push_back({"WWW-Authenticate", "Bearer"});
  }
  return response;
}

}  // namespace pawl::net
