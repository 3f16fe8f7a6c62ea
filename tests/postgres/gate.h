// SPDX-License-Identifier: Apache-2.0
//
// A gate between clients and a server, for tests of what the network does to a COMMIT. It passes
// bytes on until a fault is armed and reached, to the byte; then it swallows, holds, cuts or
// resets, once, until heal(). Bytes are passed on in whole messages as far as no fault forbids it.
// Not for encrypted connections: say sslmode=disable in the URL.
//
//   gate.arm({.direction = Direction::to_server, .from = From::commit, .bytes = 3, .fault =
//   Fault::reset});
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "postgres/wire_scanner.h"

namespace pawl::test {

enum class Fault {
  swallow,  // nothing passes any more, either way, and nobody is told
  hold,     // the same, but nothing is lost: heal() lets it go on
  cut,      // both ends see an orderly end (FIN)
  reset     // both ends see RST
};

enum class From {
  connection,  // counted from a connection's first byte
  commit,      // from the first byte of a COMMIT, or of its answer
  armed        // from what had passed when it was armed, on connections that have committed
};

struct ArmedFault {
  Direction direction = Direction::to_server;
  From from = From::commit;
  std::uint64_t bytes = 0;  // so many pass, then it happens
  Fault fault = Fault::reset;
};

class Gate {
 public:
  explicit Gate(int target_port);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();

  int port() const { return port_; }

  // Strikes the first connection that gets there, also one that is open already. Replaces what was
  // armed.
  void arm(ArmedFault fault);
  // Waits until it has struck. False: it has not, in time.
  bool struck(int deadline_ms);
  // Resets every connection, and whoever comes, until heal().
  void shut();
  // Disarms, opens, lets what was held go on, and cuts what was swallowed.
  void heal();
  // Everything is passed on so much later.
  void set_latency_ms(int ms);

  // Passed on, over all connections.
  std::uint64_t bytes(Direction direction) const;
  int connections() const;
  // Of the newest COMMIT that passed whole, with its answer, since the gate was made or last
  // healed.
  std::optional<Span> commit(Direction direction) const;

 private:
  struct Stream;
  struct Link;

  void run();
  void accept_new();
  void wake();
  void receive(Link& link, Direction direction);
  void pass_on(Link& link, Direction direction);
  std::uint64_t limit(Link& link, Direction direction);
  void strike(Link& link, Fault fault);
  void end_link(Link& link, bool reset);
  bool serve(Link& link, short client_ready, short server_ready);
  int next_due_ms();

  const int target_port_;
  int listener_ = -1;
  int port_ = 0;
  int waker_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Link> links_;
  std::optional<ArmedFault> armed_;
  bool struck_ = false;
  bool shut_ = false;
  bool stopping_ = false;
  int latency_ms_ = 0;
  int connections_ = 0;
  std::uint64_t passed_[2] = {0, 0};
  std::optional<Span> commit_[2];
  std::thread thread_;
};

}  // namespace pawl::test
