// SPDX-License-Identifier: Apache-2.0
//
// Reads a request's JSON body and query strictly: the type must be the one asked for, a field or
// parameter that the request does not know is refused, and every error names the field. What a text
// means is left to its parser (decimal.h, identifiers.h).
#pragma once

#include <pawl/error.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "net/http.h"

namespace pawl::otc {

class RequestBody {
 public:
  // Errors: body_required, unknown_field, those of json::parse.
  static Result<RequestBody> read(const net::Request& request,
                                  std::initializer_list<std::string_view> fields);

  // Errors: field_required, field_invalid (no text).
  Result<std::string> text(std::string_view name) const;
  Result<std::optional<std::string>> optional_text(std::string_view name) const;
  // Errors: field_invalid (no JSON integer).
  Result<std::optional<std::int64_t>> optional_integer(std::string_view name) const;
  // Free text that is stored as it is: UTF-8 of at most max_bytes without control characters.
  // "" if absent. Errors: field_invalid.
  Result<std::string> free_text(std::string_view name, std::size_t max_bytes) const;
  const json::Value* find(std::string_view name) const { return value_.find(name); }

 private:
  explicit RequestBody(json::Value value) : value_(std::move(value)) {}
  json::Value value_;
};

// Errors: parameter_invalid for a parameter that is none of `names`, or stands there twice.
Result<void> check_query(const net::Request& request,
                         std::initializer_list<std::string_view> names);
// An integer of plain digits within the bounds. Errors: parameter_invalid.
Result<std::int64_t> query_integer(const net::Request& request, std::string_view name,
                                   std::int64_t otherwise, std::int64_t least, std::int64_t most);

}  // namespace pawl::otc
