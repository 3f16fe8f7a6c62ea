// SPDX-License-Identifier: Apache-2.0
//
// Bearer tokens as entities: who made one, for what, and who took it back stand in the journal like
// everything else. The row holds the hash of the secret, never the secret. Making secrets, checking
// requests and the HTTP paths are left to the program.
#pragma once

#include <pawl/command.h>
#include <pawl/machine.h>
#include <pawl/time.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace pawl::tokens {

inline constexpr ErrorCode token_exists{"token_exists", ErrorClass::conflict,
                                        "There is a token of this id"};
inline constexpr ErrorCode token_not_found{"token_not_found", ErrorClass::not_found,
                                           "There is no such token"};

inline constexpr std::size_t token_id_digits = 16;
inline constexpr std::size_t secret_hash_digits = 64;
inline constexpr std::size_t max_token_name_bytes = 100;
inline constexpr std::int64_t max_lifetime_seconds = std::int64_t{10} * 365 * 86'400;

enum class TokenState { active, revoked };
constexpr auto pawl_names(TokenState) {
  return std::array<std::string_view, 2>{"active", "revoked"};
}

struct Token {
  static constexpr std::string_view machine = "token";
  static constexpr std::string_view table = "tokens";

  std::string token_id;  // public: 16 hex digits
  TokenState state = TokenState::active;
  Time state_since;
  std::string name;         // what it is for, a person's words
  std::string scopes;       // words with a blank between
  std::string secret_hash;  // SHA-256 of the secret's 32 bytes, 64 hex digits
  Time created;
  std::optional<Time> expires;  // absent: never
  std::string made_by;
  std::optional<std::string> revoked_by;

  static constexpr auto fields() {
    return std::tuple{field("token_id", &Token::token_id),
                      field("state", &Token::state),
                      field("state_since_us", &Token::state_since),
                      field("name", &Token::name),
                      field("scopes", &Token::scopes),
                      field("secret_hash", &Token::secret_hash),
                      field("created_us", &Token::created),
                      field("expires_us", &Token::expires),
                      field("made_by", &Token::made_by),
                      field("revoked_by", &Token::revoked_by)};
  }
};

struct CreateToken {
  static constexpr std::string_view kind = "token.create";
  std::string token_id;
  std::string name;
  std::string scopes;
  std::string secret_hash;
  std::int64_t lifetime_seconds = 0;  // 0: for ever
  std::string made_by;

  auto keys() const { return std::tuple{Key<Token>{token_id}}; }
  // Without the secret: each try makes a new one, and the first one that is committed stands.
  std::string identity() const;
  static constexpr auto fields() {
    return std::tuple{field("token_id", &CreateToken::token_id),
                      field("name", &CreateToken::name),
                      field("scopes", &CreateToken::scopes),
                      field("secret_hash", &CreateToken::secret_hash),
                      field("lifetime_seconds", &CreateToken::lifetime_seconds),
                      field("made_by", &CreateToken::made_by)};
  }
};

// The reply of a CreateToken.
struct TokenMade {
  Time created;
  std::optional<Time> expires;
  static constexpr auto fields() {
    return std::tuple{field("created_us", &TokenMade::created),
                      field("expires_us", &TokenMade::expires)};
  }
};

struct RevokeToken {
  static constexpr std::string_view kind = "token.revoke";
  std::string token_id;
  std::string revoked_by;

  auto keys() const { return std::tuple{Key<Token>{token_id}}; }
  static constexpr auto fields() {
    return std::tuple{field("token_id", &RevokeToken::token_id),
                      field("revoked_by", &RevokeToken::revoked_by)};
  }
};

Decision decide(const CreateToken& create, Locked<Token>& token, const Context& now);
Decision decide(const RevokeToken& revoke, Locked<Token>& token, const Context& now);

void declare(Registry& registry);

}  // namespace pawl::tokens
