// SPDX-License-Identifier: Apache-2.0
//
// What a co_await gives is named before it is looked at: with one in an if's condition and a && in
// the body, g++ 12 resumes the coroutine at the wrong place.
#include "net/connection.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace pawl::net {
namespace {

// Room for what the parser leaves unused of a header, and for a good piece of a body.
std::size_t buffer_limit(const ServerOptions& options, std::size_t body_piece) {
  return options.max_header_bytes + options.max_target_bytes + body_piece;
}

}  // namespace

Connection::Connection(Worker& worker, std::unique_ptr<Stream> stream, Peer peer)
    : worker_(worker),
      shared_(worker.shared()),
      options_(shared_.options),
      stream_(std::move(stream)),
      sleeper_(std::make_shared<Sleeper>(stream_->socket().get_executor())),
      peer_(std::move(peer)),
      buffer_(buffer_limit(options_, body_read_piece)),
      place_(worker.enter(*this)) {}

Connection::~Connection() {
  if (exchange_) exchange_->abandon();
  shared_.peers.leave(peer_.address);
  worker_.leave(place_);
}

asio::awaitable<void> Connection::run() {
  bool more = co_await open();
  while (more) {
    if (buffer_.size() == 0) more = co_await wait_for_request();
    if (more) more = co_await serve_one();
    if (dead_) more = false;
  }
}

asio::awaitable<bool> Connection::open() {
  set_deadline(peer_.tls ? options_.handshake_timeout_ms : options_.header_timeout_ms);
  const Stream::error_code ec = co_await stream_->open();
  if (ec) shared_.handshake_failures.fetch_add(1, std::memory_order_relaxed);
  if (ec && !expired_ && !dead_) co_await linger(short_linger_ms);
  // The first request's time runs from here.
  if (peer_.tls) set_deadline(options_.header_timeout_ms);
  co_return !ec && !expired_ && !dead_;
}

asio::awaitable<bool> Connection::wait_for_request() {
  if (closing_ && !has_input()) co_return false;
  release_buffers();
  if (served_) set_deadline(options_.idle_timeout_ms);
  idle_ = true;
  const Stream::error_code ec = co_await stream_->wait_readable();
  idle_ = false;
  co_return !ec && !expired_ && !dead_;
}

asio::awaitable<bool> Connection::serve_one() {
  exchange_ = std::make_shared<Exchange>();
  Request& request = exchange_->request;
  request.peer_address = peer_.address;
  request.tls = peer_.tls;
  parser_.emplace(request, options_.max_header_bytes, options_.max_target_bytes);
  refusal_.reset();

  const bool header = co_await read_header();
  if (!header) co_return co_await end_with_refusal();
  take_request_id();
  Match match = shared_.router.find(request.method, request.target);
  const bool body = co_await read_body(match);
  if (!body) {
    // Of two reasons the route's says more: there is nothing here to send a body to.
    if ((refusal_ || parser_->refusal()) && !match)
      co_return co_await end_with(std::move(match.error()));
    co_return co_await end_with_refusal();
  }
  std::optional<Response> response = co_await ask(match);
  if (!response) co_return false;
  if (response->events) {
    co_await serve_events(*response);
    co_return false;
  }
  const bool keep = parser_->keep_alive() && !(closing_ && buffer_.size() == 0);
  const bool written = co_await write(*response, keep);
  if (!written) co_return false;
  if (!keep) co_await linger(short_linger_ms);
  co_return keep;
}

asio::awaitable<bool> Connection::read_header() {
  received_ = buffer_.size() > 0;
  served_ = true;
  set_deadline(options_.header_timeout_ms);
  for (;;) {
    if (skip_empty_lines()) feed();
    if (parser_->refusal()) co_return false;
    if (parser_->header_done()) co_return true;
    const bool more = co_await read_some(read_piece);
    if (more) continue;
    if (expired_ && received_) time_out("the headers");
    co_return false;
  }
}

asio::awaitable<bool> Connection::read_body(const Match& match) {
  // No temporary RouteOptions here: it would be copied for each request.
  const std::size_t max_body_bytes =
      match ? match->route->options.max_body_bytes : RouteOptions::default_max_body_bytes;
  parser_->limit_body(max_body_bytes);
  if (parser_->refusal()) co_return false;
  if (parser_->done()) co_return true;
  set_deadline(options_.body_timeout_ms);
  if (parser_->wants_continue() && buffer_.size() == 0) {
    if (!match) {
      // What the client would send now is of no use, and it did not send it yet.
      refusal_.emplace(Refusal{Error(no_such_route), 404});
      co_return false;
    }
    const bool written = co_await write_continue();
    if (!written) co_return false;
    set_deadline(options_.body_timeout_ms);
  }
  for (;;) {
    if (buffer_.size() > 0) feed();
    if (parser_->refusal()) co_return false;
    if (parser_->done()) co_return true;
    const bool more = co_await read_some(body_read_piece);
    if (more) continue;
    if (expired_) time_out("the body");
    co_return false;
  }
}

