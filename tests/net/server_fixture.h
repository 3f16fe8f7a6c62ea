// SPDX-License-Identifier: Apache-2.0
//
// A server with a few routes that server tests share.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "net/raw_connection.h"
#include "net/server.h"

namespace pawl::test {

// Responders that somebody answers later.
class Parked {
 public:
  void put(net::Responder responder) {
    const std::lock_guard lock(mutex_);
    parked_.push_back(std::move(responder));
    changed_.notify_all();
  }
  // Waits until so many are there and takes them.
  std::vector<net::Responder> take(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20),
                           [&] { return parked_.size() >= count; })) {
      ADD_FAILURE() << parked_.size() << " of " << count << " requests came";
    }
    return std::exchange(parked_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<net::Responder> parked_;
};

inline net::Response text(std::string body) {
  return net::Response{.content_type = "text/plain", .body = std::move(body)};
}

class ServerTest : public testing::Test {
 protected:
  // Starts on a free port; `options` may be changed before.
  std::uint16_t start() {
    server = std::make_unique<net::Server>(options, routes());
    const Result<std::uint16_t> started = server->start();
    if (!started) ADD_FAILURE() << started.error().text();
    return started.value_or(0);
  }

  net::Router routes() {
    net::Router router;
    router.add("GET", "/hello",
               [](const net::Request&, net::Responder answer) { answer(text("hello")); });
    router.add(
        "GET", "/orders/{id}/items/{item}", [](const net::Request& request, net::Responder answer) {
          answer(text(std::string(request.param("id")) + "|" + std::string(request.param("item")) +
                      "|" + request.query("q").value_or("-")));
        });
    router.add("POST", "/echo", [this](const net::Request& request, net::Responder answer) {
      ++echoes;
      answer(text(request.body));
    });
    router.add("POST", "/big",
               [](const net::Request& request, net::Responder answer) {
                 answer(text(std::to_string(request.body.size())));
               },
               {.max_body_bytes = std::size_t{16} << 20});
    router.add("POST", "/json", [](const net::Request& request, net::Responder answer) {
      const Result<json::Value> value = json::parse(request.body);
      if (!value) return answer(value.error());
      answer(net::Response{.body = value->text()});
    });
    router.add("GET", "/headers", [](const net::Request& request, net::Responder answer) {
      std::string out = request.peer_address + "\n";
      for (const net::Header& h : request.headers) out += h.name + "=" + h.value + "\n";
      answer(text(out));
    });
    router.add("GET", "/throw", [](const net::Request&, net::Responder) {
      throw std::runtime_error("secret insides");
    });
    router.add("GET", "/forget", [](const net::Request&, net::Responder) {});
    router.add("GET", "/twice", [](const net::Request&, net::Responder answer) {
      answer(text("first"));
      answer(text("second"));
    });
    router.add("GET", "/park", [this](const net::Request&, net::Responder answer) {
      parked.put(std::move(answer));
    });
    router.add("GET", "/inject", [](const net::Request&, net::Responder answer) {
      net::Response response = text("x");
      response.headers = {{"X-Good", "1"},
                          {"X-Bad", "1\r\nX-Injected: 1"},
                          {"Bad Name", "1"},
                          {"Content-Length", "99"},
                          {"Connection", "upgrade"}};
      answer(std::move(response));
    });
    return router;
  }

  net::ServerOptions options;
  Parked parked;
  std::atomic<int> echoes{0};
  std::unique_ptr<net::Server> server;
};

}  // namespace pawl::test
