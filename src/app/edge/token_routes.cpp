// SPDX-License-Identifier: Apache-2.0
#include "app/edge/token_routes.h"

#include <algorithm>
#include <utility>

#include "app/edge/token_secret.h"
#include "app/operator_request.h"

namespace pawl::app {

namespace {

using net::Request;
using net::Responder;
using tokens::Token;

json::Value time_or_null(const std::optional<Time>& time) {
  return time ? json::Value::string(to_rfc3339(*time)) : json::Value();
}

json::Value token_json(const Token& token) {
  auto out = json::Value::object();
  out.add("token_id", json::Value::string(token.token_id));
  out.add("state", json::Value::string(std::string(name_of(token.state))));
  out.add("name", json::Value::string(token.name));
  auto scopes = json::Value::array();
  for (auto& scope : split_scopes(token.scopes)) scopes.push(json::Value::string(scope));
  out.add("scopes", std::move(scopes));
  out.add("created", json::Value::string(to_rfc3339(token.created)));
  out.add("expires", time_or_null(token.expires));
  out.add("made_by", json::Value::string(token.made_by));
  out.add("revoked_by", token.revoked_by ? json::Value::string(*token.revoked_by) : json::Value());
  return out;
}

Result<std::string> scopes_in(const json::Value& body, const std::set<std::string>& known) {
  const auto* list = body.find("scopes");
  const auto* items = list == nullptr ? nullptr : list->as_array();
  if (items == nullptr || items->empty()) {
    return fail(token_request_invalid, "scopes is a list of at least one");
  }
  std::set<std::string> chosen;
  for (const auto& item : *items) {
    const std::string scope(item.as_string().value_or(""));
    if (!known.contains(scope)) {
      std::string all;
      for (const auto& name : known) all += " " + name;
      return fail(token_request_invalid, "a scope is one of" + all);
    }
    chosen.insert(scope);
  }
  std::string out;
  for (const auto& scope : chosen) out += (out.empty() ? "" : " ") + scope;
  return out;
}

Result<tokens::CreateToken> command_in(const OperatorRequest& wanted,
                                       const std::set<std::string>& known) {
  tokens::CreateToken create;
  const auto* name = wanted.body.find("name");
  create.name = name == nullptr ? "" : name->as_string().value_or("");
  if (create.name.empty() || create.name.size() > tokens::max_token_name_bytes) {
    return fail(token_request_invalid,
                "name is text of 1 to " + std::to_string(tokens::max_token_name_bytes) + " bytes");
  }
  auto scopes = scopes_in(wanted.body, known);
  if (!scopes) return std::unexpected(scopes.error());
  create.scopes = std::move(*scopes);
  if (const auto* lifetime = wanted.body.find("lifetime_seconds");
      lifetime != nullptr && !lifetime->is_null()) {
    const auto seconds = lifetime->as_int64();
    if (!seconds || *seconds < 1 || *seconds > tokens::max_lifetime_seconds) {
      return fail(token_request_invalid, "lifetime_seconds is a number from 1 to " +
                                             std::to_string(tokens::max_lifetime_seconds));
    }
    create.lifetime_seconds = *seconds;
  }
  create.token_id = token_id_of(wanted.origin.principal, wanted.origin.id);
  create.made_by = wanted.origin.principal;
  return create;
}

void answer_made(TokenTable& table, const tokens::CreateToken& create, const TokenText& text,
                 const Receipt& receipt, Responder& respond) {
  if (!receipt.done) return respond(receipt_answer(receipt));
  const auto made = from_payload<tokens::TokenMade>(receipt.reply_json);
  if (!made) return respond(made.error());
  Token token;
  token.token_id = create.token_id;
  token.name = create.name;
  token.scopes = create.scopes;
  token.secret_hash = create.secret_hash;
  token.created = made->created;
  token.expires = made->expires;
  token.made_by = create.made_by;
  auto body = token_json(token);
  // A repeat made another secret, which nobody knows of; the first one's was in the first answer.
  if (!receipt.repeated) table.put(token);
  body.add("token", receipt.repeated ? json::Value() : json::Value::string(text.text()));
  respond(json_answer(body, receipt.repeated ? 200 : 201));
}

void create_token(Engine& engine, const std::shared_ptr<TokenTable>& table,
                  const std::set<std::string>& known, const Request& request, Responder respond) {
  const auto wanted = read_operator(request, {"name", "scopes", "lifetime_seconds"});
  if (!wanted) return respond(wanted.error());
  auto create = command_in(*wanted, known);
  if (!create) return respond(create.error());
  if (table->size() >= max_active_tokens) return respond(Error(too_many_tokens));
  TokenText text{create->token_id, make_token_secret()};
  create->secret_hash = token_secret_hash(text.secret);
  auto shared = std::make_shared<Responder>(std::move(respond));
  engine.submit(
      *create, wanted->origin,
      [table, command = *create, text = std::move(text), shared](const Result<Receipt>& receipt) {
        if (!receipt) return (*shared)(receipt.error());
        answer_made(*table, command, text, *receipt, *shared);
      });
}

void list_tokens(Engine& engine, const Request& request, Responder respond) {
  constexpr int most = 1'000;
  const auto revoked = query_number(request, "revoked", 0, 0, 1);
  if (!revoked) return respond(revoked.error());
  std::vector<Condition> where;
  if (*revoked == 0) {
    where.push_back({"state", Comparison::equal, std::string(name_of(tokens::TokenState::active))});
  }
  const auto rows = engine.select<Token>(std::move(where), {{"token_id", true}}, most);
  if (!rows) return respond(rows.error());
  auto list = json::Value::array();
  for (const Token& token : *rows) list.push(token_json(token));
  auto body = json::Value::object();
  body.add("tokens", std::move(list));
  respond(json_answer(body));
}

void revoke_token(Engine& engine, const std::shared_ptr<TokenTable>& table, const Request& request,
                  Responder respond) {
  const auto wanted = read_operator(request);
  if (!wanted) return respond(wanted.error());
  tokens::RevokeToken revoke{std::string(request.param("id")), wanted->origin.principal};
  if (revoke.token_id.size() != tokens::token_id_digits) {
    return respond(Error(tokens::token_not_found));
  }
  auto shared = std::make_shared<Responder>(std::move(respond));
  engine.submit(revoke, wanted->origin,
                [table, id = revoke.token_id, shared](const Result<Receipt>& receipt) {
                  if (!receipt) return (*shared)(receipt.error());
                  // Committed: from here on it opens nothing, before anybody is told so.
                  if (receipt->done) table->erase(id);
                  (*shared)(receipt_answer(*receipt));
                });
}

void add_schemas(net::Router& router) {
  router.add_schema("Token", R"({"type":"object","additionalProperties":false,
"required":["token_id","state","name","scopes","created","expires","made_by","revoked_by"],
"properties":{"token_id":{"type":"string","pattern":"^[0-9a-f]{16}$"},
"state":{"enum":["active","revoked"]},"name":{"type":"string"},
"scopes":{"type":"array","items":{"type":"string"}},
"created":{"type":"string","format":"date-time"},
"expires":{"type":["string","null"],"format":"date-time"},
"made_by":{"type":"string"},"revoked_by":{"type":["string","null"]}}})");
  router.add_schema("TokenList", R"({"type":"object","additionalProperties":false,
"required":["tokens"],"properties":{"tokens":{"type":"array",
"items":{"$ref":"#/components/schemas/Token"}}}})");
  router.add_schema("NewToken", R"({"type":"object","required":["token_id","scopes","token"],
"properties":{"token_id":{"type":"string","pattern":"^[0-9a-f]{16}$"},
"scopes":{"type":"array","items":{"type":"string"}},
"token":{"type":["string","null"],"pattern":"^pawl_[0-9a-f]{16}_[0-9a-f]{64}$",
"description":"Shown in the answer that made it, and never again: null in a repeat's."}}})");
  router.add_schema("CreateToken", R"({"type":"object","additionalProperties":false,
"required":["as","reason","name","scopes"],
"properties":{"as":{"type":"string","minLength":1,"maxLength":100},
"reason":{"type":"string","minLength":1,"maxLength":500},
"name":{"type":"string","minLength":1,"maxLength":100},
"scopes":{"type":"array","minItems":1,"items":{"type":"string"}},
"lifetime_seconds":{"type":["integer","null"],"minimum":1,"maximum":315360000}}})");
}

}  // namespace