asio::awaitable<std::optional<Response>> Connection::ask(Match& match) {
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
      Response late = problem(Error(answer_timed_out));
      std::optional<Response> in_time = exchange_->give_up(late.status);
      if (in_time) co_return in_time;
      co_return late;
    }
    co_await sleeper_->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

ResponseFrame Connection::frame(bool keep_alive) const {
  const Request& request = exchange_->request;
  return ResponseFrame{.request_id = request.request_id,
                       .keep_alive = keep_alive,
                       .http_1_1 = parser_->is_http_1_1(),
                       .head_only = request.method == "HEAD"};
}

asio::awaitable<bool> Connection::write(const Response& response, bool keep_alive) {
  out_.clear();
  write_response(out_, response, frame(keep_alive));
  return write_out();
}

asio::awaitable<bool> Connection::write_continue() {
  out_ = "HTTP/1.1 100 Continue\r\n\r\n";
  return write_out();
}

asio::awaitable<bool> Connection::write_out() {
  set_deadline(options_.write_timeout_ms);
  const Stream::error_code ec = co_await stream_->write(asio::buffer(out_));
  co_return !ec && !expired_ && !dead_;
}

asio::awaitable<bool> Connection::end_with_refusal() {
  if (!refusal_ && parser_->refusal()) refusal_ = parser_->refusal();
  if (!refusal_ || dead_) co_return false;
  co_return co_await end_with(problem_with_status(refusal_->error, refusal_->status));
}

asio::awaitable<bool> Connection::end_with(Response refusal) {
  take_request_id();
  Match no_match = std::unexpected(std::move(refusal));
  const std::optional<Response> response = co_await ask(no_match);
  if (!response) co_return false;
  const bool written = co_await write(*response, false);
  if (written) co_await linger(parser_->done() ? short_linger_ms : long_linger_ms);
  co_return false;
}

// Closing with unread input makes the kernel send a reset, which can take the answer from the
// peer; so say that we are done and read on for a bounded while until the peer is, too.
asio::awaitable<void> Connection::linger(unsigned linger_ms) {
  set_deadline(std::min(linger_ms, options_.write_timeout_ms));
  stream_->finish_sending();
  for (std::size_t dropped = buffer_.size(); dropped < linger_bytes;) {
    buffer_.clear();
    // Of the socket itself: what TLS made of it is not asked any more.
    const auto [ec, n] = co_await stream_->socket().async_read_some(
        buffer_.prepare(body_read_piece), asio::as_tuple(asio::use_awaitable));
    if (ec || expired_ || dead_) co_return;
    dropped += n;
  }
}

asio::awaitable<bool> Connection::read_some(std::size_t piece) {
  const std::size_t room = std::min(piece, buffer_.max_size() - buffer_.size());
  if (room == 0) {
    refusal_.emplace(Refusal{{request_malformed, "a line of the body is too long"}, 400});
    co_return false;
  }
  const Stream::Read read = co_await stream_->read_some(buffer_.prepare(room));
  buffer_.commit(read.bytes);
  if (read.bytes > 0) received_ = true;
  co_return !read.ec && !expired_ && !dead_;
}

void Connection::feed() {
  const auto data = buffer_.cdata();
  buffer_.consume(parser_->feed({static_cast<const char*>(data.data()), data.size()}));
}

// RFC 9112 section 2.2: empty lines before a request line are to be ignored. False while what is
// there may still turn out to be one.
bool Connection::skip_empty_lines() {
  if (!exchange_->request.method.empty()) return true;
  for (;;) {
    const std::string_view text(static_cast<const char*>(buffer_.cdata().data()), buffer_.size());
    if (!text.starts_with("\r\n")) return !text.empty() && text != "\r";
    buffer_.consume(2);
  }
}

void Connection::take_request_id() {
  Request& request = exchange_->request;
  if (!request.request_id.empty()) return;
  const std::optional<std::string_view> given = request.header("X-Request-Id");
  request.request_id =
      given && is_request_id(*given) ? std::string(*given) : shared_.make_request_id();
}

void Connection::time_out(std::string_view what) {
  refusal_.emplace(Refusal{{request_timed_out, std::string(what) + " did not come in time"}, 408});
}

void Connection::release_buffers() {
  parser_.reset();
  exchange_.reset();
  buffer_.shrink_to_fit();
  std::string().swap(out_);
}

void Connection::set_deadline(unsigned ms) {
  expired_ = false;
  deadline_ = Clock::now() + std::chrono::milliseconds(ms);
}

void Connection::interrupt() {
  boost::system::error_code ignored;
  stream_->socket().cancel(ignored);
  sleeper_->timer.cancel();
}

void Connection::wake() {
  sleeper_->timer.cancel();
}

bool Connection::has_input() {
  return stream_->has_input();
}

}  // namespace pawl::net
