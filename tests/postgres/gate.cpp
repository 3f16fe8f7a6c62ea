// SPDX-License-Identifier: Apache-2.0
#include "postgres/gate.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <system_error>

#include "eventually.h"

namespace pawl::test {
namespace {

using Clock = std::chrono::steady_clock;

// Not read further while so much waits to be passed on.
constexpr std::size_t max_waiting_bytes = std::size_t{4} << 20;
constexpr std::size_t read_bytes = std::size_t{64} << 10;
// How long bytes that were passed on may take to be acknowledged before a reset would lose them.
constexpr int acknowledge_ms = 2'000;
constexpr std::uint64_t no_limit = ~std::uint64_t{0};

int index_of(Direction direction) {
  return direction == Direction::to_server ? 0 : 1;
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void close_with_reset(int socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(socket);
}

// A reset throws away what the other end has not taken yet; what was passed on must have arrived.
void await_acknowledged(int socket) {
  eventually(
      [socket] {
        int waiting = 0;
        return ::ioctl(socket, SIOCOUTQ, &waiting) != 0 || waiting == 0;
      },
      acknowledge_ms);
}

}  // namespace

// One direction of one connection. Offsets count from the connection's first byte.
struct Gate::Stream {
  int from = -1;
  int to = -1;
  std::string waiting;                                          // from `passed` on
  std::uint64_t passed = 0;                                     // offset
  std::uint64_t whole = 0;                                      // up to here in complete messages
  std::deque<std::pair<std::uint64_t, Clock::time_point>> due;  // up to this offset, from then on
  bool ended = false;                                           // nothing more comes
  bool end_told = false;                                        // and the other side knows
  std::uint64_t armed_at = 0;                                   // passed when the fault was armed
};

struct Gate::Link {
  std::array<Stream, 2> streams;
  WireScanner scanner;
  std::optional<Fault> struck;
  int commits_seen = 0;  // when the fault was armed: it waits for a later one
  bool gone = false;

  Stream& at(Direction direction) { return streams[static_cast<std::size_t>(index_of(direction))]; }
  int client() const { return streams[0].from; }
  int server() const { return streams[1].from; }
};

Gate::Gate(int target_port)
    : target_port_(target_port),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      waker_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, generic, &length) != 0) {
    throw std::system_error(errno, std::generic_category(), "gate");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

Gate::~Gate() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  for (auto& link : links_) end_link(link, true);
  ::close(listener_);
  ::close(waker_);
}

void Gate::wake() {
  const std::uint64_t one = 1;
  // A full counter wakes as well.
  (void)!::write(waker_, &one, sizeof one);
}

void Gate::arm(ArmedFault fault) {
  {
    const std::lock_guard lock(mutex_);
    armed_ = fault;
    struck_ = false;
    for (auto& link : links_) {
      link.commits_seen = link.scanner.commits();
      for (auto& stream : link.streams) stream.armed_at = stream.passed;
    }
  }
  wake();
}

bool Gate::struck(int deadline_ms) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(deadline_ms),
                           [this] { return struck_; });
}

void Gate::shut() {
  const std::lock_guard lock(mutex_);
  shut_ = true;
  for (auto& link : links_) end_link(link, true);
  wake();
}

void Gate::heal() {
  const std::lock_guard lock(mutex_);
  armed_.reset();
  struck_ = false;
  shut_ = false;
  commit_[0].reset();
  commit_[1].reset();
  for (auto& link : links_) {
    // What a swallowing link has lost cannot be given back.
    if (link.struck == Fault::swallow) end_link(link, true);
    if (link.struck == Fault::hold) link.struck.reset();
  }
  wake();
}

void Gate::set_latency_ms(int ms) {
  const std::lock_guard lock(mutex_);
  latency_ms_ = ms;
}

std::uint64_t Gate::bytes(Direction direction) const {
  const std::lock_guard lock(mutex_);
  return passed_[index_of(direction)];
}

int Gate::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

std::optional<Span> Gate::commit(Direction direction) const {
  const std::lock_guard lock(mutex_);
  return commit_[index_of(direction)];
}

void Gate::accept_new() {
  while (true) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    if (shut_) {
      close_with_reset(client);
      continue;
    }
    // On the loopback it is there at once, or refused.
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(target_port_);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      close_with_reset(client);
      ::close(server);
      continue;
    }
    const int yes = 1;
    ::setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    int nonblocking = 1;
    ::ioctl(server, FIONBIO, &nonblocking);
    auto& link = links_.emplace_back();
    link.streams[0].from = link.streams[1].to = client;
    link.streams[1].from = link.streams[0].to = server;
    ++connections_;
  }
}

void Gate::end_link(Link& link, bool reset) {
  if (link.gone) return;
  link.gone = true;
  for (const int socket : {link.client(), link.server()}) {
    if (reset) {
      close_with_reset(socket);
    } else {
      ::close(socket);
    }
  }
}

void Gate::receive(Link& link, Direction direction) {
  auto& stream = link.at(direction);
  std::array<char, read_bytes> bytes;
  const auto length = ::recv(stream.from, bytes.data(), bytes.size(), 0);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (length <= 0) {
    stream.ended = true;
    return;
  }
  // Of a struck connection everything is taken and lost, unless it is held.
  if (link.struck && link.struck != Fault::hold) return;
  stream.waiting.append(bytes.data(), static_cast<std::size_t>(length));
  const auto unread = std::string_view(stream.waiting).substr(stream.whole - stream.passed);
  stream.whole += link.scanner.scan(direction, unread);
  stream.due.emplace_back(stream.passed + stream.waiting.size(),
                          Clock::now() + std::chrono::milliseconds(latency_ms_));
}

