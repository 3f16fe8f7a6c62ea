// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/connection_options.h"

#include <libpq-fe.h>

#include <memory>

namespace pawl::postgres {

namespace {

struct Free {
  void operator()(PQconninfoOption* o) const { PQconninfoFree(o); }
};
using ParsedUrl = std::unique_ptr<PQconninfoOption, Free>;

// Null: it cannot be read. libpq's complaint may hold a part of the URL, and is dropped.
ParsedUrl parse(std::string_view url) {
  char* complaint = nullptr;
  const std::string text(url);
  ParsedUrl parsed(PQconninfoParse(text.c_str(), &complaint));
  if (complaint != nullptr) PQfreemem(complaint);
  return parsed;
}

}  // namespace

bool readable_url(std::string_view url) {
  return parse(url) != nullptr;
}

std::string shown_url(std::string_view url) {
  const ParsedUrl parsed = parse(url);
  if (parsed == nullptr) return "(a database URL that cannot be read)";

  // Written anew from what libpq understood: what it takes for a secret cannot stand in another
  // place.
  std::string shown;
  for (const auto* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || option->val[0] == '\0') continue;
    if (!shown.empty()) shown += ' ';
    shown += option->keyword;
    shown += '=';
    // dispchar '*' marks passwords in libpq's own table.
    shown += std::string_view(option->dispchar).starts_with('*') ? "***" : option->val;
  }
  return shown;
}

}  // namespace pawl::postgres
