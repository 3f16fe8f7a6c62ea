// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/request_body.h"

#include <algorithm>
#include <charconv>

#include "core/obeyed_characters.h"
#include "systems/otc/errors.h"

namespace pawl::otc {

namespace {

constexpr std::size_t max_shown_name_bytes = 64;
constexpr std::size_t max_integer_digits = 18;

std::string shown(std::string_view name) {
  return std::string(name.substr(0, max_shown_name_bytes));
}

}  // namespace

Result<RequestBody> RequestBody::read(const net::Request& request,
                                      std::initializer_list<std::string_view> fields) {
  if (request.body.empty()) return fail(error::body_required);
  auto value = json::parse(request.body);
  if (!value) return std::unexpected(value.error());
  const auto* members = value->as_object();
  if (members == nullptr) return fail(error::body_required);
  for (const auto& member : *members) {
    if (std::find(fields.begin(), fields.end(), member.key) == fields.end()) {
      return fail(error::unknown_field, shown(member.key));
    }
  }
  return RequestBody(std::move(*value));
}

Result<std::string> RequestBody::text(std::string_view name) const {
  auto found = optional_text(name);
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(error::field_required, std::string(name));
  return std::move(**found);
}

Result<std::optional<std::string>> RequestBody::optional_text(std::string_view name) const {
  const auto* member = value_.find(name);
  if (member == nullptr) return std::nullopt;
  const auto text = member->as_string();
  if (!text) return fail(error::field_invalid, std::string(name) + " must be text");
  return std::string(*text);
}

Result<std::optional<std::int64_t>> RequestBody::optional_integer(std::string_view name) const {
  const auto* member = value_.find(name);
  if (member == nullptr) return std::nullopt;
  const auto number = member->as_int64();
  if (!number) return fail(error::field_invalid, std::string(name) + " must be an integer");
  return *number;
}

Result<std::string> RequestBody::free_text(std::string_view name, std::size_t max_bytes) const {
  auto found = optional_text(name);
  if (!found) return std::unexpected(found.error());
  std::string text = found->value_or("");
  if (text.size() > max_bytes) {
    return fail(error::field_invalid,
                std::string(name) + " is longer than " + std::to_string(max_bytes) + " bytes");
  }
  if (has_control_character(text)) {
    return fail(error::field_invalid, std::string(name) + " holds a control character");
  }
  return text;
}

Result<void> check_query(const net::Request& request,
                         std::initializer_list<std::string_view> names) {
  for (std::size_t i = 0; i < request.query_parameters.size(); ++i) {
    const std::string& name = request.query_parameters[i].name;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return fail(error::parameter_invalid, shown(name) + " is not known here");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (request.query_parameters[j].name == name) {
        return fail(error::parameter_invalid, name + " is given twice");
      }
    }
  }
  return {};
}

Result<std::int64_t> query_integer(const net::Request& request, std::string_view name,
                                   std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  const auto text = request.query(name);
  if (!text) return otherwise;
  std::int64_t value = 0;
  const char* end = text->data() + text->size();
  const bool plain =
      !text->empty() && text->size() <= max_integer_digits &&
      std::all_of(text->begin(), text->end(), [](char c) { return c >= '0' && c <= '9'; }) &&
      std::from_chars(text->data(), end, value).ptr == end;
  if (!plain || value < least || value > most) {
    return fail(error::parameter_invalid, std::string(name) + " must be an integer from " +
                                              std::to_string(least) + " to " +
                                              std::to_string(most));
  }
  return value;
}

}  // namespace pawl::otc
