// SPDX-License-Identifier: Apache-2.0
#include "fuzz/answers.h"

#include <deque>
#include <utility>

namespace pawl::net {

namespace {

struct Waiting {
  ClientRequest request;
  Client::Done done;
};

std::deque<Waiting>& waiting() {
  static std::deque<Waiting> all;
  return all;
}

}  // namespace

class Client::Impl {};
struct Client::Handle::Target {};

Client::Client(ClientOptions) {}
Client::~Client() = default;
void Client::Handle::cancel() const {}

Client::Handle Client::send(ClientRequest request, Done done) {
  waiting().push_back({std::move(request), std::move(done)});
  return {};
}

// No target follows a stream.
Client::Handle Client::follow(ClientRequest request, ClientEvents, Done done) {
  return send(std::move(request), std::move(done));
}

std::string_view to_string(ClientFailure::Kind kind) {
  return kind == ClientFailure::Kind::never_sent ? "never_sent" : "unknown";
}

}  // namespace pawl::net

namespace pawl::fuzz {

std::size_t deliver(const Answering& answer, std::size_t most) {
  std::size_t count = 0;
  while (!net::waiting().empty() && count < most) {
    net::Waiting next = std::move(net::waiting().front());
    net::waiting().pop_front();
    ++count;
    next.done(answer(next.request));
  }
  return count;
}

}  // namespace pawl::fuzz
