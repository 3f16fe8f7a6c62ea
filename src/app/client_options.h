// SPDX-License-Identifier: Apache-2.0
//
// What the verbs that talk to a server share: its address, the operator's name and reason, and how
// an answer is printed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "app/exit_code.h"
#include "app/http_call.h"

namespace CLI {
class App;
}

namespace pawl::app {

struct ClientOptions {
  std::string url;         // --url, else PAWL_URL, else http://127.0.0.1:7333
  std::string ca_file;     // --ca-file, else PAWL_CA_FILE; empty: the system's certificates
  std::string token_file;  // --token-file, else PAWL_TOKEN_FILE
  bool json = false;

  ClientOptions();
  void add_to(CLI::App& verb);
  // What is sent to this server: of token_file, and without one, to a server on this machine, of
  // ./.pawl/admin.token if that can be read. "" for none. A token never goes over plain HTTP to
  // another machine: token_unsafe.
  Result<std::string> token() const;
};

struct OperatorOptions {
  std::string as;  // --as, else $USER
  std::string id;  // --id, else a new one: what makes a repeat the same verb
  std::string reason;
  std::int64_t token = 0;

  OperatorOptions();
  void add_to(CLI::App& verb, bool reason_needed, bool with_token);
  std::string body() const;
};

inline constexpr ErrorCode token_unsafe{
    "token_unsafe", ErrorClass::invalid,
    "A token is not sent over plain HTTP to another machine; use https"};

// A body that an operator's verb sends, and the request. Complaints go to stderr, the answer is
// handed to `show` if it was a success.
Exit send_verb(const ClientOptions& options, std::string_view method, const std::string& path,
               std::string body, const std::function<void(const HttpAnswer&)>& show);

// GETs and prints: the JSON as it came, or what `show` makes of it. Complaints go to stderr.
Exit print_answer(const ClientOptions& options, const std::string& path,
                  const std::function<std::string(const json::Value&)>& show);
// POSTs an operator's verb and says what became of it. An answer that was lost is asked for again
// under the verb's id, max_verb_attempts times in all; after that the id is printed.
inline constexpr int max_verb_attempts = 4;
Exit post_verb(const ClientOptions& options, const std::string& path,
               const OperatorOptions& as_operator, const std::string& done);

// Members of an answer, "" or 0 where there is none.
std::string member_text(const json::Value& object, std::string_view name);
std::int64_t member_number(const json::Value& object, std::string_view name);
// Its items; none if it is no array.
const json::Value::Array& member_array(const json::Value& object, std::string_view name);

}  // namespace pawl::app
