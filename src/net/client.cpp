// SPDX-License-Identifier: Apache-2.0
//
// Each exchange is a coroutine on the client's one thread: leave to use a connection, a pooled or a
// fresh one, one write, one answer. Everything that can end it early goes through
// ClientExchange::interrupt(), and everything that waits looks at interruption() afterwards.
#include "net/client.h"

#include <pawl/log.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <map>
#include <thread>
#include <unordered_set>

#include "net/client_pool.h"
#include "net/event_reader.h"
#include "net/response_parser.h"
#include "net/response_writer.h"
#include "net/tls_client.h"

namespace pawl::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Exchange = ClientExchange;

std::string_view to_string(ClientFailure::Kind kind) {
  return kind == ClientFailure::Kind::never_sent ? "never_sent" : "unknown";
}

namespace {

constexpr int max_interim_answers = 8;  // 1xx before the answer itself
constexpr std::size_t read_piece = 16'384;

// What the client says itself; from the caller it could contradict the body that is sent.
bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 4> ours{"Host", "Connection", "Content-Length",
                                                 "Transfer-Encoding"};
  return std::any_of(ours.begin(), ours.end(),
                     [&](std::string_view o) { return equal_ignoring_case(o, name); });
}

std::optional<Error> check(const ClientRequest& request) {
  if (!is_header_name(request.method)) return Error(client_request_invalid, "a bad method");
  for (const Header& header : request.headers) {
    if (!is_header_name(header.name) || !is_header_value(header.value)) {
      return Error(client_request_invalid, "a bad header");
    }
    if (is_ours(header.name)) {
      return Error(client_request_invalid, header.name + " is the client's own header");
    }
  }
  return std::nullopt;
}

std::string write_request(const ClientRequest& request, const Url& url) {
  std::string out;
  out.reserve(512 + request.body.size());
  out.append(request.method).append(" ").append(url.target).append(" HTTP/1.1\r\nHost: ");
  out.append(url.authority).append("\r\n");
  for (const Header& header : request.headers) {
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  const bool usually_has_body =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (!request.body.empty() || usually_has_body) {
    out.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
  }
  out.append("\r\n").append(request.body);
  return out;
}

Error lost(std::string_view when, const error_code& ec) {
  return {client_connection_lost, std::string(when) + ": " + ec.message()};
}

void expect_events(Exchange& x, ResponseParser& parser) {
  if (!x.events) return;
  auto reader = std::make_shared<EventReader>(x.events->max_event_bytes, x.events->on_event);
  parser.stream_events([reader](std::string_view piece) { return reader->feed(piece); });
}

void await_event(Exchange& x) {
  const auto quiet = std::chrono::milliseconds(x.events->quiet_timeout_ms);
  x.set_alarm(Exchange::Clock::now() + quiet, "while the event stream was quiet");
}

}  // namespace

class Client::Impl : public std::enable_shared_from_this<Client::Impl> {
 public:
  explicit Impl(ClientOptions options)
      : options_(std::move(options)), work_(asio::make_work_guard(io_)), reaper_(io_) {}

  void start();
  void stop();
  std::weak_ptr<Exchange> send(ClientRequest request, Done done,
                               std::optional<ClientEvents> events = std::nullopt);
  asio::io_context& io() { return io_; }

 private:
  struct Lookup {
    explicit Lookup(asio::io_context& io) : resolver(io) {}
    tcp::resolver resolver;
    bool done = false;
    error_code ec;
    tcp::resolver::results_type found;
  };
  using Endpoints = std::vector<tcp::endpoint>;
  using StreamPtr = std::unique_ptr<Stream>;

  void launch(const std::shared_ptr<Exchange>& exchange);
  void end(const std::shared_ptr<Exchange>& exchange, ClientResult result);
  void reap_later();
  ClientPool& pool_of(const std::string& key);

