// SPDX-License-Identifier: Apache-2.0
//
// HTTP messages as plain data, for handlers, the server and the client alike, and the one way an
// Error becomes an answer (RFC 9457). No sockets here and no parsing.
#pragma once

#include <pawl/error.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace pawl::net {

// What a client should wait before it asks again, in answers of class unavailable and in_doubt.
inline constexpr unsigned retry_after_seconds = 1;

class EventBody;  // event_stream.h

struct Header {
  std::string name;
  std::string value;
};

// A path or query parameter, decoded, valid UTF-8.
struct Parameter {
  std::string name;
  std::string value;
};

// The first header of that name, letters' case ignored (RFC 9110 section 5.1); the view lives as
// long as the vector is unchanged.
std::optional<std::string_view> find_header(const std::vector<Header>& headers,
                                            std::string_view name);
bool equal_ignoring_case(std::string_view a, std::string_view b);

struct Request {
  std::string method;        // as sent, upper case for all known ones: "GET"
  std::string target;        // as sent: "/otc/orders/7?limit=10"
  std::string path;          // the target without query, still percent-encoded
  std::string peer_address;  // of the socket, never from a forwarded header: "127.0.0.1"
  bool tls = false;          // came over a TLS connection of this server
  std::vector<Parameter> path_parameters;
  std::vector<Parameter> query_parameters;  // '+' and %XX decoded, in order, repeats kept
  std::vector<Header> headers;              // without the forwarding ones
  std::string body;
  std::string request_id;  // also in the answer's X-Request-Id

  // X-Forwarded-For and Forwarded as they stood, in order. Anybody can write them: they say
  // something only to whoever knows which peers are proxies.
  std::vector<Header> forwarding_headers;

  // What filters found out; empty where none looked.
  std::string client_address;  // behind the trusted proxies; else the peer
  std::string token_id;        // of the token that was shown and is good
  std::string trace_id;        // of the W3C trace context, given or made

  // Set by a filter that counts or logs: told once how the request ended, with the status that its
  // client gets, also where the server answers in the handler's place (503 answer_timed_out, 503
  // too_many_streams). On any thread, before the client gets it, and under a lock: short.
  std::function<void(const Request&, unsigned status)> on_end{};

  // A parameter of the route's pattern; empty when the pattern has no such name.
  std::string_view param(std::string_view name) const;
  // The first query parameter of that name.
  std::optional<std::string> query(std::string_view name) const;
  std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

// From a handler: the server adds Content-Length, Connection and X-Request-Id itself and drops
// those names, and any header that would break the message, from `headers`. From the client: the
// answer as it came, with all its headers.
struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";  // empty: no Content-Type
  std::string body{};
  std::vector<Header> headers{};
  // Of EventStream::response() only: what follows the head instead of `body`.
  std::shared_ptr<EventBody> events{};

  std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

// A further member of a problem, beside type, title, status, code and detail.
struct ProblemMember {
  std::string name;
  json::Value value;
};

// The HTTP status of an error class, the same for the whole API.
unsigned status_of(ErrorClass error_class);

// RFC 9457 application/problem+json. The detail of classes defect and corrupt is left out, since it
// speaks of our insides; unavailable and in_doubt carry Retry-After, unauthorized WWW-Authenticate.
Response problem(const Error& error, const std::vector<ProblemMember>& extra = {});
// The same with a status that says more than the class does (405, 414, 431).
Response problem_with_status(const Error& error, unsigned status,
                             const std::vector<ProblemMember>& extra = {});

}  // namespace pawl::net
