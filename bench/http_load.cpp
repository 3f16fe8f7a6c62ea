// SPDX-License-Identifier: Apache-2.0
#include "http_load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "workload.h"

namespace pawl::bench {

namespace {

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Connection {
  int socket = -1;
  double sent = 0;
  std::string answer;
};

class Load {
 public:
  Load(std::uint16_t port, int connections, int entities, std::uint64_t first_id,
       const std::string& token)
      : authorization_(token.empty() ? "" : "Authorization: Bearer " + token + "\r\n"),
        next_id_(first_id),
        random_(first_id),
        pick_(0, entities - 1) {
    poll_ = ::epoll_create1(0);
    if (poll_ < 0) give_up("epoll_create1");
    all_.resize(static_cast<std::size_t>(connections));
    for (std::size_t i = 0; i < all_.size(); ++i) open(i, port);
  }
  ~Load() {
    for (const Connection& connection : all_) ::close(connection.socket);
    ::close(poll_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void run(double seconds) {
    const double end = seconds_now() + seconds;
    std::size_t under_way = all_.size();
    for (Connection& connection : all_) send(connection);
    while (under_way > 0) {
      std::array<epoll_event, 64> events{};
      const int count = ::epoll_wait(poll_, events.data(), events.size(), 10'000);
      if (count <= 0) give_up("no answer");
      for (int i = 0; i < count; ++i) {
        Connection& connection = all_[events[static_cast<std::size_t>(i)].data.u64];
        if (!receive(connection)) continue;
        if (seconds_now() < end) {
          send(connection);
        } else {
          --under_way;
        }
      }
    }
  }

  std::vector<std::int64_t> latencies_us;
  std::uint64_t next_id() const { return next_id_; }

 private:
  void open(std::size_t index, std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      give_up("connect");
    }
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    if (::epoll_ctl(poll_, EPOLL_CTL_ADD, socket, &event) != 0) give_up("epoll_ctl");
    all_[index].socket = socket;
  }

  void send(Connection& connection) {
    const std::string body = R"({"account":")" + account_name(pick_(random_)) + R"("})";
    const std::string request =
        "POST /moves HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n" +
        authorization_ + "Idempotency-Key: move-" + std::to_string(next_id_++) +
        "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    connection.answer.clear();
    connection.sent = seconds_now();
    // Far below a socket's buffer: taken whole.
    if (::send(connection.socket, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      give_up("send");
    }
  }

  // True: the whole answer is there.
  bool receive(Connection& connection) {
    std::array<char, 4'096> piece{};
    const ssize_t got = ::recv(connection.socket, piece.data(), piece.size(), 0);
    if (got <= 0) give_up("recv");
    connection.answer.append(piece.data(), static_cast<std::size_t>(got));
    const auto head = connection.answer.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const char* length = ::strcasestr(connection.answer.c_str(), "content-length:");
    if (length == nullptr || connection.answer.rfind("HTTP/1.1 200", 0) != 0) {
      std::fprintf(stderr, "%s\n", connection.answer.c_str());
      std::exit(1);
    }
    const auto size = std::strtoul(length + 15, nullptr, 10);
    if (connection.answer.size() < head + 4 + size) return false;
    latencies_us.push_back(static_cast<std::int64_t>((seconds_now() - connection.sent) * 1e6));
    return true;
  }

  const std::string authorization_;
  int poll_ = -1;
  std::vector<Connection> all_;
  std::uint64_t next_id_;
  std::mt19937_64 random_;
  std::uniform_int_distribution<int> pick_;
};

}  // namespace

bool ran_as_load(int argc, char** argv) {
  if ((argc != 7 && argc != 8) || std::strcmp(argv[1], "--load") != 0) return false;
  Load load(static_cast<std::uint16_t>(std::atoi(argv[2])), std::atoi(argv[3]), std::atoi(argv[5]),
            std::strtoull(argv[6], nullptr, 10), argc == 8 ? argv[7] : "");
  const double begin = seconds_now();
  load.run(std::strtod(argv[4], nullptr));
  const Sample sample = summarise(load.latencies_us, seconds_now() - begin, 0, 0);
  std::printf("%.1f %.4f %.4f %llu\n", sample.per_second, sample.p50_ms, sample.p99_ms,
              static_cast<unsigned long long>(load.next_id()));
  return true;
}

Sample load_from_child(std::uint16_t port, int connections, double seconds, int entities,
                       std::uint64_t first_id, std::uint64_t& next_id, const std::string& token) {
  const std::string command = "exec /proc/" + std::to_string(::getpid()) + "/exe --load " +
                              std::to_string(port) + " " + std::to_string(connections) + " " +
                              std::to_string(seconds) + " " + std::to_string(entities) + " " +
                              std::to_string(first_id) + " " + token;
  std::FILE* child = ::popen(command.c_str(), "r");
  if (child == nullptr) give_up("popen");
  Sample sample;
  unsigned long long next = 0;
  const int read = std::fscanf(child, "%lf %lf %lf %llu", &sample.per_second, &sample.p50_ms,
                               &sample.p99_ms, &next);
  if (::pclose(child) != 0 || read != 4) give_up("the load failed");
  next_id = next;
  return sample;
}

}  // namespace pawl::bench
