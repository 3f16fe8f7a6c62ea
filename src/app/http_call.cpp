// SPDX-License-Identifier: Apache-2.0
#include "app/http_call.h"

#include "app/text_table.h"

#include <cstdio>
#include <future>
#include <utility>

namespace pawl::app {

namespace {

net::ClientOptions client_options(std::string ca_file) {
  net::ClientOptions options;
  options.ca_file = std::move(ca_file);
  // A server that went away and came back must not be met through a connection of before.
  options.idle_timeout_ms = 2'000;
  return options;
}

constexpr std::size_t max_answer_bytes = std::size_t{16} << 20;

}  // namespace

std::string HttpAnswer::text(std::string_view name) const {
  const auto* member = body.find(name);
  return member == nullptr ? std::string() : std::string(member->as_string().value_or(""));
}

std::string HttpAnswer::problem() const {
  const std::string code = text("code");
  if (code.empty()) return "the server answered " + std::to_string(status);
  const std::string detail = text("detail");
  return printable(code + ": " + text("title") + (detail.empty() ? "" : " (" + detail + ")"));
}

Exit exit_of(const HttpAnswer& answer) {
  if (answer.ok()) return Exit::done;
  if (answer.text("code") == "in_doubt") return Exit::in_doubt;
  if (answer.status == 429 || answer.status >= 500) return Exit::unavailable;
  if (answer.status == 404 || answer.status == 409 || answer.status == 410) return Exit::finding;
  return Exit::usage;
}

HttpCall::HttpCall(std::string url, unsigned timeout_ms, std::string ca_file)
    : url_(std::move(url)), timeout_ms_(timeout_ms), client_(client_options(std::move(ca_file))) {
  while (url_.ends_with('/')) url_.pop_back();
}

Result<HttpAnswer> HttpCall::get(std::string_view path) {
  net::ClientRequest request;
  request.url = url_ + std::string(path);
  return send(std::move(request));
}

Result<HttpAnswer> HttpCall::post(std::string_view path, std::string body,
                                  std::vector<net::Header> headers) {
  net::ClientRequest request;
  request.method = "POST";
  request.url = url_ + std::string(path);
  request.headers = std::move(headers);
  request.headers.push_back({"Content-Type", "application/json"});
  request.body = std::move(body);
  return send(std::move(request));
}

Result<HttpAnswer> HttpCall::put(std::string_view path, std::string body) {
  net::ClientRequest request;
  request.method = "PUT";
  request.url = url_ + std::string(path);
  request.headers.push_back({"Content-Type", "application/json"});
  request.body = std::move(body);
  return send(std::move(request));
}

Result<HttpAnswer> HttpCall::remove(std::string_view path) {
  net::ClientRequest request;
  request.method = "DELETE";
  request.url = url_ + std::string(path);
  return send(std::move(request));
}

Result<HttpAnswer> HttpCall::send(net::ClientRequest request) {
  request.timeout_ms = timeout_ms_;
  if (!token_.empty()) request.headers.push_back({"Authorization", "Bearer " + token_});
  request.max_response_bytes = max_answer_bytes;
  std::promise<net::ClientResult> promise;
  auto future = promise.get_future();
  client_.send(std::move(request),
               [&promise](net::ClientResult result) { promise.set_value(std::move(result)); });
  auto result = future.get();
  if (!result) {
    const Error& error = result.error().error;
    if (error.code == net::client_request_invalid) {
      return fail(server_url_invalid, redacted_url(url_) + ": " + error.detail);
    }
    if (result.error().kind == net::ClientFailure::Kind::never_sent) {
      return fail(nobody_listens, url_ + ": " + error.text());
    }
    return fail(answer_lost, url_ + ": " + error.text());
  }
  HttpAnswer answer;
  answer.status = result->status;
  if (!result->body.empty()) {
    json::ParseLimits limits;
    limits.max_bytes = max_answer_bytes;
    limits.max_elements = 1'000'000;
    auto body = json::parse(result->body, limits);
    if (!body) {
      return fail(answer_unreadable, url_ + " answered " + std::to_string(answer.status) +
                                         " with a body that is not JSON: is this a Pawl server?");
    }
    answer.body = std::move(*body);
  }
  return answer;
}

std::string redacted_url(std::string_view url) {
  // A password may hold anything, also what ends an authority: all before the last '@' goes.
  const auto at = url.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  const auto scheme = url.find("://");
  const auto begin = scheme == std::string_view::npos || scheme > at ? 0 : scheme + 3;
  return std::string(url.substr(0, begin)) + "***" + std::string(url.substr(at));
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
      out += hex;
    }
  }
  return out;
}

}  // namespace pawl::app
