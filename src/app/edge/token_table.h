// SPDX-License-Identifier: Apache-2.0
//
// The active tokens in memory, against which each request is checked. Filled from the store at the
// start and changed after each commit of this process that made or revoked one; on a store that
// processes share TokenRefresh reads them anew. What a token may do is decided by the routes'
// scopes.
#pragma once

#include <pawl/clock.h>
#include <pawl/engine.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "systems/tokens/token.h"

namespace pawl::app {

inline constexpr ErrorCode token_required{"token_required", ErrorClass::unauthorized,
                                          "This path needs a token"};
// One code for unknown, wrong, expired and revoked: who guesses is not told how close it was.
inline constexpr ErrorCode token_invalid{"token_invalid", ErrorClass::unauthorized,
                                         "The token is not one that is good here"};
inline constexpr ErrorCode scope_missing{"scope_missing", ErrorClass::forbidden,
                                         "The token is good, but not for this"};
inline constexpr ErrorCode too_many_tokens{"too_many_tokens", ErrorClass::too_many,
                                           "There are as many active tokens as there may be"};

inline constexpr std::size_t max_active_tokens = 1'000;

struct TokenGrant {
  std::string id;
  std::vector<std::string> scopes;

  bool has(std::string_view scope) const;
};

std::vector<std::string> split_scopes(std::string_view scopes);

// Thread-safe.
class TokenTable {
 public:
  // What the store has takes the place of what is here. A commit of this process that ends while it
  // is read is not lost: it is entered once more.
  Result<void> load(Engine& engine);
  void put(const tokens::Token& token);
  void erase(const std::string& token_id);
  void clear();
  std::size_t size() const;

  // `authorization`: the request's header of that name, if it has one. token_required without one
  // and for another scheme, token_invalid for what is no good token at `now`.
  Result<TokenGrant> authenticate(std::optional<std::string_view> authorization, Time now) const;

 private:
  struct Entry {
    std::vector<std::string> scopes;
    std::string secret_hash;
    std::optional<Time> expires;
  };

  using Entries = std::map<std::string, Entry, std::less<>>;

  mutable std::mutex mutex_;
  Entries entries_;
  // What was put and erased since a load began.
  bool loading_ = false;
  std::map<std::string, std::optional<Entry>> changed_;
};

}  // namespace pawl::app
