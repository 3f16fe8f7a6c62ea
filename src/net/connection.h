// SPDX-License-Identifier: Apache-2.0
//
// The life of one connection: read a request, find its route, read the body, let the handler
// answer, write, again; or write an event stream until it ends. It holds no buffer while it waits
// for a request. Private to net.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <expected>
#include <memory>
#include <optional>
#include <utility>

#include "net/event_stream.h"
#include "net/exchange.h"
#include "net/request_parser.h"
#include "net/response_writer.h"
#include "net/stream.h"
#include "net/worker.h"

namespace pawl::net {

namespace asio = boost::asio;

// What the socket says about the other side.
struct Peer {
  std::string address;  // "127.0.0.1"
  bool tls = false;
};

bool is_request_id(std::string_view text);

class Connection final : public ConnectionBase, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Worker& worker, std::unique_ptr<Stream> stream, Peer peer);
  ~Connection() override;

  // Ends when the connection does.
  asio::awaitable<void> run();

 private:
  static constexpr std::size_t read_piece = 4096;
  static constexpr std::size_t body_read_piece = 65'536;
  static constexpr std::size_t linger_bytes = std::size_t{16} << 20;
  // For a peer that may still be sending what was refused, and for one that has said all.
  static constexpr unsigned long_linger_ms = 2'000;
  static constexpr unsigned short_linger_ms = 250;

  using Match = std::expected<RouteMatch, Response>;

  // False: the connection ends without a further answer.
  asio::awaitable<bool> open();
  asio::awaitable<bool> wait_for_request();
  // True when another request may follow.
  asio::awaitable<bool> serve_one();
  // False: the connection ends, with refusal_ as its last answer if there is one.
  asio::awaitable<bool> read_header();
  asio::awaitable<bool> read_body(const Match& match);
  // The filters, and then the route's handler or the refusal. Nothing when the connection died.
  asio::awaitable<std::optional<Response>> ask(Match& match);
  asio::awaitable<bool> write(const Response& response, bool keep_alive);
  asio::awaitable<bool> write_continue();
  asio::awaitable<bool> write_out();
  asio::awaitable<bool> end_with_refusal();
  asio::awaitable<bool> end_with(Response refusal);
  asio::awaitable<void> linger(unsigned linger_ms);
  asio::awaitable<bool> read_some(std::size_t piece);

  // connection_events.cpp
  asio::awaitable<void> serve_events(const Response& response);
  asio::awaitable<bool> write_events(EventBody& body, std::string& events);
  asio::awaitable<void> sleep_until_events();
  void watch_input();

  void feed();
  bool skip_empty_lines();
  void take_request_id();
  void time_out(std::string_view what);
  void release_buffers();
  ResponseFrame frame(bool keep_alive) const;
  void set_deadline(unsigned ms);
  void interrupt() override;
  void wake() override;
  bool has_input() override;

  Worker& worker_;
  ServerShared& shared_;
  const ServerOptions& options_;
  std::unique_ptr<Stream> stream_;
  std::shared_ptr<Sleeper> sleeper_;
  Peer peer_;
  boost::beast::flat_buffer buffer_;
  std::string out_;
  std::shared_ptr<Exchange> exchange_;
  std::optional<RequestParser> parser_;  // refers into exchange_
  std::optional<Refusal> refusal_;
  bool served_ = false;      // a request has begun, ever
  bool received_ = false;    // a byte of the present one has come
  bool watching_ = false;    // a wait for input is under way beside an event stream
  bool input_came_ = false;  // and it has ended
  std::list<ConnectionBase*>::iterator place_;
};

}  // namespace pawl::net
