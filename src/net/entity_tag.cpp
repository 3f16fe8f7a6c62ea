// SPDX-License-Identifier: Apache-2.0
#include "net/entity_tag.h"

#include <charconv>

namespace pawl::net {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Weak comparison (RFC 9110 section 8.8.3.2), as If-None-Match asks for.
bool lists(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view item = trim(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (item == "*") return true;
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == tag) return true;
  }
  return false;
}

}  // namespace

std::string entity_tag(std::int64_t version) {
  return "\"" + std::to_string(version) + "\"";
}

Response with_etag(const Request& request, Response response, std::int64_t version) {
  const std::string tag = entity_tag(version);
  response.headers.push_back({"ETag", tag});
  const auto condition = request.header("If-None-Match");
  if (!condition || !lists(*condition, tag)) return response;
  response.status = 304;
  response.content_type.clear();
  response.body.clear();
  return response;
}

Result<std::optional<std::int64_t>> if_match_version(const Request& request) {
  const auto condition = request.header("If-Match");
  if (!condition) return std::nullopt;
  const std::string_view text = trim(*condition);
  if (text == "*") return std::nullopt;
  if (text.size() < 3 || !text.starts_with('"') || !text.ends_with('"')) {
    return fail(if_match_invalid);
  }
  const std::string_view digits = text.substr(1, text.size() - 2);
  std::int64_t version = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || version < 1) {
    return fail(if_match_invalid);
  }
  return std::optional<std::int64_t>(version);
}

DeclaredParameter if_none_match_parameter() {
  return {"If-None-Match", ParameterPlace::header, "304 if this is still its ETag"};
}

DeclaredParameter if_match_parameter() {
  return {"If-Match", ParameterPlace::header,
          "the ETag that the row must still have when it is locked, else 412"};
}

DeclaredParameter etag_header() {
  return {"ETag", ParameterPlace::header, "the row's version"};
}

}  // namespace pawl::net
