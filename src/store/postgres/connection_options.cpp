// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/connection_options.h"

#include <libpq-fe.h>

#include <memory>

namespace pawl::postgres {

std::string shown_url(std::string_view url) {
  char* complaint = nullptr;
  struct Free {
    void operator()(PQconninfoOption* o) const { PQconninfoFree(o); }
  };
  const std::string text(url);
  const std::unique_ptr<PQconninfoOption, Free> parsed(PQconninfoParse(text.c_str(), &complaint));
  if (complaint != nullptr) PQfreemem(complaint);
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
