// SPDX-License-Identifier: Apache-2.0
#include "app/error_catalog.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/json.h"

namespace pawl::app {

namespace {

constexpr std::string_view section_begins = "\n### ";
constexpr std::string_view class_ends = "*. ";

std::string_view trimmed(std::string_view text) {
  while (text.starts_with('\n') || text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The end of the first sentence; a stop between backticks is part of what they quote.
std::size_t end_of_sentence(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '`') quoted = !quoted;
    if (!quoted && text[i] == '.' && text[i + 1] == ' ') return i;
  }
  return text.size();
}

// "CODE\n\n*CLASS*. TITLE. ADVICE"
ErrorEntry read_section(std::string_view section) {
  ErrorEntry out;
  const auto line = std::min(section.find('\n'), section.size());
  out.code = section.substr(0, line);
  std::string_view text = trimmed(section.substr(line));
  const auto end_of_class = text.find(class_ends);
  if (!text.starts_with('*') || end_of_class == std::string_view::npos) return out;
  out.error_class = text.substr(1, end_of_class - 1);
  text.remove_prefix(end_of_class + class_ends.size());
  const auto end_of_title = end_of_sentence(text);
  out.title = text.substr(0, end_of_title);
  if (out.title.ends_with('.')) out.title.remove_suffix(1);
  out.advice = trimmed(text.substr(std::min(end_of_title + 1, text.size())));
  return out;
}

std::vector<ErrorEntry> read_page(std::string_view page) {
  std::vector<ErrorEntry> out;
  auto at = page.find(section_begins);
  while (at != std::string_view::npos) {
    page.remove_prefix(at + section_begins.size());
    // The next section of either rank ends this one.
    const auto end = std::min(page.find("\n#"), page.size());
    out.push_back(read_section(page.substr(0, end)));
    at = page.find(section_begins, end);
  }
  return out;
}

void write_entry(json::Writer& out, const ErrorEntry& entry, bool with_advice) {
  out.begin_object().field("code", entry.code).field("class", entry.error_class);
  out.field("title", entry.title);
  if (with_advice) out.field("advice", entry.advice);
  out.end_object();
}

net::Response json_answer(json::Writer&& body) {
  net::Response response;
  response.body = std::move(body).take();
  return response;
}

}  // namespace

const std::vector<ErrorEntry>& error_catalog() {
  static const std::vector<ErrorEntry> catalog = read_page(error_page());
  return catalog;
}

void add_error_routes(net::Router& router) {
  router.add_schema("ErrorEntry", R"({"type":"object","required":["code","class","title"],
"properties":{"code":{"type":"string"},"class":{"type":"string"},"title":{"type":"string"}}})");
  router.add_schema("ErrorList", R"({"type":"object","required":["errors"],
"additionalProperties":false,"properties":{"errors":{"type":"array",
"items":{"$ref":"#/components/schemas/ErrorEntry"}}}})");
  router.add(
      "GET", "/errors",
      [](const net::Request&, net::Responder respond) {
        json::Writer out;
        out.begin_object().key("errors").begin_array();
        for (const auto& entry : error_catalog()) write_entry(out, entry, false);
        out.end_array().end_object();
        respond(json_answer(std::move(out)));
      },
      net::declared({.id = "listErrors",
                     .summary = "Every error code with its class and title",
                     .tag = "server",
                     .scope = net::scope_public,
                     .answers = {{200, "the codes", "ErrorList"}}}));
  router.add(
      "GET", "/errors/{code}",
      [](const net::Request& request, net::Responder respond) {
        const auto& catalog = error_catalog();
        const auto entry = std::find_if(catalog.begin(), catalog.end(), [&](const ErrorEntry& e) {
          return e.code == request.param("code");
        });
        if (entry == catalog.end()) return respond(Error(error_code_unknown));
        json::Writer out;
        write_entry(out, *entry, true);
        respond(json_answer(std::move(out)));
      },
      net::declared({.id = "showError",
                     .summary = "What an error code means and what to do: a problem's type",
                     .tag = "server",
                     .scope = net::scope_public,
                     .answers = {{200, "the code", "ErrorEntry"}},
                     .errors = {error_code_unknown}}));
}

}  // namespace pawl::app
