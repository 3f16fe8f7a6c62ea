// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/custodian_node.h"

#include "systems/otc/custodian_http.h"
#include "systems/otc/custodian_node_call.h"

namespace pawl::otc {

Result<std::unique_ptr<NodeCustodian>> NodeCustodian::create(NodeCustodianOptions options,
                                                             std::shared_ptr<net::Client> client,
                                                             Clock& clock) {
  // Once, and before anything is sent: there is no other address that the key could go to, since
  // the client follows no redirect.
  auto base_url = trusted_base_url(options.url);
  if (!base_url) return std::unexpected(base_url.error());
  options.url = std::move(*base_url);
  return std::unique_ptr<NodeCustodian>(
      new NodeCustodian(std::move(options), std::move(client), clock));
}

NodeCustodian::NodeCustodian(NodeCustodianOptions options, std::shared_ptr<net::Client> client,
                             Clock& clock)
    : options_(std::make_shared<const NodeCustodianOptions>(std::move(options))),
      client_(std::move(client)),
      clock_(clock) {}

void NodeCustodian::perform(const CustodianRequest& request, const CallOptions& options,
                            Done done) {
  std::make_shared<NodeCall>(options_, *client_, request, false, options.timeout_ms,
                             std::move(done))
      ->run(clock_.now().seconds());
}

void NodeCustodian::inquire(const CustodianRequest& request, const CallOptions& options,
                            Done done) {
  std::make_shared<NodeCall>(options_, *client_, request, true, options.timeout_ms, std::move(done))
      ->run(clock_.now().seconds());
}

ResendRule NodeCustodian::resend_rule(Call call) const {
  return call == Call::lock ? ResendRule::neither : ResendRule::dedup;
}

}  // namespace pawl::otc
