// SPDX-License-Identifier: Apache-2.0
//
// The desk's settings: time spans, bounds per wallet, and how long a writing HTTP call waits for
// its end. Decisions read them from their Context's snapshot, so that each commit names the version
// it was decided under. Reading them from a file is left to the application.
#pragma once

#include <cstdint>

namespace pawl::otc {

struct Config {
  // From the match to the last moment at which the seller may confirm.
  std::int64_t settlement_window_seconds = 7'200;
  // How long the custodian holds an accepted payout before it is final.
  std::int64_t payout_delay_seconds = 86'400;
  // Kept between the last possible payout and the end of the escrow.
  std::int64_t margin_seconds = 3'600;

  std::int32_t held_per_taker = 20;
  std::int32_t open_per_maker = 200;

  // Times out of a signature are checked against wallet_auth_window_seconds (authorization.h).
  int wait_ms_default = 10'000;
  int wait_ms_max = 30'000;

  // A payout or refund of which nothing was sent is asked for again after this, doubled each time.
  std::int64_t redrive_base_seconds = 60;
  std::int64_t redrive_cap_seconds = 3'600;

  // One exchange with the custodian, and the number of exchanges under way at once.
  int custodian_timeout_ms = 10'000;
  int custodian_concurrency = 64;
  int custodian_max_attempts = 10;
  int payout_poll_interval_ms = 1'000;

  // What the escrow must outlive, counted from a match.
  std::int64_t settlement_span_seconds() const {
    return settlement_window_seconds + payout_delay_seconds + margin_seconds;
  }
};

}  // namespace pawl::otc
