// SPDX-License-Identifier: Apache-2.0
//
// One call or inquiry to the node: a bounded chain of HTTP exchanges that ends in one answer. It
// keeps itself alive until then. Private to the node adapter.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "systems/otc/custodian_node.h"
#include "systems/otc/custodian_node_wire.h"

namespace pawl::otc {

// A release claims, delivers, accepts, and reads the job before and after each; races with others
// may cost a few steps more.
inline constexpr int max_release_steps = 6;
// Lists are read no further than this; not found within it is unknown.
inline constexpr int max_node_pages = 20;
inline constexpr int node_jobs_per_page = 100;
inline constexpr int node_transfers_per_page = 500;
// A page of transfers is long; a longer one is cut off and proves nothing.
inline constexpr std::size_t max_node_page_bytes = std::size_t{1} << 20;

class NodeCall : public std::enable_shared_from_this<NodeCall> {
 public:
  NodeCall(std::shared_ptr<const NodeCustodianOptions> options, net::Client& client,
           CustodianRequest request, bool inquiry, int timeout_ms, Custodian::Done done);

  void run(std::int64_t now_seconds);

 private:
  enum class Admin { without_key, with_key };
  // A whole JSON object and its response; everything else has ended the call already.
  using Next = std::function<void(const net::Response&, const json::Value&)>;

  void lock(const LockRequest& request, std::int64_t now_seconds);
  void find_job(std::size_t status, int page, const std::string& first_row);
  void check_found_job(const std::string& job_id);
  void with_job(std::function<void(const json::Value& job)> next);
  void release(int step);
  void refund(bool cancelled);
  void payout(const PayoutRequest& request);
  void find_transfer(std::size_t status, int page, const std::string& first_row);
  void read_transfer(const json::Value& row);

  void get(const std::string& path, Admin admin, Next next);
  void post(const std::string& path, std::string body, Admin admin, Next next);
  void exchange(net::ClientRequest request, Admin admin, Next next);
  void failed(const net::ClientFailure& failure);
  void end(Outcome outcome, std::string_view code, std::string_view reference = {});

  std::string job_path() const;
  std::string holder_text() const;
  bool worker_is_ours(const json::Value& job) const;

  const std::shared_ptr<const NodeCustodianOptions> options_;
  // Not shared: the last owner may not be one of its own callbacks. It outlives every call, because
  // its destructor ends them all first.
  net::Client& client_;
  const CustodianRequest request_;
  const bool inquiry_;
  const std::chrono::steady_clock::time_point deadline_;
  Custodian::Done done_;
  bool something_sent_ = false;  // of what may change the node's state
};

}  // namespace pawl::otc