// The offset at which the armed fault strikes in this direction.
std::uint64_t Gate::limit(Link& link, Direction direction) {
  if (!armed_ || struck_ || armed_->direction != direction) return no_limit;
  if (armed_->from == From::connection) return armed_->bytes;
  if (armed_->from == From::armed) {
    return link.commits_seen > 0 ? link.at(direction).armed_at + armed_->bytes : no_limit;
  }
  if (link.scanner.commits() <= link.commits_seen) return no_limit;
  const auto& commit = link.scanner.commit(direction);
  return commit ? commit->begin + armed_->bytes : no_limit;
}

void Gate::strike(Link& link, Fault fault) {
  link.struck = fault;
  struck_ = true;
  changed_.notify_all();
  if (fault == Fault::cut) {
    ::shutdown(link.client(), SHUT_WR);
    ::shutdown(link.server(), SHUT_WR);
  } else if (fault == Fault::reset) {
    await_acknowledged(link.client());
    await_acknowledged(link.server());
    end_link(link, true);
  }
}

void Gate::pass_on(Link& link, Direction direction) {
  auto& stream = link.at(direction);
  while (!link.gone && !link.struck) {
    const auto most = limit(link, direction);
    if (stream.passed >= most) {
      // One that has gone past it already, before it was armed, is not struck any more.
      if (stream.passed == most) strike(link, armed_->fault);
      return;
    }
    while (!stream.due.empty() && stream.due.front().first <= stream.passed) {
      stream.due.pop_front();
    }
    if (stream.due.empty() || stream.due.front().second > Clock::now()) return;
    auto until = stream.due.front().first;
    // Not a part of a message: it could be the beginning of the COMMIT that a fault waits for.
    if (!stream.ended) until = std::min(until, stream.whole);
    until = std::min(until, most);
    if (until <= stream.passed) return;
    const auto sent = ::send(stream.to, stream.waiting.data(), until - stream.passed, MSG_NOSIGNAL);
    if (sent <= 0) {
      // Whoever does not listen any more is told nothing more.
      if (errno != EAGAIN && errno != EINTR) stream.waiting.clear(), stream.due.clear();
      return;
    }
    stream.waiting.erase(0, static_cast<std::size_t>(sent));
    stream.passed += static_cast<std::uint64_t>(sent);
    passed_[index_of(direction)] += static_cast<std::uint64_t>(sent);
  }
}

// False: the connection is over.
bool Gate::serve(Link& link, short client_ready, short server_ready) {
  for (const auto direction : {Direction::to_server, Direction::to_client}) {
    if (link.gone) return false;
    auto& stream = link.at(direction);
    const short ready = direction == Direction::to_server ? client_ready : server_ready;
    if ((ready & ~POLLOUT) != 0 && !stream.ended) receive(link, direction);
    pass_on(link, direction);
    if (link.gone) return false;
    if (stream.ended && !stream.end_told && !link.struck && stream.waiting.empty()) {
      ::shutdown(stream.to, SHUT_WR);
      stream.end_told = true;
    }
  }
  if (!link.struck) {
    const auto& answer = link.scanner.commit(Direction::to_client);
    if (answer && answer->end > 0 && answer->end <= link.at(Direction::to_client).passed) {
      commit_[0] = link.scanner.commit(Direction::to_server);
      commit_[1] = answer;
      changed_.notify_all();
    }
  }
  const bool both_ended = link.streams[0].ended && link.streams[1].ended;
  const bool nothing_waits = link.streams[0].waiting.empty() && link.streams[1].waiting.empty();
  if (both_ended && (nothing_waits || link.struck == Fault::cut)) {
    end_link(link, false);
    return false;
  }
  return true;
}

int Gate::next_due_ms() {
  auto soonest = Clock::time_point::max();
  for (const auto& link : links_) {
    if (link.struck) continue;
    for (const auto& stream : link.streams) {
      if (!stream.due.empty() && stream.due.front().second > Clock::now()) {
        soonest = std::min(soonest, stream.due.front().second);
      }
    }
  }
  if (soonest == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(soonest - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void Gate::run() {
  std::vector<pollfd> asked;
  while (true) {
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    links_.remove_if([](const Link& link) { return link.gone; });
    asked.assign({{listener_, POLLIN, 0}, {waker_, POLLIN, 0}});
    for (auto& link : links_) {
      for (std::size_t i = 0; i < 2; ++i) {
        const auto& in = link.streams[i];
        const auto& out = link.streams[1 - i];
        short events = 0;
        if (!in.ended && in.waiting.size() < max_waiting_bytes && link.struck != Fault::hold) {
          events |= POLLIN;
        }
        const bool due = !out.due.empty() && out.due.front().second <= Clock::now();
        if (!link.struck && due && out.whole > out.passed) events |= POLLOUT;
        // An end that was seen would be told again and again.
        asked.push_back({events != 0 ? in.from : -1, events, 0});
      }
    }
    const int wait_ms = next_due_ms();
    lock.unlock();
    ::poll(asked.data(), asked.size(), wait_ms);
    lock.lock();
    std::uint64_t woken = 0;
    (void)!::read(waker_, &woken, sizeof woken);
    std::size_t at = 2;
    for (auto& link : links_) {
      if (at + 1 >= asked.size()) break;
      const short client_ready = asked[at].revents;
      const short server_ready = asked[at + 1].revents;
      at += 2;
      serve(link, client_ready, server_ready);
    }
    accept_new();
  }
}

}  // namespace pawl::test
