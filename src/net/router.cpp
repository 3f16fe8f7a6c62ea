// SPDX-License-Identifier: Apache-2.0
//
// The routes as a tree of path segments: literals in order, at most one name a level. Looking up
// tries the literal first and then the name, so it visits at most 2^n nodes of the tree that was
// declared, and in practice one a segment.
#include "net/router.h"

#include <pawl/log.h>

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>
#include <tuple>
#include <utility>

#include "core/utf8.h"
#include "net/target.h"

namespace pawl::net {

Responder::Responder(Responder&& other) noexcept : sink_(std::exchange(other.sink_, nullptr)) {}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    if (sink_) (*this)(Error(no_answer));
    sink_ = std::exchange(other.sink_, nullptr);
  }
  return *this;
}

Responder::~Responder() {
  if (!sink_) return;
  // Dropped by an exception that leaves the handler, or forgotten by whoever was to answer.
  (*this)(Error(std::uncaught_exceptions() > 0 ? handler_defect : no_answer));
}

void Responder::operator()(Response response) {
  if (Sink sink = std::exchange(sink_, nullptr)) sink(std::move(response));
}

void Responder::operator()(const Error& error) {
  (*this)(problem(error));
}

namespace {

void log_throw(const Request& request, std::string_view what) {
  log::error("handler_threw", {{"method", request.method},
                               {"path", request.path},
                               {"request_id", request.request_id},
                               {"what", what}});
}

}  // namespace

void run_handler(const Route& route, const Request& request, Responder responder) {
  // What the throw unwinds includes the responder, unless the handler gave it away: then it is
  // that one's to answer.
  try {
    route.handler(request, std::move(responder));
  } catch (const std::exception& e) {
    log_throw(request, e.what());
  } catch (...) {
    log_throw(request, "not a std::exception");
  }
}

void Router::add_filter(Filter filter) {
  if (!filter) {
    if (!defect_) defect_.emplace(route_invalid, "a filter is empty");
    return;
  }
  filters_.push_back(std::move(filter));
}

void Router::dispatch(const Destination& destination, Request& request, Responder responder) const {
  try {
    for (const Filter& filter : filters_) {
      std::optional<Responder> next = filter(destination, request, std::move(responder));
      if (!next) return;
      responder = std::move(*next);
    }
  } catch (const std::exception& e) {
    return log_throw(request, e.what());
  } catch (...) {
    return log_throw(request, "not a std::exception");
  }
  if (destination.route == nullptr) return responder(*destination.refusal);
  run_handler(*destination.route, request, std::move(responder));
}

