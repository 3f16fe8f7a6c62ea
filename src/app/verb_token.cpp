// SPDX-License-Identifier: Apache-2.0
//
// pawl token: who may ask a server, and for what.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "app/client_options.h"
#include "app/text_table.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct TokenOptions {
  ClientOptions client;
  OperatorOptions as_operator;
  std::string name;
  std::vector<std::string> scopes;
  std::int64_t days = 0;
  std::string id;
  bool revoked = false;
};

std::string scopes_text(const json::Value& token) {
  std::string out;
  for (const auto& scope : member_array(token, "scopes")) {
    out += (out.empty() ? "" : " ") + std::string(scope.as_string().value_or(""));
  }
  return out;
}

std::string tokens_text(const json::Value& answer) {
  const auto& tokens = member_array(answer, "tokens");
  if (tokens.empty()) return "no tokens\n";
  TextTable table({"ID", "STATE", "NAME", "SCOPES", "EXPIRES", "MADE BY"});
  for (const auto& token : tokens) {
    const std::string expires = member_text(token, "expires");
    table.add({member_text(token, "token_id"), member_text(token, "state"),
               member_text(token, "name"), scopes_text(token), expires.empty() ? "never" : expires,
               member_text(token, "made_by")});
  }
  return table.text();
}

Exit create(const TokenOptions& options) {
  constexpr std::int64_t day_seconds = 86'400;
  json::Writer body;
  body.begin_object().field("as", options.as_operator.as);
  body.field("reason", options.as_operator.reason).field("name", options.name);
  body.key("scopes").begin_array();
  for (const auto& scope : options.scopes) body.string(scope);
  body.end_array();
  if (options.days > 0) body.field("lifetime_seconds", options.days * day_seconds);
  body.end_object();
  return send_verb(
      options.client, "POST", "/tokens", std::move(body).take(), [](const HttpAnswer& answer) {
        // The token alone on stdout, so that it can go into a file.
        std::fprintf(stderr, "token %s, shown this once:\n", answer.text("token_id").c_str());
        std::printf("%s\n", answer.text("token").c_str());
      });
}

void add_create(CLI::App& verb, const std::shared_ptr<TokenOptions>& options, Chosen& chosen) {
  auto* create_verb = verb.add_subcommand("create", "Make a token and print it, this once");
  options->client.add_to(*create_verb);
  options->as_operator.add_to(*create_verb, true, false);
  create_verb->add_option("--name", options->name, "what it is for")->required();
  create_verb
      ->add_option("--scope", options->scopes, "admin, otc:read, otc:write, metrics; several")
      ->required();
  create_verb->add_option("--days", options->days, "it expires after so many (default: never)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{3'650}));
  create_verb->callback([options, &chosen] { chosen = [options] { return create(*options); }; });
}

}  // namespace

void add_token(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<TokenOptions>();
  auto* verb = app.add_subcommand("token", "Who may ask a server, and for what");
  verb->require_subcommand(1);
  add_create(*verb, options, chosen);
  auto* list = verb->add_subcommand("list", "Active tokens, without their secrets");
  options->client.add_to(*list);
  list->add_flag("--revoked", options->revoked, "those that were revoked, too");
  list->callback([options, &chosen] {
    chosen = [options] {
      return print_answer(options->client, options->revoked ? "/tokens?revoked=1" : "/tokens",
                          tokens_text);
    };
  });
  auto* revoke = verb->add_subcommand("revoke", "A token opens nothing any more, at once");
  options->client.add_to(*revoke);
  options->as_operator.add_to(*revoke, true, false);
  revoke->add_option("id", options->id, "the token's id, not its secret")->required();
  revoke->callback([options, &chosen] {
    chosen = [options] {
      return post_verb(options->client, "/tokens/" + percent_encoded(options->id) + "/revoke",
                       options->as_operator, "token " + options->id + " is revoked");
    };
  });
  verb->footer(
      "A server with tokens = \"required\" makes the first administrator's token itself, in the\n"
      "file admin.token of its data folder. The server keeps hashes: a lost token is revoked and\n"
      "another one made.\n"
      "\n"
      "Examples:\n"
      "  pawl token create --name prometheus --scope metrics --reason scraping > metrics.token\n"
      "  pawl token list\n"
      "  pawl token revoke 0123456789abcdef --reason \"left the company\"\n"
      "\n"
      "Exit codes: 0 done, 1 no such token, 2 usage or no right, 3 no server answers.");
}

}  // namespace pawl::app
