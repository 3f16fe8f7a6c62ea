// SPDX-License-Identifier: Apache-2.0
#include "failover/patroni_cluster.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "eventually.h"
#include "postgres/server.h"

namespace pawl::test {

namespace {

constexpr int cluster_start_ms = 90'000;
constexpr int patroni_end_ms = 30'000;

std::string at(int port) {
  return "127.0.0.1:" + std::to_string(port);
}

using Session = std::unique_ptr<PGconn, decltype(&PQfinish)>;

// True: every statement ran.
bool run_sql(const std::string& url, const std::vector<std::string>& statements) {
  const Session session(PQconnectdb(url.c_str()), &PQfinish);
  if (PQstatus(session.get()) != CONNECTION_OK) return false;
  for (const auto& statement : statements) {
    PGresult* result = PQexec(session.get(), statement.c_str());
    const auto status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return false;
  }
  return true;
}

}  // namespace

PatroniCluster::PatroniCluster() {
  std::filesystem::permissions(dir_.file(""), std::filesystem::perms(0755));
  start_etcd();
  for (int i = 0; i < nodes; ++i) {
    configure(i);
    start_node(i);
  }
  if (!await_synchronous_standby(cluster_start_ms)) {
    throw std::runtime_error("no primary with a synchronous standby\n" + logs());
  }
  make_role_and_database();
}

PatroniCluster::~PatroniCluster() {
  // In this order: a Patroni whose etcd is gone takes long to end.
  for (Node& node : nodes_) {
    if (node.patroni) node.patroni->signal(SIGTERM);
  }
  for (Node& node : nodes_) {
    if (node.patroni) node.patroni->wait(patroni_end_ms);
    const int left = postmaster_of(node);
    if (left > 0) {
      ::kill(left, SIGQUIT);
      eventually([left] { return ::kill(left, 0) != 0; });
    }
  }
  if (etcd_) {
    etcd_->signal(SIGTERM);
    etcd_->wait(patience_ms);
  }
}

void PatroniCluster::start_etcd() {
  const std::string data = dir_.file("etcd");
  std::filesystem::create_directory(data);
  give_to_postgres(data);
  etcd_port_ = free_port();
  const std::string client = "http://" + at(etcd_port_);
  const std::string peer = "http://" + at(free_port());
  etcd_ = std::make_unique<Process>(ProcessOptions{
      .arguments = {"/usr/bin/etcd", "--name=one", "--data-dir=" + data + "/data",
                    "--listen-client-urls=" + client, "--advertise-client-urls=" + client,
                    "--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
                    "--initial-cluster=one=" + peer},
      .log_file = data + "/log"});
  if (!eventually([&] { return status_of(etcd_port_, "/health") == 200; })) {
    throw std::runtime_error("etcd does not answer\n" + file_content(data + "/log"));
  }
}

void PatroniCluster::configure(int number) {
  Node& node = nodes_[static_cast<std::size_t>(number)];
  node.port = free_port();
  node.rest_port = free_port();
  node.directory = dir_.file("node" + std::to_string(number));
  std::filesystem::create_directory(node.directory);
  std::ofstream out(node.directory + "/patroni.yml");
  out << "scope: pawl\n"
         "name: node"
      << number
      << "\n"
         "restapi: {listen: '"
      << at(node.rest_port) << "', connect_address: '" << at(node.rest_port)
      << "'}\n"
         "etcd3: {hosts: '"
      << at(etcd_port_)
      << "'}\n"
         "bootstrap:\n"
         "  dcs:\n"
         "    ttl: 20\n"
         "    loop_wait: 2\n"
         "    retry_timeout: 5\n"
         "    synchronous_mode: true\n"
         "    postgresql:\n"
         "      use_pg_rewind: true\n"
         "      parameters: {max_connections: 100, wal_log_hints: 'on', wal_keep_size: 256MB}\n"
         "  initdb: [{encoding: UTF8}, {locale: C.UTF-8}]\n"
         "postgresql:\n"
         "  listen: '"
      << at(node.port) << "'\n  connect_address: '" << at(node.port) << "'\n  data_dir: '"
      << node.directory
      << "/data'\n"
         "  bin_dir: /usr/lib/postgresql/15/bin\n"
         "  pgpass: '"
      << node.directory
      << "/pgpass'\n"
         "  authentication:\n"
         "    superuser: {username: postgres, password: failover-super}\n"
         "    replication: {username: replicator, password: failover-repl}\n"
         "  parameters: {unix_socket_directories: '"
      << node.directory
      << "'}\n"
         "  pg_hba: ['local all all trust', 'host all all 127.0.0.1/32 scram-sha-256',\n"
         "    'host replication replicator 127.0.0.1/32 scram-sha-256']\n";
  out.close();
  give_to_postgres(node.directory);
}

void PatroniCluster::start_node(int number) {
  Node& node = nodes_[static_cast<std::size_t>(number)];
  node.patroni = std::make_unique<Process>(
      ProcessOptions{.arguments = {"/usr/bin/patroni", node.directory + "/patroni.yml"},
                     .log_file = node.directory + "/log",
                     .death_signal = SIGTERM});
}

void PatroniCluster::make_role_and_database() {
  const auto made = [this] {
    const int node = primary();
    if (node < 0) return false;
    const std::string server = "host=127.0.0.1 user=postgres password=failover-super port=" +
                               std::to_string(nodes_[static_cast<std::size_t>(node)].port);
    return run_sql(server + " dbname=postgres", {"CREATE ROLE pawl LOGIN PASSWORD 'pawl-secret'",
                                                 "CREATE DATABASE pawl OWNER pawl"});
  };
  if (!eventually(made)) throw std::runtime_error("no role and database\n" + logs());
}

std::string PatroniCluster::url() const {
  return "postgres://pawl:pawl-secret@" + at(nodes_[0].port) + "," + at(nodes_[1].port) +
         "/pawl?target_session_attrs=read-write";
}

int PatroniCluster::primary() const {
  for (int i = 0; i < nodes; ++i) {
    if (status_of(nodes_[static_cast<std::size_t>(i)].rest_port, "/primary") == 200) return i;
  }
  return -1;
}

bool PatroniCluster::await_synchronous_standby(int deadline_ms) {
  return eventually(
      [this] {
        const int node = primary();
        return node >= 0 &&
               status_of(nodes_[static_cast<std::size_t>(1 - node)].rest_port, "/sync") == 200;
      },
      deadline_ms);
}

int PatroniCluster::postmaster_of(const Node& node) const {
  const std::string file = file_content(node.directory + "/data/postmaster.pid");
  int pid = 0;
  std::from_chars(file.data(), file.data() + file.size(), pid);
  return pid > 0 && ::kill(pid, 0) == 0 ? pid : 0;
}

void PatroniCluster::kill_postmaster(int number) {
  const int pid = postmaster_of(nodes_[static_cast<std::size_t>(number)]);
  if (pid <= 0) throw std::runtime_error("the node has no server");
  ::kill(pid, SIGKILL);
}

void PatroniCluster::kill_node(int number) {
  Node& node = nodes_[static_cast<std::size_t>(number)];
  // Its Patroni first: it must not start the server again.
  node.patroni->signal(SIGKILL);
  node.patroni->wait(patience_ms);
  kill_postmaster(number);
}

// The status of GET path, by hand: 0 if nobody answers.
int PatroniCluster::status_of(int port, const std::string& path) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  int status = 0;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
    std::array<char, 16> head{};
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(request.size()) &&
        ::recv(fd, head.data(), 12, MSG_WAITALL) == 12) {
      std::from_chars(head.data() + 9, head.data() + 12, status);
    }
  }
  ::close(fd);
  return status;
}

std::string PatroniCluster::logs() const {
  std::string out;
  for (const Node& node : nodes_) {
    const std::string log = file_content(node.directory + "/log");
    out += node.directory + ":\n" + log.substr(log.size() > 4'000 ? log.size() - 4'000 : 0);
  }
  return out;
}

}  // namespace pawl::test
