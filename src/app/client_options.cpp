// SPDX-License-Identifier: Apache-2.0
#include "app/client_options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

#include "app/desk_client.h"
#include "app/edge/admin_token.h"
#include "app/operator_request.h"
#include "app/service_key.h"
#include "app/settings.h"
#include "net/ip_address.h"

namespace pawl::app {

namespace {

constexpr unsigned verb_timeout_ms = 30'000;
// A server that was killed is up again within it, times the attempts, if a supervisor sees to it.
constexpr std::int64_t verb_retry_ms = 500;

std::string environment(const char* name, const char* otherwise) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this program sets a variable
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

Exit complain(const Error& error) {
  const Exit exit = report(error);
  if (error.code == nobody_listens) {
    std::fprintf(stderr, "pawl: start one with `pawl serve`, or name yours with --url\n");
  }
  return exit;
}

// Once an answer was lost, what follows cannot take the doubt away but by an answer.
Result<HttpAnswer> post_until_answered(const ClientOptions& options, const std::string& token,
                                       const std::string& path, const std::string& body,
                                       const std::string& id) {
  HttpCall server(options.url, verb_timeout_ms, options.ca_file);
  server.set_token(token);
  std::optional<Error> lost;
  for (int attempt = 1;; ++attempt) {
    auto answer = server.post(path, body, {{"Idempotency-Key", id}});
    const bool in_doubt =
        answer ? exit_of(*answer) == Exit::in_doubt : answer.error().code == answer_lost;
    if (in_doubt && !answer) lost = answer.error();
    const bool again = in_doubt || (lost && !answer);
    if (!again || attempt == max_verb_attempts) {
      return lost && !answer ? Result<HttpAnswer>(std::unexpected(*lost)) : std::move(answer);
    }
    // lint: allow(sleep): nothing signals that a server is back
    std::this_thread::sleep_for(std::chrono::milliseconds(verb_retry_ms));
  }
}

}  // namespace

ClientOptions::ClientOptions()
    : url(environment("PAWL_URL", "http://127.0.0.1:7333")),
      ca_file(environment("PAWL_CA_FILE", "")),
      token_file(environment("PAWL_TOKEN_FILE", "")) {}

void ClientOptions::add_to(CLI::App& verb) {
  verb.add_option("--url", url, "the server (default $PAWL_URL, else http://127.0.0.1:7333)");
  verb.add_option("--ca-file", ca_file,
                  "PEM file: trust these certificates for https (default $PAWL_CA_FILE, else the "
                  "system's)");
  verb.add_option("--token-file", token_file,
                  "file of mode 0600 with a token (default $PAWL_TOKEN_FILE, else "
                  "./.pawl/admin.token for a server on this machine)");
  verb.add_flag("--json", json, "the server's answer as it came");
}

namespace {

// Of "http://127.0.0.1:7333/": whether it stays on this machine. What cannot be read does not.
bool is_local(const std::string& url) {
  const auto mark = url.find("://");
  std::string host = mark == std::string::npos ? url : url.substr(mark + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (host == "localhost") return true;
  const auto address = net::parse_ip(host);
  return address && address->is_loopback();
}

}  // namespace

Result<std::string> ClientOptions::token() const {
  const bool local = is_local(url);
  std::string path = token_file;
  if (path.empty()) {
    // By itself a token goes to no other machine.
    path = admin_token_path(Settings().data_dir);
    if (!local || ::access(path.c_str(), R_OK) != 0) return std::string();
  }
  if (!local && !url.starts_with("https://")) return fail(token_unsafe, url);
  return read_secret_file(path);
}

OperatorOptions::OperatorOptions() : as(environment("USER", "")) {}

void OperatorOptions::add_to(CLI::App& verb, bool reason_needed, bool with_token) {
  verb.add_option("--as", as, "your name, for the journal (default $USER)");
  verb.add_option("--id", id, "repeat the verb that had this id: if it was done, nothing is done")
      ->check([](const std::string& value) {
        return value.empty() || value.size() > max_operator_id_bytes ? "1 to 128 bytes" : "";
      });
  auto* option = verb.add_option("--reason", reason, "why, for the journal");
  if (reason_needed) option->required();
  if (with_token) {
    verb.add_option("--token", token,
                    "refuse unless the effect's token is still this one, as `show` gave it")
        ->check(CLI::NonNegativeNumber);
  }
}

std::string OperatorOptions::body() const {
  json::Writer out;
  out.begin_object().field("as", as).field("reason", reason);
  if (token != 0) out.field("token", token);
  out.end_object();
  return std::move(out).take();
}

Exit print_answer(const ClientOptions& options, const std::string& path,
                  const std::function<std::string(const json::Value&)>& show) {
  HttpCall server(options.url, verb_timeout_ms, options.ca_file);
  auto token = options.token();
  if (!token) return complain(token.error());
  server.set_token(std::move(*token));
  const auto answer = server.get(path);
  if (!answer) return complain(answer.error());
  if (!answer->ok()) {
    std::fprintf(stderr, "pawl: %s\n", answer->problem().c_str());
    return exit_of(*answer);
  }
  const std::string text = options.json ? answer->body.text() + "\n" : show(answer->body);
  std::fputs(text.c_str(), stdout);
  return Exit::done;
}

namespace {

Exit show_answer(const ClientOptions& options, const HttpAnswer& answer,
                 const std::function<void(const HttpAnswer&)>& show) {
  if (options.json) {
    std::printf("%s\n", answer.body.text().c_str());
  } else if (answer.ok()) {
    show(answer);
  } else {
    std::fprintf(stderr, "pawl: %s\n", answer.problem().c_str());
  }
  return exit_of(answer);
}

}  // namespace

Exit post_verb(const ClientOptions& options, const std::string& path,
               const OperatorOptions& as_operator, const std::string& done) {
  if (as_operator.as.empty()) {
    std::fprintf(stderr, "pawl: who asks? give --as NAME\n");
    return Exit::usage;
  }
  const auto token = options.token();
  if (!token) return complain(token.error());
  const std::string id = as_operator.id.empty() ? random_nonce() : as_operator.id;
  const auto answer = post_until_answered(options, *token, path, as_operator.body(), id);
  if (!answer) {
    const Exit exit = complain(answer.error());
    if (exit == Exit::in_doubt) {
      std::fprintf(stderr, "pawl: it may have been done; the same again with --id %s is safe\n",
                   id.c_str());
    }
    return exit;
  }
  return show_answer(options, *answer,
                     [&](const HttpAnswer&) { std::printf("%s\n", done.c_str()); });
}

Exit send_verb(const ClientOptions& options, std::string_view method, const std::string& path,
               std::string body, const std::function<void(const HttpAnswer&)>& show) {
  HttpCall server(options.url, verb_timeout_ms, options.ca_file);
  auto token = options.token();
  if (!token) return complain(token.error());
  server.set_token(std::move(*token));
  const auto answer =
      method == "PUT" ? server.put(path, std::move(body)) : server.post(path, std::move(body));
  if (!answer) return complain(answer.error());
  return show_answer(options, *answer, show);
}

std::string member_text(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member == nullptr ? std::string() : std::string(member->as_string().value_or(""));
}

std::int64_t member_number(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member == nullptr ? 0 : member->as_int64().value_or(0);
}

const json::Value::Array& member_array(const json::Value& object, std::string_view name) {
  static const json::Value::Array none;
  const auto* member = object.find(name);
  const auto* array = member == nullptr ? nullptr : member->as_array();
  return array == nullptr ? none : *array;
}

}  // namespace pawl::app
