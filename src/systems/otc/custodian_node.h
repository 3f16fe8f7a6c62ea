// SPDX-License-Identifier: Apache-2.0
//
// The reference node as a custodian: jobs of its agent economy serve as escrows, its admin-keyed
// wallet transfer as payout. The node knows no owner of an escrow and no key of a job, so this
// adapter reads the node's state before each step and promises only what that state proves;
// docs/otc-node.md says what is missing.
#pragma once

#include <pawl/clock.h>

#include <memory>
#include <string>

#include "net/client.h"
#include "systems/otc/custodian.h"

namespace pawl::otc {

struct NodeCustodianOptions {
  std::string url;        // https, or loopback: the admin key goes nowhere else
  std::string admin_key;  // from a file or the environment; never logged
  std::string worker_wallet = "otc_bridge_worker";  // takes the jobs and pays out
};

class NodeCustodian final : public Custodian {
 public:
  // Errors: those of trusted_base_url() (custodian_http.h). The clock must outlive it.
  static Result<std::unique_ptr<NodeCustodian>> create(NodeCustodianOptions options,
                                                       std::shared_ptr<net::Client> client,
                                                       Clock& clock);

  void perform(const CustodianRequest& request, const CallOptions& options, Done done) override;
  // A payout or lock that is not found is unknown and never absent: the node's lists are bounded
  // and move while they are read.
  void inquire(const CustodianRequest& request, const CallOptions& options, Done done) override;
  // neither for a lock, which the node would make twice; dedup for the rest: a payout by its key, a
  // release and a refund by the job's state, which each step of theirs can leave only once.
  ResendRule resend_rule(Call call) const override;

 private:
  NodeCustodian(NodeCustodianOptions options, std::shared_ptr<net::Client> client, Clock& clock);

  const std::shared_ptr<const NodeCustodianOptions> options_;  // shared with calls under way
  const std::shared_ptr<net::Client> client_;
  Clock& clock_;
};

}  // namespace pawl::otc
