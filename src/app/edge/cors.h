// SPDX-License-Identifier: Apache-2.0
//
// Which pages of other origins a browser lets read our answers (the Fetch standard's CORS
// protocol): those of a list, by name. Credentials are never allowed, a bearer token is a header
// that the page itself adds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace pawl::app {

// "https://desk.example", "http://127.0.0.1:3000": a scheme and a host in lower case, perhaps a
// port, nothing behind it. "*" and "null" are no origins.
bool is_origin(std::string_view text);

class Cors {
 public:
  Cors() = default;
  explicit Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {}

  bool enabled() const { return !origins_.empty(); }
  // A browser's question before a request (OPTIONS with Origin and Access-Control-Request-Method).
  bool is_preflight(const net::Request& request) const;
  net::Response answer_preflight(const net::Request& request) const;
  // To every other answer: may this origin read it? Caches are told that it depends on the origin.
  void add_headers(const net::Request& request, net::Response& response) const;

 private:
  bool allows(std::string_view origin) const;

  std::vector<std::string> origins_;
};

}  // namespace pawl::app
