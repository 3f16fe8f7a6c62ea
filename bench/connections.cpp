// SPDX-License-Identifier: Apache-2.0
//
// What connections cost the HTTP server: many that are idle after one answer, and some that ask
// again and again. The clients are a child process, by plain sockets and epoll, so that the
// server's memory and CPU are its own; both share the machine. TLS is for the idle ones only.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "measure.h"
#include "net/server.h"

namespace pawl::bench {
namespace {

struct Arguments {
  int idle = 10'000;
  int busy = 1'000;
  int seconds = 5;
  int threads = 2;
  bool json = false;
  std::string certificate;
  std::string key;
};

constexpr std::string_view usage =
    "usage: pawl_bench_connections [--idle N] [--busy N] [--seconds N] [--threads N] [--json]\n"
    "                              [--tls CERTIFICATE KEY]\n";

constexpr std::string_view question = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::_Exit(3);
}

Arguments parse(int argc, char** argv) {
  Arguments out;
  const auto wrong = [] {
    std::fputs(usage.data(), stderr);
    std::exit(2);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--json") {
      out.json = true;
      continue;
    }
    if (name == "--tls" && i + 2 < argc) {
      out.certificate = argv[++i];
      out.key = argv[++i];
      out.busy = 0;
      continue;
    }
    int* target = name == "--idle"      ? &out.idle
                  : name == "--busy"    ? &out.busy
                  : name == "--seconds" ? &out.seconds
                  : name == "--threads" ? &out.threads
                                        : nullptr;
    if (target == nullptr || i + 1 == argc) wrong();
    const std::string_view value = argv[++i];
    if (std::from_chars(value.data(), value.data() + value.size(), *target).ec != std::errc()) {
      wrong();
    }
  }
  return out;
}

void allow_many_files() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

// Resident memory of this process.
double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  long pages = 0;
  statm >> pages >> pages;
  return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// One word each way between the two processes.
void tell(int fd, double value) {
  if (::write(fd, &value, sizeof value) != sizeof value) give_up("write");
}
double hear(int fd) {
  double value = 0;
  if (::read(fd, &value, sizeof value) != sizeof value) give_up("read");
  return value;
}

// ---- the clients' side -----------------------------------------------------------------------

// 20,000 connections from each source address, so that its ports suffice.
int dial(std::uint16_t port, int number) {
  constexpr int per_source = 20'000;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + static_cast<unsigned>(number / per_source));
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) give_up("bind");
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    give_up("connect");
  }
  return fd;
}