  asio::awaitable<ClientResult> run(std::shared_ptr<Exchange> exchange);
  asio::awaitable<ClientResult> use_connection(Exchange& exchange, ClientPool& pool);
  asio::awaitable<Result<StreamPtr>> connect(Exchange& exchange);
  asio::awaitable<Result<Endpoints>> resolve(Exchange& exchange);
  asio::awaitable<std::optional<Error>> dial(Exchange& exchange, Stream& stream,
                                             const Endpoints& endpoints);
  asio::awaitable<ClientResult> transact(Exchange& exchange, Stream& stream, bool& reusable);
  Result<StreamPtr> make_stream(const Url& url);

  ClientOptions options_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
  // On the client's thread from here on.
  asio::steady_timer reaper_;
  std::unique_ptr<TlsClientContext> tls_;
  std::map<std::string, ClientPool> pools_;  // by scheme, host and port
  std::unordered_set<std::shared_ptr<Exchange>> live_;
  bool stopping_ = false;
};

void Client::Impl::start() {
  reap_later();
  thread_ = std::thread([this] { io_.run(); });
}

void Client::Impl::stop() {
  asio::post(io_, [this] {
    stopping_ = true;
    reaper_.cancel();
    work_.reset();
    for (const std::shared_ptr<Exchange>& exchange : live_) {
      exchange->interrupt(Error(client_stopped));
    }
    for (auto& [key, pool] : pools_) pool.drop_idle_since(Exchange::Clock::time_point::max());
  });
  thread_.join();
}

std::weak_ptr<Exchange> Client::Impl::send(ClientRequest request, Done done,
                                           std::optional<ClientEvents> events) {
  auto exchange =
      std::make_shared<Exchange>(io_, std::move(request), std::move(done), std::move(events));
  std::weak_ptr<Exchange> name = exchange;
  // Moved, not copied: an exchange ends its life on the client's thread.
  asio::post(io_, [this, x = std::move(exchange)] { launch(x); });
  return name;
}

void Client::Impl::launch(const std::shared_ptr<Exchange>& exchange) {
  live_.insert(exchange);
  if (stopping_) exchange->interrupt(Error(client_stopped));
  asio::co_spawn(io_, run(exchange),
                 [this, exchange](std::exception_ptr thrown, ClientResult result) {
                   if (thrown) {
                     result = exchange->failure({client_connection_lost, "out of memory"});
                   }
                   end(exchange, std::move(result));
                 });
}

void Client::Impl::end(const std::shared_ptr<Exchange>& exchange, ClientResult result) {
  exchange->clear_alarm();
  live_.erase(exchange);
  try {
    exchange->done(std::move(result));
  } catch (...) {
    log::error("client_callback_threw", {{"authority", exchange->url.authority}});
  }
  exchange->events.reset();
  exchange->done = nullptr;  // what it holds must not live as long as a Handle
}

void Client::Impl::reap_later() {
  if (stopping_) return;
  reaper_.expires_after(std::chrono::milliseconds(std::max(options_.idle_timeout_ms / 2, 100U)));
  reaper_.async_wait([this](const error_code& ec) {
    if (ec) return;
    for (auto& [key, pool] : pools_) pool.drop_expired(Exchange::Clock::now());
    std::erase_if(pools_, [](const auto& entry) { return entry.second.empty(); });
    reap_later();
  });
}

ClientPool& Client::Impl::pool_of(const std::string& key) {
  return pools_
      .try_emplace(key, options_.max_connections_per_host, options_.max_queued_per_host,
                   std::chrono::milliseconds(options_.idle_timeout_ms))
      .first->second;
}

