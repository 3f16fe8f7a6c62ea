// SPDX-License-Identifier: Apache-2.0
#include "app/edge/token_table.h"

#include <algorithm>

#include "app/edge/token_secret.h"
#include "net/http.h"

namespace pawl::app {

namespace {

// What an unknown id is compared with, so that it costs what a known one does.
constexpr std::string_view nobodys_hash =
    "0000000000000000000000000000000000000000000000000000000000000000";

// RFC 6750 section 2.1; the scheme's letters' case is ignored (RFC 9110 section 11.1).
std::optional<std::string_view> bearer_of(std::string_view header) {
  constexpr std::string_view scheme = "Bearer ";
  if (!net::equal_ignoring_case(header.substr(0, scheme.size()), scheme)) return std::nullopt;
  header.remove_prefix(scheme.size());
  while (header.starts_with(' ')) header.remove_prefix(1);
  return header;
}

}  // namespace

bool TokenGrant::has(std::string_view scope) const {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

std::vector<std::string> split_scopes(std::string_view scopes) {
  std::vector<std::string> out;
  while (!scopes.empty()) {
    const std::size_t end = std::min(scopes.find(' '), scopes.size());
    if (end > 0) out.emplace_back(scopes.substr(0, end));
    scopes.remove_prefix(std::min(end + 1, scopes.size()));
  }
  return out;
}

namespace {

template <class Entry>
Entry entry_of(const tokens::Token& token) {
  return {split_scopes(token.scopes), token.secret_hash, token.expires};
}

}  // namespace

Result<void> TokenTable::load(Engine& engine) {
  {
    const std::lock_guard lock(mutex_);
    loading_ = true;
    changed_.clear();
  }
  const auto rows = engine.select<tokens::Token>(
      {{"state", Comparison::equal, std::string(name_of(tokens::TokenState::active))}},
      {{"token_id", true}}, max_query_rows);
  const std::lock_guard lock(mutex_);
  loading_ = false;
  if (!rows) return std::unexpected(rows.error());
  Entries loaded;
  for (const tokens::Token& row : *rows) loaded.emplace(row.token_id, entry_of<Entry>(row));
  for (auto& [token_id, entry] : changed_) {
    if (entry) {
      loaded.insert_or_assign(token_id, *entry);
    } else {
      loaded.erase(token_id);
    }
  }
  entries_.swap(loaded);
  return {};
}

void TokenTable::put(const tokens::Token& token) {
  auto entry = entry_of<Entry>(token);
  const std::lock_guard lock(mutex_);
  if (loading_) changed_.insert_or_assign(token.token_id, entry);
  entries_.insert_or_assign(token.token_id, std::move(entry));
}

void TokenTable::erase(const std::string& token_id) {
  const std::lock_guard lock(mutex_);
  if (loading_) changed_.insert_or_assign(token_id, std::nullopt);
  entries_.erase(token_id);
}

void TokenTable::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

std::size_t TokenTable::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

Result<TokenGrant> TokenTable::authenticate(std::optional<std::string_view> authorization,
                                            Time now) const {
  if (!authorization) return fail(token_required);
  const auto bearer = bearer_of(*authorization);
  if (!bearer) return fail(token_required, "Authorization: Bearer TOKEN");
  const auto shown = parse_token_text(*bearer);
  if (!shown) return fail(token_invalid);
  const std::string hash = token_secret_hash(shown->secret);
  const std::lock_guard lock(mutex_);
  const auto place = entries_.find(shown->id);
  const bool known = place != entries_.end();
  const bool right = equal_in_constant_time(
      hash, known ? std::string_view(place->second.secret_hash) : nobodys_hash);
  if (!known || !right) return fail(token_invalid);
  if (place->second.expires && *place->second.expires <= now) return fail(token_invalid);
  return TokenGrant{shown->id, place->second.scopes};
}

}  // namespace pawl::app
