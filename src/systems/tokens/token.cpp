// SPDX-License-Identifier: Apache-2.0
#include "systems/tokens/token.h"

#include "core/json.h"
#include "systems/tokens/guards.h"

namespace pawl::tokens {

namespace {

constexpr std::string_view tables = R"sql(
CREATE TABLE tokens (
  token_id TEXT NOT NULL PRIMARY KEY CHECK (length(token_id) = 16),
  state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
  state_since_us INTEGER NOT NULL,
  name TEXT NOT NULL CHECK (length(name) > 0),
  scopes TEXT NOT NULL CHECK (length(scopes) > 0),
  secret_hash TEXT NOT NULL UNIQUE CHECK (length(secret_hash) = 64),
  created_us INTEGER NOT NULL,
  expires_us INTEGER CHECK (expires_us > created_us),
  made_by TEXT NOT NULL CHECK (length(made_by) > 0),
  revoked_by TEXT,
  pawl_version INTEGER NOT NULL,
  pawl_time_us INTEGER NOT NULL,
  pawl_lane INTEGER NOT NULL,
  pawl_sequence INTEGER NOT NULL,
  pawl_offset INTEGER NOT NULL,
  pawl_schema INTEGER NOT NULL,
  CHECK ((state = 'revoked') = (revoked_by IS NOT NULL))
) STRICT;

CREATE INDEX tokens_state ON tokens (state, token_id);
)sql";

constexpr std::string_view postgres_tables = R"sql(
CREATE TABLE tokens (
  token_id text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(token_id) = 16),
  state text COLLATE "C" NOT NULL CHECK (state IN ('active', 'revoked')),
  state_since_us bigint NOT NULL,
  name text COLLATE "C" NOT NULL CHECK (length(name) > 0),
  scopes text COLLATE "C" NOT NULL CHECK (length(scopes) > 0),
  secret_hash text COLLATE "C" NOT NULL UNIQUE CHECK (length(secret_hash) = 64),
  created_us bigint NOT NULL,
  expires_us bigint CHECK (expires_us > created_us),
  made_by text COLLATE "C" NOT NULL CHECK (length(made_by) > 0),
  revoked_by text COLLATE "C",
  pawl_version bigint NOT NULL,
  pawl_time_us bigint NOT NULL,
  pawl_lane bigint NOT NULL,
  pawl_sequence bigint NOT NULL,
  pawl_offset bigint NOT NULL,
  pawl_schema bigint NOT NULL,
  CHECK ((state = 'revoked') = (revoked_by IS NOT NULL))
);

CREATE INDEX tokens_state ON tokens (state, token_id);
)sql";

}  // namespace

std::string CreateToken::identity() const {
  json::Writer text;
  text.begin_array().string(token_id).string(name).string(scopes);
  text.integer(lifetime_seconds).end_array();
  return std::move(text).take();
}

Decision decide(const CreateToken& create, Locked<Token>& token, const Context& now) {
  PAWL_REQUIRE(guard::is_new, !token.present(), token_exists);
  Token row;
  row.token_id = create.token_id;
  row.state_since = now.time;
  row.name = create.name;
  row.scopes = create.scopes;
  row.secret_hash = create.secret_hash;
  row.created = now.time;
  if (create.lifetime_seconds > 0) row.expires = now.time.plus_seconds(create.lifetime_seconds);
  row.made_by = create.made_by;
  Change change;
  change.create(token, row, "for " + create.scopes);
  change.reply(TokenMade{row.created, row.expires});
  return change;
}

Decision decide(const RevokeToken& revoke, Locked<Token>& token, const Context&) {
  PAWL_REQUIRE(guard::is_there, token.present(), token_not_found);
  if (token->state == TokenState::revoked) return Decision::ignore("revoked already");
  Token next = *token;
  next.state = TokenState::revoked;
  next.revoked_by = revoke.revoked_by;
  return Change().update(token, next, "revoked");
}

void declare(Registry& registry) {
  registry.machine<Token>()
      .initial(TokenState::active)
      .move(TokenState::active, TokenState::revoked);
  registry.migration({"tokens", 1, tables, postgres_tables});
}

}  // namespace pawl::tokens
