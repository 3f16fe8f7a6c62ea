// SPDX-License-Identifier: Apache-2.0
//
// The life of one connection: read a request, find its route, read the body, let the handler
// answer, write, again. Written once over a stream type that has
//   next()    what Asio reads from and writes to
//   lowest()  the TCP socket below
//   open()    a coroutine: what comes before the first byte (nothing, or a TLS handshake)
//   finish()  a coroutine: says to the peer that nothing more will be sent
// so that TLS is another stream and not another loop. Private to net.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "net/exchange.h"
#include "net/request_parser.h"
#include "net/response_writer.h"
#include "net/worker.h"

namespace pawl::net {

namespace asio = boost::asio;

struct PlainStream {
  explicit PlainStream(asio::ip::tcp::socket s) : socket(std::move(s)) {}
  asio::ip::tcp::socket& next() { return socket; }
  asio::ip::tcp::socket& lowest() { return socket; }
  asio::awaitable<bool> open() { co_return true; }
  asio::awaitable<void> finish() {
    boost::system::error_code ignored;
    socket.shutdown(asio::socket_base::shutdown_send, ignored);
    co_return;
  }
  asio::ip::tcp::socket socket;
};

bool is_request_id(std::string_view text);

template <class Stream>
class Connection final : public ConnectionBase {
 public:
  Connection(Worker& worker, Stream stream, std::string peer_address)
      : worker_(worker),
        shared_(worker.shared()),
        options_(shared_.options),
        stream_(std::move(stream)),
        sleeper_(std::make_shared<Sleeper>(stream_.lowest().get_executor())),
        peer_address_(std::move(peer_address)),
        buffer_(buffer_limit(options_)),
        place_(worker.enter(*this)) {}

  ~Connection() override {
    if (exchange_) exchange_->abandon();
    worker_.leave(place_);
  }

  // Ends when the connection does.
  asio::awaitable<void> run() {
    set_deadline(options_.header_timeout_ms);
    if (!co_await stream_.open()) co_return;
    bool open = true;
    while (open && !dead_) open = co_await serve_one();
  }

 private:
  static constexpr std::size_t read_piece = 4096;
  static constexpr std::size_t body_read_piece = 65'536;
  static constexpr std::size_t kept_capacity = 65'536;  // what an idle connection may hold on to
  static constexpr std::size_t linger_bytes = std::size_t{16} << 20;
  // For a peer that may still be sending what was refused, and for one that has said all.
  static constexpr unsigned long_linger_ms = 2'000;
  static constexpr unsigned short_linger_ms = 250;

  // Room for what the parser leaves unused of a header, and for a good piece of a body.
  static std::size_t buffer_limit(const ServerOptions& options) {
    return options.max_header_bytes + options.max_target_bytes + body_read_piece;
  }

  // True when another request may follow.
  asio::awaitable<bool> serve_one() {
    exchange_ = std::make_shared<Exchange>();
    Request& request = exchange_->request;
    request.peer_address = peer_address_;
    parser_.emplace(request, options_.max_header_bytes, options_.max_target_bytes);
    refusal_.reset();

    if (!co_await read_header()) co_return co_await end_with_refusal();
    take_request_id();
    std::expected<RouteMatch, Response> match = shared_.router.find(request.method, request.target);
    if (!co_await read_body(match)) {
      // Of two reasons the route's says more: there is nothing here to send a body to.
      if ((refusal_ || parser_->refusal()) && !match)
        co_return co_await end_with(std::move(match.error()));
      co_return co_await end_with_refusal();
    }
    std::optional<Response> response = co_await ask(match);
    if (!response) co_return false;
    const bool keep = parser_->keep_alive() && !(closing_ && buffer_.size() == 0);
    if (!co_await write(*response, keep)) co_return false;
    if (!keep) co_await linger();
    co_return keep;
  }

  // False: the connection ends, with refusal_ as its last answer if there is one.
  asio::awaitable<bool> read_header() {
    if (buffer_.size() == 0) {
      if (closing_ && !has_input()) co_return false;
      trim();
      // The first request's time runs from the connection's start.
      if (served_) set_deadline(options_.idle_timeout_ms);
      idle_ = true;
      const bool more = co_await read_some(read_piece);
      idle_ = false;
      if (!more) co_return false;
    }
    served_ = true;
    set_deadline(options_.header_timeout_ms);
    for (;;) {
      if (skip_empty_lines()) feed();
      if (parser_->refusal()) co_return false;
      if (parser_->header_done()) co_return true;
      if (!co_await read_some(read_piece)) {
        if (expired_) time_out("the headers");
        co_return false;
      }
    }
  }

  asio::awaitable<bool> read_body(const std::expected<RouteMatch, Response>& match) {
    const RouteOptions route_options = match ? match->route->options : RouteOptions{};
    parser_->limit_body(route_options.max_body_bytes);
    if (parser_->refusal()) co_return false;
    if (parser_->done()) co_return true;
    set_deadline(options_.body_timeout_ms);
    if (parser_->wants_continue() && buffer_.size() == 0) {
      if (!match) {
        // What the client would send now is of no use, and it did not send it yet.
        refusal_.emplace(Refusal{Error(no_such_route), 404});
        co_return false;
      }
      if (!co_await write_continue()) co_return false;
    }
    for (;;) {
      if (buffer_.size() > 0) feed();
      if (parser_->refusal()) co_return false;
      if (parser_->done()) co_return true;
      if (!co_await read_some(body_read_piece)) {
        if (expired_) time_out("the body");
        co_return false;
      }
    }
  }

