// SPDX-License-Identifier: Apache-2.0
//
// One trade from a signed order to coins in the buyer's wallet, told as it goes: what `pawl run`
// shows. The maker's and the taker's keys are files of the data folder, so that a second run goes
// on with the same wallets.
#pragma once

#include <functional>
#include <string>

#include "app/desk_client.h"
#include "app/sandbox_client.h"

namespace pawl::app {

inline constexpr ErrorCode trade_not_completed{
    "trade_not_completed", ErrorClass::upstream,
    "The sample trade did not complete: a fault switch may be set"};
inline constexpr ErrorCode trade_interrupted{"trade_interrupted", ErrorClass::unavailable,
                                             "Interrupted before the trade had ended"};

class SampleTrade {
 public:
  // `interrupted` waits so long and says whether to give up.
  using Interrupted = std::function<bool(std::int64_t wait_ms)>;

  static Result<SampleTrade> open(const std::string& data_dir, std::string desk_url,
                                  std::string sandbox_url, Interrupted interrupted);

  // Puts one sell order through and prints each step; gives the order's id, also when it fails
  // after the order was made (in last_order_id()).
  Result<std::string> put_through();
  const std::string& last_order_id() const { return order_id_; }
  const otc::Wallet& maker_wallet() const { return maker_wallet_; }

 private:
  SampleTrade(const otc::SigningKey& maker, const otc::SigningKey& taker, std::string desk_url,
              std::string sandbox_url, Interrupted interrupted);
  Result<void> fund();
  Result<void> expect(const char* what, const Result<HttpAnswer>& answer);
  Result<void> wait_for(std::string_view status);

  otc::SigningKey maker_;
  otc::SigningKey taker_;
  otc::Wallet maker_wallet_;
  std::unique_ptr<DeskClient> desk_;
  std::unique_ptr<SandboxClient> sandbox_;
  Interrupted interrupted_;
  std::string order_id_;
};

}  // namespace pawl::app
