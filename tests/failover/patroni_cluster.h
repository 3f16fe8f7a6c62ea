// SPDX-License-Identifier: Apache-2.0
//
// Two PostgreSQL nodes under Patroni with an etcd, one primary and one synchronous standby, all on
// loopback with ports and directories of their own, ended and removed when the test ends. What
// cannot be started throws, with its log. Kill what a machine could lose: the postmaster alone, or
// the whole node with its Patroni.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "engine/engine_fixture.h"
#include "postgres/process.h"

namespace pawl::test {

class PatroniCluster {
 public:
  static constexpr int nodes = 2;

  PatroniCluster();
  ~PatroniCluster();
  PatroniCluster(const PatroniCluster&) = delete;
  PatroniCluster& operator=(const PatroniCluster&) = delete;

  // Both nodes, of which libpq picks the one that takes writes.
  std::string url() const;
  // The node that takes writes now; -1: none says that it does.
  int primary() const;
  // True: there is a primary, and the other node is its synchronous standby.
  bool await_synchronous_standby(int deadline_ms);

  // kill -9. The node's Patroni starts its server again, or the other node takes over.
  void kill_postmaster(int node);
  // kill -9 for its Patroni and its server.
  void kill_node(int node);
  void start_node(int node);

 private:
  struct Node {
    int port = 0;
    int rest_port = 0;
    std::string directory;
    std::unique_ptr<Process> patroni;
  };

  void start_etcd();
  void configure(int node);
  void make_role_and_database();
  int postmaster_of(const Node& node) const;
  static int status_of(int port, const std::string& path);
  std::string logs() const;

  TempDir dir_;
  int etcd_port_ = 0;
  std::unique_ptr<Process> etcd_;
  std::array<Node, nodes> nodes_;
};

}  // namespace pawl::test
