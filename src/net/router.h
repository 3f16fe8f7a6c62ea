// SPDX-License-Identifier: Apache-2.0
//
// Routes: which handler answers a method and a path, and the Responder through which it does, now
// or later, from any thread. Filled once at the start, then only read, so it needs no lock. Reading
// the socket and its limits are left to the server.
#pragma once

#include <pawl/error.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/declaration.h"
#include "net/http.h"

namespace pawl::net {

inline constexpr ErrorCode no_such_route{"no_such_route", ErrorClass::not_found,
                                         "There is nothing at this path"};
inline constexpr ErrorCode method_not_allowed{"method_not_allowed", ErrorClass::invalid,
                                              "This path does not know the method"};
inline constexpr ErrorCode target_invalid{"target_invalid", ErrorClass::invalid,
                                          "The request target is malformed"};
inline constexpr ErrorCode no_answer{"no_answer", ErrorClass::defect,
                                     "The request was dropped without an answer"};
inline constexpr ErrorCode handler_defect{"defect", ErrorClass::defect,
                                          "The request could not be handled"};
inline constexpr ErrorCode route_invalid{"route_invalid", ErrorClass::defect,
                                         "A route is declared wrongly"};

inline constexpr std::size_t max_path_segments = 32;
inline constexpr std::size_t max_query_parameters = 64;

// The one answer to one request. Movable, not copyable; the first call answers, later calls do
// nothing; destroyed uncalled it answers 500 `no_answer`. Any thread may call or destroy it, also
// after the server is gone (then nothing happens).
class Responder {
 public:
  using Sink = std::move_only_function<void(Response)>;

  Responder() = default;  // answers nobody
  explicit Responder(Sink sink) : sink_(std::move(sink)) {}
  Responder(Responder&& other) noexcept;
  Responder& operator=(Responder&& other) noexcept;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();

  void operator()(Response response);
  void operator()(const Error& error);  // its problem()

 private:
  Sink sink_;  // empty once called
};

// The request stays valid until the handler returns and as long as the Responder is not called.
// It runs on a server thread: one that would wait hands the Responder to somebody and returns.
using Handler = std::function<void(const Request&, Responder)>;

struct RouteOptions {
  static constexpr std::size_t default_max_body_bytes = std::size_t{64} << 10;
  std::size_t max_body_bytes = default_max_body_bytes;
  // Null: only an administrator may ask, and the route is in no document.
  std::shared_ptr<const RouteDeclaration> declaration{};
};

inline RouteOptions declared(RouteDeclaration declaration) {
  return {.declaration = std::make_shared<const RouteDeclaration>(std::move(declaration))};
}

struct Route {
  std::string method;
  std::string pattern;  // as declared: what metrics and logs may name without growing for ever
  Handler handler;
  RouteOptions options;
};

// What a request line leads to. The parameters are those of Request.
struct RouteMatch {
  const Route* route = nullptr;
  std::string path;
  std::vector<Parameter> path_parameters;
  std::vector<Parameter> query_parameters;
};

// What a request is about to get: exactly one of the two is set.
struct Destination {
  const Route* route = nullptr;       // whose handler is next
  const Response* refusal = nullptr;  // the answer of the server itself: 404, 405 (with Allow), ...
};

// Runs before the handler and on its thread, in the order of Router::add_filter. It gives back the
// Responder for those behind it: the one it was given, or one that wraps it to add headers, count
// or time (the wrap runs on whatever thread answers). One that answers itself (401, 429, 304, a
// preflight) gives back nothing, and then neither a later filter nor the handler is asked. It may
// fill in the request. It sees all requests: those that match no route, and those that the server
// refuses while it reads (400, 408, 413, 414, 417, 431, 501; the method is empty if the request
// line was not understood). Not seen: connections that are refused as such. Whoever counts sets
// Request::on_end instead of wrapping: the wrap sees what the handler said, be it too late.
using Filter = std::function<std::optional<Responder>(const Destination&, Request&, Responder)>;

// Runs the handler; what it throws becomes a 500 problem `defect` and a log line.
void run_handler(const Route& route, const Request& request, Responder responder);

class Router {
 public:
  Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  // pattern: "/otc/orders/{id}/match"; a name stands for one non-empty segment, and a literal
  // segment is preferred to a name. GET also serves HEAD. A mistake (a bad pattern, the same
  // method and pattern twice, two names for one place) is kept for defect() and Server::start().
  void add(std::string_view method, std::string_view pattern, Handler handler,
           RouteOptions options = {});

  // The route, or the problem to answer: 404 no_such_route, 405 with Allow, 400 target_invalid for
  // bad percent-encoding or bytes that are not UTF-8. A segment that decodes to hold '/', NUL or
  // "..", is not found.
  std::expected<RouteMatch, Response> find(std::string_view method, std::string_view target) const;

  // Filters run in the order they were added, those of the first call outermost.
  void add_filter(Filter filter);
  // Lets the filters see the request, then has the handler answer it, or the refusal. What a filter
  // throws becomes a 500 problem `defect`.
  void dispatch(const Destination& destination, Request& request, Responder responder) const;

  // A schema that declarations name. The same name twice is a mistake.
  void add_schema(std::string name, std::string json);
  const std::vector<NamedSchema>& schemas() const { return schemas_; }

  // All routes, in the order of their patterns. They stay where they are from here on.
  std::vector<const Route*> routes() const;

  // The first mistake made in add(), add_schema() or add_filter(), if any.
  const std::optional<Error>& defect() const { return defect_; }

 private:
  struct Node;
  std::unique_ptr<Node> root_;
  std::vector<Filter> filters_;
  std::vector<NamedSchema> schemas_;
  std::optional<Error> defect_;
};

}  // namespace pawl::net