struct Router::Node {
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> literals;
  std::string name;  // of the parameter below; empty: none
  std::unique_ptr<Node> named;
  std::vector<Route> routes;  // one a method
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

namespace {

// The segments of a path that begins with '/': "/" has none, "/a/" has "a" and "".
struct Segments {
  std::array<std::string_view, max_path_segments> at;
  std::size_t count = 0;
  bool too_many = false;
};

Segments split_path(std::string_view path) {
  Segments out;
  path.remove_prefix(1);
  while (!path.empty() || out.count > 0) {
    if (out.count == out.at.size()) {
      out.too_many = true;
      return out;
    }
    const std::size_t end = path.find('/');
    out.at[out.count++] = path.substr(0, end);
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  return out;
}

// "{id}" gives "id", a literal gives nothing.
std::optional<std::string_view> name_in(std::string_view segment) {
  if (!segment.starts_with('{') || !segment.ends_with('}')) return std::nullopt;
  return segment.substr(1, segment.size() - 2);
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_literal(std::string_view text) {
  return !text.empty() && text.find_first_of("{}%?#") == std::string_view::npos;
}

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, Handler handler,
                 RouteOptions options) {
  const auto mistake = [&](std::string_view what) {
    if (defect_) return;
    defect_.emplace(route_invalid,
                    std::string(method) + " " + std::string(pattern) + ": " + std::string(what));
  };
  if (!pattern.starts_with('/')) return mistake("a pattern begins with /");
  if (!handler) return mistake("the handler is empty");
  const Segments segments = split_path(pattern);
  if (segments.too_many) return mistake("too many segments");

  Node* node = root_.get();
  for (std::size_t i = 0; i < segments.count; ++i) {
    const std::string_view segment = segments.at[i];
    if (const std::optional<std::string_view> name = name_in(segment)) {
      if (!is_name(*name)) return mistake("a name is of a-z, 0-9 and _");
      if (node->named && node->name != *name)
        return mistake("this place has the name " + node->name);
      if (!node->named) node->named = std::make_unique<Node>();
      node->name = *name;
      node = node->named.get();
      continue;
    }
    if (!is_literal(segment)) return mistake("a segment is empty or holds one of {}%?#");
    auto found = std::find_if(node->literals.begin(), node->literals.end(),
                              [&](const auto& entry) { return entry.first == segment; });
    if (found == node->literals.end()) {
      node->literals.emplace_back(std::string(segment), std::make_unique<Node>());
      found = std::prev(node->literals.end());
    }
    node = found->second.get();
  }
  for (const Route& route : node->routes) {
    if (route.method == method) return mistake("declared twice");
  }
  node->routes.push_back(
      Route{std::string(method), std::string(pattern), std::move(handler), std::move(options)});
}

void Router::add_schema(std::string name, std::string json) {
  for (const NamedSchema& schema : schemas_) {
    if (schema.name != name) continue;
    if (!defect_) defect_.emplace(route_invalid, "two schemas have the name " + name);
    return;
  }
  schemas_.push_back({std::move(name), std::move(json)});
}

namespace {

template <class Node>
void collect(const Node& node, std::vector<const Route*>& out) {
  for (const Route& route : node.routes) out.push_back(&route);
  for (const auto& [literal, child] : node.literals) collect(*child, out);
  if (node.named) collect(*node.named, out);
}

}  // namespace

std::vector<const Route*> Router::routes() const {
  std::vector<const Route*> out;
  collect(*root_, out);
  std::sort(out.begin(), out.end(), [](const Route* a, const Route* b) {
    return std::tie(a->pattern, a->method) < std::tie(b->pattern, b->method);
  });
  return out;
}

namespace {

// Walks the tree; the segments are decoded. NodePtr is const Router::Node*, which only the Router
// can name.
template <class NodePtr>
NodePtr walk(NodePtr node, const Segments& segments, std::size_t i,
             std::vector<Parameter>& parameters) {
  if (i == segments.count) return node->routes.empty() ? nullptr : node;
  const std::string_view segment = segments.at[i];
  for (const auto& [literal, child] : node->literals) {
    if (literal != segment) continue;
    if (NodePtr found = walk<NodePtr>(child.get(), segments, i + 1, parameters)) return found;
  }
  if (!node->named || segment.empty()) return nullptr;
  parameters.push_back({node->name, std::string(segment)});
  if (NodePtr found = walk<NodePtr>(node->named.get(), segments, i + 1, parameters)) return found;
  parameters.pop_back();
  return nullptr;
}

const Route* route_of(const std::vector<Route>& routes, std::string_view method) {
  for (const Route& route : routes) {
    if (route.method == method) return &route;
  }
  return method == "HEAD" ? route_of(routes, "GET") : nullptr;
}

Response refuse_method(const std::vector<Route>& routes) {
  std::string allow;
  for (const Route& route : routes) {
    if (!allow.empty()) allow += ", ";
    allow += route.method;
    if (route.method == "GET") allow += ", HEAD";
  }
  Response response = problem_with_status({method_not_allowed, "allowed: " + allow}, 405);
  response.headers.push_back({"Allow", allow});
  return response;
}

bool is_forbidden(std::string_view segment) {
  return segment.find_first_of(std::string_view("/\0", 2)) != std::string_view::npos ||
         segment.find("..") != std::string_view::npos;
}

// Decodes in place what is encoded; `storage` keeps the decoded text.
std::optional<Error> decode(Segments& segments, std::vector<std::string>& storage) {
  storage.reserve(segments.count);  // the views must not move
  for (std::size_t i = 0; i < segments.count; ++i) {
    std::string_view& segment = segments.at[i];
    if (segment.find('%') != std::string_view::npos) {
      std::optional<std::string> decoded = percent_decode(segment, false);
      if (!decoded) return Error(target_invalid, "a % needs two hex digits after it");
      segment = storage.emplace_back(std::move(*decoded));
    }
    if (!utf8::is_valid(segment)) return Error(target_invalid, "the path is not UTF-8");
    if (is_forbidden(segment)) return Error(no_such_route);
  }
  return std::nullopt;
}

}  // namespace

std::expected<RouteMatch, Response> Router::find(std::string_view method,
                                                 std::string_view target) const {
  const auto refuse = [](const Error& error) { return std::unexpected(problem(error)); };
  const std::optional<Target> parts = split_target(target);
  if (!parts) return refuse({target_invalid, "expected a path that begins with /"});
  Segments segments = split_path(parts->path);
  if (segments.too_many) return refuse(Error(no_such_route));
  std::vector<std::string> storage;
  if (const std::optional<Error> error = decode(segments, storage)) return refuse(*error);

  RouteMatch match;
  const Node* node = walk<const Node*>(root_.get(), segments, 0, match.path_parameters);
  if (node == nullptr) return refuse(Error(no_such_route));
  match.route = route_of(node->routes, method);
  if (match.route == nullptr) return std::unexpected(refuse_method(node->routes));
  std::optional<std::vector<Parameter>> query = parse_query(parts->query);
  if (!query) {
    return refuse({target_invalid, "the query is badly encoded, not UTF-8, or has more than " +
                                       std::to_string(max_query_parameters) + " parameters"});
  }
  match.path = parts->path;
  match.query_parameters = std::move(*query);
  return match;
}

}  // namespace pawl::net