  // The filters, and then the route's handler or the refusal. Nothing when the connection died.
  asio::awaitable<std::optional<Response>> ask(std::expected<RouteMatch, Response>& match) {
    Request& request = exchange_->request;
    Destination destination;
    if (match) {
      request.path = std::move(match->path);
      request.path_parameters = std::move(match->path_parameters);
      request.query_parameters = std::move(match->query_parameters);
      destination.route = match->route;
    } else {
      destination.refusal = &match.error();
    }
    set_deadline(options_.answer_timeout_ms);
    shared_.router.dispatch(destination, request, exchange_->responder());
    for (;;) {
      std::optional<Response> response = exchange_->take_or_wake(sleeper_);
      if (response || dead_) co_return response;
      if (expired_) {
        exchange_->abandon();
        co_return problem(Error(answer_timed_out));
      }
      co_await sleeper_->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

  asio::awaitable<bool> write(const Response& response, bool keep_alive) {
    const Request& request = exchange_->request;
    out_.clear();
    write_response(out_, response,
                   ResponseFrame{.request_id = request.request_id,
                                 .keep_alive = keep_alive,
                                 .http_1_1 = parser_->is_http_1_1(),
                                 .head_only = request.method == "HEAD"});
    return write_out();
  }

  asio::awaitable<bool> write_continue() {
    out_ = "HTTP/1.1 100 Continue\r\n\r\n";
    return write_out();
  }

  asio::awaitable<bool> write_out() {
    set_deadline(options_.write_timeout_ms);
    const auto [ec, n] = co_await asio::async_write(stream_.next(), asio::buffer(out_),
                                                    asio::as_tuple(asio::use_awaitable));
    co_return !ec && !expired_ && !dead_;
  }

  asio::awaitable<bool> end_with_refusal() {
    if (!refusal_ && parser_->refusal()) refusal_ = parser_->refusal();
    if (!refusal_ || dead_) return end_silently();
    return end_with(problem_with_status(refusal_->error, refusal_->status));
  }

  asio::awaitable<bool> end_silently() { co_return false; }

  asio::awaitable<bool> end_with(Response refusal) {
    take_request_id();
    std::expected<RouteMatch, Response> no_match = std::unexpected(std::move(refusal));
    const std::optional<Response> response = co_await ask(no_match);
    if (!response) co_return false;
    const bool written = co_await write(*response, false);
    if (written) co_await linger();
    co_return false;
  }

  // Closing with unread input makes the kernel send a reset, which can take the answer from the
  // peer; so say that we are done and read on for a bounded while until the peer is, too.
  asio::awaitable<void> linger() {
    const unsigned linger_ms = parser_->done() ? short_linger_ms : long_linger_ms;
    set_deadline(std::min(linger_ms, options_.write_timeout_ms));
    co_await stream_.finish();
    // No co_await inside a condition with &&: g++ 12 resumes such a loop at the wrong place.
    bool more = true;
    for (std::size_t dropped = 0; more && dropped < linger_bytes;) {
      dropped += buffer_.size();
      buffer_.clear();
      more = co_await read_some(body_read_piece);
    }
  }

  asio::awaitable<bool> read_some(std::size_t piece) {
    const std::size_t room = std::min(piece, buffer_.max_size() - buffer_.size());
    if (room == 0) {
      refusal_.emplace(Refusal{{request_malformed, "a line of the body is too long"}, 400});
      co_return false;
    }
    const auto [ec, n] = co_await stream_.next().async_read_some(
        buffer_.prepare(room), asio::as_tuple(asio::use_awaitable));
    buffer_.commit(n);
    co_return !ec && !expired_ && !dead_;
  }

  void feed() {
    const auto data = buffer_.cdata();
    buffer_.consume(parser_->feed({static_cast<const char*>(data.data()), data.size()}));
  }

  // RFC 9112 section 2.2: empty lines before a request line are to be ignored. False while what is
  // there may still turn out to be one.
  bool skip_empty_lines() {
    if (!exchange_->request.method.empty()) return true;
    for (;;) {
      const std::string_view text(static_cast<const char*>(buffer_.cdata().data()), buffer_.size());
      if (!text.starts_with("\r\n")) return !text.empty() && text != "\r";
      buffer_.consume(2);
    }
  }

  void take_request_id() {
    Request& request = exchange_->request;
    if (!request.request_id.empty()) return;
    const std::optional<std::string_view> given = request.header("X-Request-Id");
    request.request_id =
        given && is_request_id(*given) ? std::string(*given) : shared_.make_request_id();
  }

  void time_out(std::string_view what) {
    refusal_.emplace(
        Refusal{{request_timed_out, std::string(what) + " did not come in time"}, 408});
  }

  void trim() {
    if (buffer_.capacity() > kept_capacity) {
      buffer_ = boost::beast::flat_buffer(buffer_limit(options_));
    }
    if (out_.capacity() > kept_capacity) out_ = std::string();
  }

  void set_deadline(unsigned ms) {
    expired_ = false;
    deadline_ = Clock::now() + std::chrono::milliseconds(ms);
  }

  void interrupt() override {
    boost::system::error_code ignored;
    stream_.lowest().cancel(ignored);
    sleeper_->timer.cancel();
  }

  bool has_input() override {
    boost::system::error_code ec;
    return stream_.lowest().available(ec) > 0 && !ec;
  }

  Worker& worker_;
  ServerShared& shared_;
  const ServerOptions& options_;
  Stream stream_;
  std::shared_ptr<Sleeper> sleeper_;
  std::string peer_address_;
  boost::beast::flat_buffer buffer_;
  std::string out_;
  std::shared_ptr<Exchange> exchange_;
  std::optional<RequestParser> parser_;  // refers into exchange_
  std::optional<Refusal> refusal_;
  bool served_ = false;
  std::list<ConnectionBase*>::iterator place_;
};

}  // namespace pawl::net
