// SPDX-License-Identifier: Apache-2.0
//
// A served desk whose requests carry a token and whatever headers a test wants, answered with all
// headers.
#pragma once

#include <algorithm>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "app/client_options.h"
#include "app/edge/admin_token.h"
#include "app/program_fixture.h"
#include "app/service_key.h"
#include "net/client.h"

namespace pawl::app::test {

class EdgeFixture : public ServedTest {
 protected:
  net::Response ask(const std::string& method, const std::string& path, std::string body = "",
                    std::vector<net::Header> headers = {}) {
    net::ClientRequest request;
    request.method = method;
    request.url = pair_->url() + path;
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.timeout_ms = 30'000;
    std::promise<net::ClientResult> promise;
    client_.send(std::move(request),
                 [&](net::ClientResult result) { promise.set_value(std::move(result)); });
    auto result = promise.get_future().get();
    if (result) return std::move(*result);
    ADD_FAILURE() << method << " " << path << ": " << result.error().error.text();
    return {};
  }
  static net::Header bearer(const std::string& token) {
    return {"Authorization", "Bearer " + token};
  }
  std::string admin_token() const {
    const auto token = read_secret_file(admin_token_path(folder_));
    return token ? *token : "";
  }
  net::Response as_admin(const std::string& method, const std::string& path, std::string body = "",
                         std::vector<net::Header> headers = {}) {
    headers.push_back(bearer(admin_token()));
    return ask(method, path, std::move(body), std::move(headers));
  }
  // A token with these scopes, as JSON: its id and secret.
  json::Value make_token(const std::string& scopes, const std::string& more = "") {
    const auto made = as_admin(
        "POST", "/tokens",
        R"({"as":"ann","reason":"test","name":"t","scopes":[)" + scopes + "]" + more + "}");
    EXPECT_EQ(made.status, 201U) << made.body;
    auto body = json::parse(made.body);
    return body ? std::move(*body) : json::Value();
  }
  static std::string code_of(const net::Response& answer) {
    const auto body = json::parse(answer.body);
    return body ? member_text(*body, "code") : "";
  }
  static std::string header_of(const net::Response& answer, const char* name) {
    return std::string(answer.header(name).value_or(""));
  }
  std::uint16_t port() const {
    const std::string url = pair_->url();
    return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }
  // Of a line "name{labels} value" of /metrics; -1 if it has none.
  double value(const std::string& series) {
    const std::string text = "\n" + as_admin("GET", "/metrics").body;
    const auto at = text.find("\n" + series + " ");
    return at == std::string::npos ? -1.0 : std::stod(text.substr(at + series.size() + 2));
  }
  std::string log() const { return read_file(pair_->server_log()); }

  net::Client client_{{.max_connections_per_host = 64}};
};

}  // namespace pawl::app::test