std::set<std::string> declared_scopes(const net::Router& router) {
  std::set<std::string> out{std::string(net::scope_admin)};
  for (const net::Route* route : router.routes()) {
    if (!route->options.declaration) continue;
    const std::string_view scope = route->options.declaration->scope;
    if (scope != net::scope_public) out.emplace(scope);
  }
  return out;
}

void add_token_routes(net::Router& router, Engine& engine, std::shared_ptr<TokenTable> table) {
  add_schemas(router);
  const auto known = declared_scopes(router);
  const net::DeclaredParameter key{"Idempotency-Key", net::ParameterPlace::header,
                                   "the same again makes no second token"};
  router.add(
      "POST", "/tokens",
      [&engine, table, known](const Request& q, Responder respond) {
        create_token(engine, table, known, q, std::move(respond));
      },
      net::declared({.id = "createToken",
                     .summary = "Make a token; its secret is in this answer alone",
                     .tag = "tokens",
                     .parameters = {key},
                     .body_schema_name = "CreateToken",
                     .answers = {{201, "made", "NewToken"}, {200, "made before", "NewToken"}},
                     .errors = {operator_request_invalid, token_request_invalid, too_many_tokens,
                                tokens::token_exists, idempotency_mismatch}}));
  router.add(
      "GET", "/tokens",
      [&engine](const Request& q, Responder respond) {
        list_tokens(engine, q, std::move(respond));
      },
      net::declared({.id = "listTokens",
                     .summary = "The active tokens, without their secrets",
                     .tag = "tokens",
                     .parameters = {{"revoked", net::ParameterPlace::query,
                                     "1: those that were revoked, too", R"({"enum":[0,1]})"}},
                     .answers = {{200, "the tokens", "TokenList"}},
                     .errors = {listing_parameter_invalid}}));
  router.add(
      "POST", "/tokens/{id}/revoke",
      [&engine, table = std::move(table)](const Request& q, Responder respond) {
        revoke_token(engine, table, q, std::move(respond));
      },
      net::declared(
          {.id = "revokeToken",
           .summary = "Revoke a token: it opens nothing from this answer on",
           .tag = "tokens",
           .parameters = {key},
           .body_schema_name = "OperatorVerb",
           .answers = {{200, "revoked", "Ok"}},
           .errors = {operator_request_invalid, tokens::token_not_found, idempotency_mismatch}}));
}

}  // namespace pawl::app
