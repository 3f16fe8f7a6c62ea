// SPDX-License-Identifier: Apache-2.0
//
// Bearer tokens against a real server: who gets in, who does not, and what is kept of a secret.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "app/edge/token_secret.h"
#include "app/edge/token_table.h"
#include "app/edge_fixture.h"

namespace pawl::app::test {

constexpr const char* secret_digits =
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

TEST(TokenText, IsReadOnlyInItsOneForm) {
  const std::string good = std::string("pawl_0123456789abcdef_") + secret_digits;
  ASSERT_TRUE(parse_token_text(good));
  EXPECT_EQ(parse_token_text(good)->text(), good);
  for (const auto& bad :
       {std::string(), std::string("pawl_"), good + "0", good.substr(1), "Pawl" + good.substr(4),
        good.substr(0, 21) + "-" + secret_digits, good.substr(0, good.size() - 1) + "G",
        good.substr(0, good.size() - 1) + "A", good.substr(0, good.size() - 2) + "\xc3\xa9"}) {
    EXPECT_FALSE(parse_token_text(bad)) << bad;
  }
  EXPECT_NE(make_token_secret(), make_token_secret());
  EXPECT_EQ(make_token_secret().size(), 64U);
  // SHA-256 of the 32 bytes, not of their digits.
  EXPECT_EQ(token_secret_hash(std::string(64, '0')),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
}

TEST(TokenTable, KnowsScopesExpiryAndRevocation) {
  TokenTable table;
  tokens::Token token;
  token.token_id = "0123456789abcdef";
  token.scopes = "metrics otc:read";
  token.secret_hash = token_secret_hash(secret_digits);
  token.expires = Time::from_seconds(1'000);
  table.put(token);
  const std::string header = std::string("Bearer pawl_0123456789abcdef_") + secret_digits;
  const auto before = Time::from_seconds(999);
  const auto grant = table.authenticate(header, before);
  ASSERT_TRUE(grant);
  EXPECT_TRUE(grant->has("metrics"));
  EXPECT_TRUE(grant->has("otc:read"));
  EXPECT_FALSE(grant->has("admin"));
  EXPECT_FALSE(grant->has("otc"));
  EXPECT_FALSE(grant->has(""));
  EXPECT_TRUE(table.authenticate("bearer  " + header.substr(7), before));
  EXPECT_EQ(table.authenticate(header, Time::from_seconds(1'000)).error().code, token_invalid);
  std::string wrong = header;
  wrong.back() = 'e';
  EXPECT_EQ(table.authenticate(wrong, before).error().code, token_invalid);
  EXPECT_EQ(table.authenticate(std::nullopt, before).error().code, token_required);
  EXPECT_EQ(table.authenticate("Basic YTpi", before).error().code, token_required);
  EXPECT_EQ(table.authenticate("Bearer ", before).error().code, token_invalid);
  table.erase(token.token_id);
  EXPECT_EQ(table.authenticate(header, before).error().code, token_invalid);
}

// A token without a hash in the store opens nothing, whatever is sent.
TEST(TokenTable, EmptyHashOpensNothing) {
  TokenTable table;
  tokens::Token token;
  token.token_id = "0123456789abcdef";
  token.scopes = "admin";
  table.put(token);
  EXPECT_FALSE(
      table.authenticate(std::string("Bearer pawl_0123456789abcdef_") + secret_digits, Time{}));
}

class TokensTest : public EdgeFixture {
 protected:
  std::string settings() const override {
    return "tokens = \"required\"\n[otc]\npayout_poll_interval_ms = 50\n";
  }
};

TEST_F(TokensTest, NoOrNoGoodTokenIs401AndNever500) {
  const std::string admin = admin_token();
  ASSERT_EQ(admin.size(), 86U);
  std::string wrong = admin;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  std::string unknown = admin;
  unknown[5] = unknown[5] == '0' ? '1' : '0';
  for (const std::string& value :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string("Basic YTpi"),
        "Bearer " + wrong, "Bearer " + unknown, "Bearer " + admin + "x", std::string("Bearer \xe9"),
        std::string("Bearer pawl_\xf0\x9f\x94\x91"), "Bearer " + std::string(4'000, 'a'), admin}) {
    const auto refused = ask("GET", "/alerts", "", {{"Authorization", value}});
    EXPECT_EQ(refused.status, 401U) << value;
    EXPECT_NE(header_of(refused, "WWW-Authenticate").find("Bearer"), std::string::npos) << value;
    EXPECT_EQ(refused.content_type, "application/problem+json");
  }
  EXPECT_EQ(code_of(ask("GET", "/alerts")), "token_required");
  EXPECT_EQ(code_of(ask("POST", "/otc/orders", "{}")), "token_required");
  EXPECT_EQ(ask("GET", "/metrics").status, 401U);
  for (const auto* open : {"/healthz", "/readyz", "/openapi.json", "/errors"}) {
    EXPECT_EQ(ask("GET", open).status, 200U) << open;
  }
  EXPECT_EQ(as_admin("GET", "/alerts").status, 200U);
  EXPECT_EQ(ask("GET", "/nothing").status, 404U);
}

TEST_F(TokensTest, AScopeOpensWhatDeclaresItAndNothingElse) {
  struct Case {
    const char* scope;
    const char* path;
  };
  const std::vector<Case> cases{{"admin", "/alerts"},
                                {"admin", "/tokens"},
                                {"otc:read", "/otc/book"},
                                {"metrics", "/metrics"}};
  for (const auto* scope : {"admin", "otc:read", "otc:write", "metrics"}) {
    const auto token = member_text(make_token("\"" + std::string(scope) + "\""), "token");
    for (const auto& [wanted, path] : cases) {
      const auto answer = ask("GET", path, "", {bearer(token)});
      EXPECT_EQ(answer.status, std::string(scope) == wanted ? 200U : 403U) << scope << path;
      if (answer.status == 403) {
        EXPECT_EQ(code_of(answer), "scope_missing");
        EXPECT_NE(header_of(answer, "WWW-Authenticate").find("insufficient_scope"),
                  std::string::npos);
      }
    }
    // The body is looked at only with the right scope: 400 then.
    EXPECT_EQ(ask("POST", "/otc/orders", "{}", {bearer(token)}).status,
              std::string(scope) == "otc:write" ? 400U : 403U);
  }
}

TEST_F(TokensTest, RevokedAndExpiredOnesOpenNothingAlsoAfterARestart) {
  const auto kept = make_token("\"metrics\"");
  const auto revoked = make_token("\"metrics\"");
  const auto brief = make_token("\"metrics\"", ",\"lifetime_seconds\":1");
  const auto status_with = [&](const json::Value& token) {
    return ask("GET", "/metrics", "", {bearer(member_text(token, "token"))}).status;
  };
  EXPECT_EQ(status_with(revoked), 200U);
  const std::string revoke_path = "/tokens/" + member_text(revoked, "token_id") + "/revoke";
  EXPECT_EQ(as_admin("POST", revoke_path, R"({"as":"ann","reason":"lost"})").status, 200U);
  EXPECT_EQ(status_with(revoked), 401U);
  EXPECT_EQ(as_admin("POST", revoke_path, R"({"as":"ann","reason":"again"})").status, 200U);
  EXPECT_EQ(
      as_admin("POST", "/tokens/0000000000000000/revoke", R"({"as":"ann","reason":"x"})").status,
      404U);
  EXPECT_TRUE(eventually([&] { return status_with(brief) == 401; }));
  const std::string listed = as_admin("GET", "/tokens?revoked=1").body;
  EXPECT_NE(listed.find("operator:ann@token:"), std::string::npos) << listed;
  for (const auto& token : {kept, revoked, brief}) {
    const std::string text = member_text(token, "token");
    EXPECT_NE(listed.find(member_text(token, "token_id")), std::string::npos);
    EXPECT_EQ(listed.find(text.substr(22)), std::string::npos);
    EXPECT_EQ(listed.find(token_secret_hash(text.substr(22))), std::string::npos);
  }
  ASSERT_TRUE(pair_->stop_server());
  ASSERT_TRUE(pair_->start_server());
  EXPECT_EQ(status_with(kept), 200U);
  EXPECT_EQ(status_with(revoked), 401U);
  EXPECT_EQ(status_with(brief), 401U);
  // Neither the store nor the log has a secret, and an operator is not shown the hash.
  const std::string secret = member_text(kept, "token").substr(22);
  for (const auto* file : {"pawl.db", "pawl.db-wal", "serve.log"}) {
    EXPECT_EQ(read_file(path(file)).find(secret), std::string::npos) << file;
  }
  const auto row = as_admin("GET", "/entities/token/" + member_text(kept, "token_id"));
  EXPECT_EQ(row.status, 200U);
  EXPECT_EQ(row.body.find("secret_hash"), std::string::npos) << row.body;
}

TEST_F(TokensTest, RepeatOfACreateMakesNoSecondToken) {
  const std::string body =
      R"({"as":"ann","reason":"test","name":"t","scopes":["metrics"],"lifetime_seconds":60})";
  const std::vector<net::Header> key{{"Idempotency-Key", "once"}};
  const auto first = json::parse(as_admin("POST", "/tokens", body, key).body);
  const auto again = as_admin("POST", "/tokens", body, key);
  ASSERT_TRUE(first);
  EXPECT_EQ(again.status, 200U);
  EXPECT_EQ(member_text(*json::parse(again.body), "token_id"), member_text(*first, "token_id"));
  EXPECT_TRUE(json::parse(again.body)->find("token")->is_null()) << again.body;
  EXPECT_EQ(ask("GET", "/metrics", "", {bearer(member_text(*first, "token"))}).status, 200U);
  const auto other = as_admin("POST", "/tokens",
                              R"({"as":"ann","reason":"test","name":"t","scopes":["admin"]})", key);
  EXPECT_EQ(other.status, 409U) << other.body;
  for (const auto* bad :
       {R"({"as":"ann","reason":"r","scopes":["admin"]})",
        R"({"as":"ann","reason":"r","name":"","scopes":["admin"]})",
        R"({"as":"ann","reason":"r","name":"t","scopes":[]})",
        R"({"as":"ann","reason":"r","name":"t","scopes":"admin"})",
        R"({"as":"ann","reason":"r","name":"t","scopes":["root"]})",
        R"({"as":"ann","reason":"r","name":"t","scopes":["admin otc:read"]})",
        R"({"as":"ann","reason":"r","name":"t","scopes":["public"]})",
        R"({"as":"ann","reason":"r","name":"t","scopes":["admin"],"lifetime_seconds":0})",
        R"({"as":"ann","name":"t","scopes":["admin"]})", "[]", ""}) {
    EXPECT_EQ(as_admin("POST", "/tokens", bad).status, 400U) << bad;
  }
}

TEST_F(TokensTest, AdminFileIsItsOwnersAloneAndComesBackOnlyIfMissing) {
  const std::string file = admin_token_path(folder_);
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const std::string first = admin_token();
  EXPECT_NE(log().find("admin.token"), std::string::npos);
  EXPECT_EQ(log().find(first.substr(22)), std::string::npos);
  const std::string revoke_path = "/tokens/" + first.substr(5, 16) + "/revoke";
  ASSERT_EQ(as_admin("POST", revoke_path, R"({"as":"ann","reason":"rotate"})").status, 200U);
  EXPECT_EQ(as_admin("GET", "/alerts").status, 401U);
  ASSERT_TRUE(pair_->stop_server());
  ASSERT_TRUE(pair_->start_server());
  EXPECT_EQ(admin_token(), first);
  EXPECT_EQ(as_admin("GET", "/alerts").status, 401U);
  EXPECT_NE(log().find("admin_token_revoked"), std::string::npos);
  ASSERT_TRUE(pair_->stop_server());
  std::filesystem::remove(file);
  ASSERT_TRUE(pair_->start_server());
  EXPECT_NE(admin_token(), first);
  EXPECT_EQ(as_admin("GET", "/alerts").status, 200U);
}

// As after a crash between the file and the commit, and as on a store that was started over.
TEST_F(TokensTest, FileWhoseTokenTheStoreDoesNotKnowIsTakenUp) {
  const std::string token = admin_token();
  ASSERT_TRUE(pair_->stop_server());
  for (const auto* name : {"pawl.db", "pawl.db-wal", "pawl.db-shm", "pawl.db.deciding"}) {
    std::filesystem::remove(path(name));
  }
  ASSERT_TRUE(pair_->start_server());
  EXPECT_EQ(admin_token(), token);
  EXPECT_EQ(as_admin("GET", "/alerts").status, 200U);
}

TEST_F(TokensTest, VerbsSendTheTokenOfTheirFile) {
  const std::string url = pair_->url();
  const std::string file = admin_token_path(folder_);
  const auto refused = run_pawl({"alerts", "list", "--url", url});
  EXPECT_EQ(refused.exit_code, 2) << refused.out;
  EXPECT_NE(refused.err.find("token_required"), std::string::npos) << refused.err;
  EXPECT_EQ(run_pawl({"alerts", "list", "--url", url, "--token-file", file}).exit_code, 0);
  const auto made = run_pawl({"token", "create", "--name", "prom", "--scope", "metrics", "--reason",
                              "test", "--as", "ann", "--url", url, "--token-file", file});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  ASSERT_EQ(made.out.size(), 87U) << made.out;
  const std::string token = made.out.substr(0, 86);
  EXPECT_EQ(ask("GET", "/metrics", "", {bearer(token)}).status, 200U);
  const auto listed = run_pawl({"token", "list", "--url", url, "--token-file", file});
  EXPECT_NE(listed.out.find("prom"), std::string::npos) << listed.out;
  EXPECT_EQ(listed.out.find(token.substr(22)), std::string::npos);
  EXPECT_EQ(run_pawl({"token", "revoke", token.substr(5, 16), "--reason", "test", "--as", "ann",
                      "--url", url, "--token-file", file})
                .exit_code,
            0);
  EXPECT_EQ(ask("GET", "/metrics", "", {bearer(token)}).status, 401U);
  // Readable by others: refused; and never over plain HTTP to another machine.
  const auto open_file = write("open.token", token + "\n");
  ASSERT_EQ(::chmod(open_file.c_str(), 0644), 0);
  const auto unusable = run_pawl({"alerts", "list", "--url", url, "--token-file", open_file});
  EXPECT_NE(unusable.err.find("key_file_unusable"), std::string::npos) << unusable.err;
  for (const auto* far : {"http://192.0.2.1:7333", "http://127.0.0.1.example:7333",
                          "http://localhost@192.0.2.1:7333"}) {
    const auto kept = run_pawl({"alerts", "list", "--url", far, "--token-file", file});
    EXPECT_NE(kept.err.find("token_unsafe"), std::string::npos) << far << kept.err;
  }
}

}  // namespace pawl::app::test