asio::awaitable<ClientResult> Client::Impl::run(std::shared_ptr<Exchange> exchange) {
  Exchange& x = *exchange;
  if (std::optional<Error> error = check(x.request)) co_return x.failure(std::move(*error));
  Result<Url> url = parse_url(x.request.url);
  if (!url) co_return x.failure(std::move(url.error()));
  x.url = std::move(*url);
  const std::string key = (x.url.tls ? "s " : "p ") + x.url.host + " " + x.url.port;
  ClientPool& pool = pool_of(key);

  x.set_alarm(x.ends_at, "while it waited for a connection");
  if (std::optional<Error> error = pool.ask(x)) co_return x.failure(std::move(*error));
  while (!x.granted && !x.interruption()) co_await x.sleep();
  std::optional<ClientResult> result;
  if (x.interruption()) {
    result.emplace(x.failure(*x.interruption()));
  } else {
    result.emplace(co_await use_connection(x, pool));
  }
  pool.leave(x);
  co_return std::move(*result);
}

asio::awaitable<ClientResult> Client::Impl::use_connection(Exchange& x, ClientPool& pool) {
  StreamPtr stream = pool.take();
  if (!stream) {
    Result<StreamPtr> fresh = co_await connect(x);
    if (!fresh) co_return x.failure(std::move(fresh.error()));
    stream = std::move(*fresh);
  }
  x.set_alarm(x.ends_at, "before the answer was there");
  x.stream = stream.get();
  bool reusable = false;
  ClientResult result = co_await transact(x, *stream, reusable);
  x.stream = nullptr;
  if (reusable && !stopping_) pool.give_back(std::move(stream));
  co_return result;
}

Result<Client::Impl::StreamPtr> Client::Impl::make_stream(const Url& url) {
  if (!url.tls) return make_plain_stream(tcp::socket(io_));
  if (!tls_) {
    Result<std::unique_ptr<TlsClientContext>> context = TlsClientContext::make(options_.ca_file);
    if (!context) return std::unexpected(context.error());
    tls_ = std::move(*context);
  }
  return tls_->make_stream(tcp::socket(io_), url.host);
}

asio::awaitable<Result<Client::Impl::StreamPtr>> Client::Impl::connect(Exchange& x) {
  const auto limit =
      Exchange::Clock::now() + std::chrono::milliseconds(options_.connect_timeout_ms);
  x.set_alarm(std::min(limit, x.ends_at), "while it connected");
  Result<Endpoints> endpoints = co_await resolve(x);
  if (!endpoints) co_return std::unexpected(endpoints.error());
  Result<StreamPtr> stream = make_stream(x.url);
  if (!stream) co_return stream;
  x.stream = stream->get();
  std::optional<Error> error = co_await dial(x, **stream, *endpoints);
  x.stream = nullptr;
  if (error) co_return std::unexpected(std::move(*error));
  co_return stream;
}

asio::awaitable<Result<Client::Impl::Endpoints>> Client::Impl::resolve(Exchange& x) {
  error_code ec;
  const asio::ip::address address = asio::ip::make_address(x.url.host, ec);
  if (!ec) {
    const auto port = static_cast<std::uint16_t>(std::stoul(x.url.port));
    co_return Endpoints{tcp::endpoint(address, port)};
  }
  // A look-up cannot be interrupted: it is left behind and its answer goes unheard.
  auto lookup = std::make_shared<Lookup>(io_);
  lookup->resolver.async_resolve(x.url.host, x.url.port,
                                 [lookup, exchange = x.shared_from_this()](
                                     const error_code& failure, tcp::resolver::results_type found) {
                                   lookup->done = true;
                                   lookup->ec = failure;
                                   lookup->found = std::move(found);
                                   exchange->wake();
                                 });
  while (!lookup->done && !x.interruption()) co_await x.sleep();
  if (x.interruption()) co_return std::unexpected(*x.interruption());
  if (lookup->ec) {
    co_return fail(client_resolve_failed, x.url.host + ": " + lookup->ec.message());
  }
  Endpoints endpoints;
  for (const auto& entry : lookup->found) endpoints.push_back(entry.endpoint());
  co_return endpoints;
}