void ask(int fd) {
  if (::send(fd, question.data(), question.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(question.size())) {
    give_up("send");
  }
}

// The answer is small and comes in one piece; another would be a defect worth stopping for.
void take_answer(int fd) {
  char room[4096];
  const ssize_t n = ::recv(fd, room, sizeof room, 0);
  if (n <= 0) give_up("recv");
  if (!std::string_view(room, static_cast<std::size_t>(n)).ends_with("\r\n\r\nhello")) {
    std::fprintf(stderr, "not the whole answer\n");
    std::_Exit(3);
  }
}

void open_idle(const Arguments& arguments, std::uint16_t port) {
  SSL_CTX* tls = arguments.certificate.empty() ? nullptr : SSL_CTX_new(TLS_client_method());
  if (tls != nullptr) SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  for (int i = 0; i < arguments.idle; ++i) {
    const int fd = dial(port, i);
    if (tls == nullptr) {
      ask(fd);
      take_answer(fd);
      continue;
    }
    SSL* ssl = SSL_new(tls);  // lives as long as the connection: until the process ends
    SSL_set_fd(ssl, fd);
    char room[4096];
    if (SSL_connect(ssl) != 1 ||
        SSL_write(ssl, question.data(), static_cast<int>(question.size())) <= 0 ||
        SSL_read(ssl, room, sizeof room) <= 0) {
      std::fprintf(stderr, "TLS failed\n");
      std::_Exit(3);
    }
  }
}

// Each connection has one question under way.
Sample keep_busy(const Arguments& arguments, std::uint16_t port) {
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<int> sockets;
  std::vector<double> asked;
  for (int i = 0; i < arguments.busy; ++i) {
    sockets.push_back(dial(port, arguments.idle + i));
    asked.push_back(0);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = static_cast<std::uint32_t>(i);
    ::epoll_ctl(poller, EPOLL_CTL_ADD, sockets.back(), &event);
  }
  std::vector<std::int64_t> latencies_us;
  const double begin = seconds_now();
  const double end = begin + arguments.seconds;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    asked[i] = seconds_now();
    ask(sockets[i]);
  }
  std::vector<epoll_event> events(256);
  for (double now = begin; now < end;) {
    const int ready = ::epoll_wait(poller, events.data(), static_cast<int>(events.size()), 1'000);
    for (int i = 0; i < ready; ++i) {
      const std::uint32_t number = events[static_cast<std::size_t>(i)].data.u32;
      take_answer(sockets[number]);
      now = seconds_now();
      latencies_us.push_back(static_cast<std::int64_t>((now - asked[number]) * 1e6));
      asked[number] = now;
      ask(sockets[number]);
    }
    now = seconds_now();
  }
  return summarise(latencies_us, seconds_now() - begin, 0, 0);
}

[[noreturn]] void be_clients(const Arguments& arguments, int from_server, int to_server) {
  const auto port = static_cast<std::uint16_t>(hear(from_server));
  open_idle(arguments, port);
  tell(to_server, 0);
  hear(from_server);  // its memory was read
  Sample sample;
  if (arguments.busy > 0) sample = keep_busy(arguments, port);
  tell(to_server, sample.per_second);
  tell(to_server, sample.p50_ms);
  tell(to_server, sample.p99_ms);
  hear(from_server);
  std::_Exit(0);
}

// ---- the server's side -----------------------------------------------------------------------

struct Outcome {
  double idle_bytes = 0;  // resident, of each idle connection
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double cpu_us = 0;  // of the server, per answer
};

Outcome serve(const Arguments& arguments, int from_clients, int to_clients) {
  net::Router router;
  router.add("GET", "/hello", [](const net::Request&, net::Responder answer) {
    net::Response response;
    response.content_type = "text/plain";
    response.body = "hello";
    answer(std::move(response));
  });
  net::ServerOptions options;
  options.threads = static_cast<unsigned>(arguments.threads);
  options.max_connections = 1'000'000;
  options.idle_timeout_ms = 600'000;
  options.tls_certificate_file = arguments.certificate;
  options.tls_key_file = arguments.key;
  net::Server server(options, std::move(router));
  const Result<std::uint16_t> port = server.start();
  if (!port) {
    std::fprintf(stderr, "%s\n", port.error().text().c_str());
    std::exit(3);
  }
  Outcome out;
  const double before = resident_bytes();
  tell(to_clients, *port);
  hear(from_clients);
  out.idle_bytes = (resident_bytes() - before) / std::max(1, arguments.idle);
  if (server.connections() != static_cast<std::size_t>(arguments.idle)) {
    std::fprintf(stderr, "%zu connections are open\n", server.connections());
    std::exit(3);
  }
  const double cpu_before = cpu_seconds_now();
  const double begin = seconds_now();
  tell(to_clients, 0);
  out.per_second = hear(from_clients);
  const double answers = out.per_second * (seconds_now() - begin);
  if (answers > 0) out.cpu_us = (cpu_seconds_now() - cpu_before) * 1e6 / answers;
  out.p50_ms = hear(from_clients);
  out.p99_ms = hear(from_clients);
  tell(to_clients, 0);
  return out;
}

void print(const Arguments& arguments, const Outcome& out) {
  const char* form =
      arguments.json
          ? "{\"bench\":\"connections\",\"tls\":%s,\"threads\":%d,\"idle\":%d,\"busy\":%d,"
            "\"idle_bytes\":%.0f,\"per_second\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
            "\"cpu_us\":%.1f}\n"
          : "TLS: %s  threads: %d  idle: %d  busy: %d\n"
            "resident bytes of an idle connection: %.0f\n"
            "answers/s: %.0f   p50: %.2f ms   p99: %.2f ms   server's CPU: %.1f us an answer\n";
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): one form each for people and programs
  std::printf(form, arguments.certificate.empty() ? "false" : "true", arguments.threads,
              arguments.idle, arguments.busy, out.idle_bytes, out.per_second, out.p50_ms,
              out.p99_ms, out.cpu_us);
}

}  // namespace
}  // namespace pawl::bench

int main(int argc, char** argv) {
  using namespace pawl::bench;
  const Arguments arguments = parse(argc, argv);
  allow_many_files();
  int down[2];
  int up[2];
  if (::pipe(down) != 0 || ::pipe(up) != 0) give_up("pipe");
  const pid_t child = ::fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    // Else a server that ends early would never be noticed.
    ::close(down[1]);
    ::close(up[0]);
    be_clients(arguments, down[0], up[1]);
  }
  ::close(down[0]);
  ::close(up[1]);
  const Outcome out = serve(arguments, up[0], down[1]);
  int status = 0;
  ::waitpid(child, &status, 0);
  print(arguments, out);
  return status == 0 ? 0 : 3;
}
