// SPDX-License-Identifier: Apache-2.0
#include "processes.h"

#include <fcntl.h>
#include <pawl/log.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "database.h"
#include "workload.h"

namespace pawl::bench {

namespace {

// What is said over the pipes, both ways in this machine's own bytes.
struct Order {
  int in_flight = 0;
  double seconds = 0;
  Keys keys = Keys::all;
};
struct Report {
  double seconds = 0;
  double cpu_us = 0;
  double batch = 0;
  std::size_t latencies = 0;  // follow, in microseconds
};

bool read_all(int file, void* into, std::size_t size) {
  auto* at = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t got = ::read(file, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(int file, const void* from, std::size_t size) {
  const auto* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t put = ::write(file, at, size);
    if (put <= 0) return false;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

}  // namespace

Processes::Processes(const Options& options) {
  const std::string entities = std::to_string(options.entities);
  const std::string lanes = std::to_string(options.lanes);
  const std::string batch = std::to_string(options.max_batch);
  for (int i = 0; i < options.processes; ++i) {
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    if (::pipe2(to.data(), O_CLOEXEC) != 0 || ::pipe2(from.data(), O_CLOEXEC) != 0) give_up("pipe");
    const int pid = ::fork();
    if (pid < 0) give_up("fork");
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(to[0], STDIN_FILENO);
      ::dup2(from[1], STDOUT_FILENO);
      ::execl("/proc/self/exe", "bench", "--process", options.url.c_str(), entities.c_str(),
              lanes.c_str(), batch.c_str(), nullptr);
      std::_Exit(1);
    }
    ::close(to[0]);
    ::close(from[1]);
    all_.push_back({pid, to[1], from[0]});
  }
  for (const Process& process : all_) {
    char ready = 0;
    if (!read_all(process.from, &ready, 1)) give_up("a process did not get ready");
  }
}

Processes::~Processes() {
  for (const Process& process : all_) {
    ::close(process.to);
    ::close(process.from);
  }
  for (const Process& process : all_) ::waitpid(process.pid, nullptr, 0);
}

Sample Processes::run(int in_flight, double seconds, Keys keys) {
  const double server_before = server_cpu_seconds_now();
  const Order order{std::max(1, in_flight / static_cast<int>(all_.size())), seconds, keys};
  for (const Process& process : all_) {
    if (!write_all(process.to, &order, sizeof order)) give_up("a process ended");
  }
  std::vector<std::int64_t> latencies;
  Sample sum;
  double cpu_us = 0;
  double batch = 0;
  for (const Process& process : all_) {
    Report report;
    if (!read_all(process.from, &report, sizeof report)) give_up("a process ended");
    const std::size_t known = latencies.size();
    latencies.resize(known + report.latencies);
    if (!read_all(process.from, latencies.data() + known,
                  report.latencies * sizeof(std::int64_t))) {
      give_up("a process ended");
    }
    const auto count = static_cast<double>(report.latencies);
    sum.per_second += count / report.seconds;
    cpu_us += report.cpu_us * count;
    batch += report.batch * count;
  }
  const double server = server_cpu_seconds_now() - server_before;
  const auto total = static_cast<double>(latencies.size());
  Sample sample = summarise(latencies, 1, 0, 0);
  sample.per_second = sum.per_second;
  sample.cpu_us = cpu_us / total;
  sample.batch = batch / total;
  sample.server_cpu_us = server * 1e6 / total;
  return sample;
}

bool ran_as_process(int argc, char** argv) {
  if (argc != 6 || std::strcmp(argv[1], "--process") != 0) return false;
  log::set_level(log::Level::warn);
  Options options;
  options.store = "postgres";
  options.url = argv[2];
  options.entities = std::atoi(argv[3]);
  options.lanes = std::atoi(argv[4]);
  options.max_batch = std::atoi(argv[5]);
  PawlSide pawl(options, {}, PawlSide::Contents::as_they_are);
  const char ready = 1;
  if (!write_all(STDOUT_FILENO, &ready, 1)) return true;
  for (Order order; read_all(STDIN_FILENO, &order, sizeof order);) {
    const double began = seconds_now();
    const Sample sample = pawl.run(order.in_flight, order.seconds, order.keys);
    const auto& latencies = pawl.latencies_us();
    const Report report{seconds_now() - began, sample.cpu_us, sample.batch, latencies.size()};
    if (!write_all(STDOUT_FILENO, &report, sizeof report) ||
        !write_all(STDOUT_FILENO, latencies.data(), latencies.size() * sizeof(std::int64_t))) {
      return true;
    }
  }
  return true;
}

}  // namespace pawl::bench