asio::awaitable<std::optional<Error>> Client::Impl::dial(Exchange& x, Stream& stream,
                                                         const Endpoints& endpoints) {
  error_code ec = asio::error::host_not_found;
  for (const tcp::endpoint& endpoint : endpoints) {
    if (x.interruption()) co_return x.interruption();
    error_code ignored;
    stream.socket().close(ignored);
    const auto [failure] =
        co_await stream.socket().async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
    if (x.interruption()) co_return x.interruption();
    ec = failure;
    if (!ec) break;
  }
  if (ec) co_return Error(client_connect_failed, x.url.authority + ": " + ec.message());
  stream.socket().set_option(tcp::no_delay(true), ec);
  const error_code refused = co_await stream.open();
  if (x.interruption()) co_return x.interruption();
  if (refused) co_return Error(client_tls_failed, x.url.authority + ": " + refused.message());
  co_return std::nullopt;
}

asio::awaitable<ClientResult> Client::Impl::transact(Exchange& x, Stream& stream, bool& reusable) {
  const std::string bytes = write_request(x.request, x.url);
  x.sent = true;
  const error_code write_error = co_await stream.write(asio::buffer(bytes));
  if (x.interruption()) co_return x.failure(*x.interruption());

  // Also after a failed write: a server that refuses a long body answers before it closes.
  boost::beast::flat_buffer buffer(x.request.max_header_bytes + read_piece);
  std::optional<ResponseParser> parser;
  for (int interim = 0; interim <= max_interim_answers; ++interim) {
    parser.emplace(x.request.max_header_bytes, x.request.max_response_bytes,
                   x.request.method == "HEAD");
    expect_events(x, *parser);
    for (;;) {
      const auto data = buffer.cdata();
      if (data.size() > 0) {
        buffer.consume(parser->feed({static_cast<const char*>(data.data()), data.size()}));
      }
      if (parser->failure()) co_return x.failure(*parser->failure());
      if (parser->done()) break;
      if (parser->is_event_stream()) await_event(x);
      const std::size_t room = std::min(read_piece, buffer.max_size() - buffer.size());
      if (room == 0) co_return x.failure({client_response_invalid, "a line is too long"});
      const Stream::Read read = co_await stream.read_some(buffer.prepare(room));
      if (x.interruption()) co_return x.failure(*x.interruption());
      buffer.commit(read.bytes);
      if (read.ec == asio::error::eof) {
        parser->feed_end();
        if (parser->failure()) co_return x.failure(*parser->failure());
        break;
      }
      if (read.ec) co_return x.failure(lost(write_error ? "writing" : "reading", read.ec));
    }
    if (parser->status() >= 200) break;
    if (parser->status() == 101) {
      co_return x.failure({client_response_invalid, "it switches to a protocol nobody asked for"});
    }
  }
  if (parser->status() < 200) {
    co_return x.failure({client_response_invalid, "too many interim answers"});
  }
  reusable = !write_error && parser->keep_alive() && buffer.size() == 0;
  co_return parser->take();
}

struct Client::Handle::Target {
  std::weak_ptr<Client::Impl> client;
  std::weak_ptr<Exchange> exchange;
};

void Client::Handle::cancel() const {
  if (!target_) return;
  const std::shared_ptr<Client::Impl> client = target_->client.lock();
  if (!client) return;
  asio::post(client->io(), [exchange = target_->exchange] {
    if (const auto x = exchange.lock()) x->interrupt(Error(client_cancelled));
  });
}

Client::Client(ClientOptions options) : impl_(std::make_shared<Impl>(std::move(options))) {
  impl_->start();
}

Client::~Client() {
  impl_->stop();
}

Client::Handle Client::follow(ClientRequest request, ClientEvents events, Done done) {
  return Handle(std::make_shared<Handle::Target>(
      impl_, impl_->send(std::move(request), std::move(done), std::move(events))));
}

Client::Handle Client::send(ClientRequest request, Done done) {
  return Handle(
      std::make_shared<Handle::Target>(impl_, impl_->send(std::move(request), std::move(done))));
}

}  // namespace pawl::net
