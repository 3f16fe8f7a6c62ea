// SPDX-License-Identifier: Apache-2.0
#include "app/edge/admin_token.h"

#include <pawl/log.h>
#include <unistd.h>

#include "app/edge/token_secret.h"
#include "app/service_key.h"

namespace pawl::app {

namespace {

constexpr const char* principal = "system:first-start";

}  // namespace

std::string admin_token_path(const std::string& data_dir) {
  return data_dir + "/admin.token";
}

Result<void> ensure_admin_token(Engine& engine, const std::string& path,
                                const std::string& scopes) {
  if (::access(path.c_str(), F_OK) != 0) {
    const TokenText made{token_id_of(principal, make_token_secret()), make_token_secret()};
    if (auto written = write_secret_file(path, made.text() + "\n"); !written) return written;
    log::info("admin_token_made", {{"path", path}, {"token", made.id}});
  }
  const auto text = read_secret_file(path);
  if (!text) return std::unexpected(text.error());
  const auto token = parse_token_text(*text);
  if (!token) return fail(key_file_unusable, path + " does not hold a token");
  const auto known = engine.read(Key<tokens::Token>{token->id});
  if (!known) return std::unexpected(known.error());
  if (*known) {
    if ((*known)->row.state == tokens::TokenState::revoked) {
      log::warn("admin_token_revoked", {{"path", path}, {"token", token->id}});
    }
    return {};
  }
  tokens::CreateToken create;
  create.token_id = token->id;
  create.name = "admin.token of the data folder";
  create.scopes = scopes;
  create.secret_hash = token_secret_hash(token->secret);
  create.made_by = principal;
  const auto receipt = engine.call(create, {.principal = principal, .id = token->id});
  if (!receipt) return std::unexpected(receipt.error());
  if (!receipt->done) return fail(tokens::token_exists, receipt->detail);
  return {};
}

}  // namespace pawl::app
