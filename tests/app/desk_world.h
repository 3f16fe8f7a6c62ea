// SPDX-License-Identifier: Apache-2.0
//
// The real server and the real sandbox as two processes with data folders apart, so that one can be
// stopped, frozen, starved of room or given another clock without the other; and the signed
// requests of one maker and one taker.
#pragma once

#include <string>

#include "app/desk_client.h"
#include "app/program_fixture.h"
#include "app/sandbox_client.h"

namespace pawl::app::test {

class DeskWorld : public ProgramTest {
 protected:
  struct Sale {
    NewOrder terms;
    otc::Secret secret;
    std::string id;
  };

  // The sandbox runs, both wallets are made, the maker has coins; the server is not started yet.
  void SetUp() override;
  void TearDown() override;
  // The server's configuration file.
  virtual std::string settings() const { return "[otc]\npayout_poll_interval_ms = 20\n"; }
  virtual std::int64_t payout_delay_ms() const { return 50; }

  // On the same port as before, if there was one.
  Result<void> start_server();
  // Another one on the same data. Gives its exit code, at once if it is refused.
  Ended start_second_server();
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }
  std::string sandbox_url() const { return "http://127.0.0.1:" + std::to_string(sandbox_.port()); }
  std::string database() const { return server_data_ + "/pawl.db"; }

  Sale new_sale() const;
  DeskClient desk(int wait_ms = 10'000) const { return DeskClient(url(), wait_ms); }
  std::string status_of(const Sale& sale);
  bool reaches(const Sale& sale, const std::string& status);
  // Created and matched; and confirmed: its payout is on its way.
  Sale matched();
  Sale confirmed();
  Result<HttpAnswer> confirm(const Sale& sale, int wait_ms = 10'000);
  // Its payout was refused: an alert.
  Sale stopped();

  // The custodian's operations of that call for the order that were carried out.
  int carried_out(const Sale& sale, const std::string& call);
  std::string escrow_state(const Sale& sale);
  void fault(const std::string& rule);
  // The codes of all alerts, acknowledged or not.
  std::vector<std::string> alert_codes();
  // The audit finds nothing, once what is under way has ended.
  void expect_sound();
  // 503, problem+json's members, a code of the store.
  static void expect_store_unavailable(const Result<HttpAnswer>& answer);

  std::string server_data_;  // folder_/desk, unless it was set before
  ChildProcess sandbox_;
  ChildProcess server_;
  otc::SigningKey maker_ = otc::SigningKey::generate();
  otc::SigningKey taker_ = otc::SigningKey::generate();
};

inline constexpr std::int64_t sale_micro = 1'000'000;

}  // namespace pawl::app::test
