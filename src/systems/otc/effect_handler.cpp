// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/effect_handler.h"

#include <array>

namespace pawl::otc {

namespace {

template <class Request>
Result<CustodianRequest> decode(std::string_view payload) {
  auto request = from_payload<Request>(payload);
  if (!request) return std::unexpected(request.error());
  return CustodianRequest(std::move(*request));
}

Result<CustodianRequest> decode(std::string_view kind, std::string_view payload) {
  if (kind == LockRequest::kind) return decode<LockRequest>(payload);
  if (kind == ReleaseRequest::kind) return decode<ReleaseRequest>(payload);
  if (kind == RefundRequest::kind) return decode<RefundRequest>(payload);
  if (kind == PayoutRequest::kind) return decode<PayoutRequest>(payload);
  return fail(payload_unreadable, "no call of this kind");
}

}  // namespace

void CustodianEffects::start(const EffectCall& call, Done done) {
  const auto request = decode(call.kind, call.payload);
  const bool perform = call.purpose == EffectCall::Purpose::perform;
  if (!request) {
    // Nothing left this process; what an earlier version sent is not known here.
    done(
        {perform ? Outcome::never_sent : Outcome::unknown, std::string(request.error().code.code)});
    return;
  }
  if (perform) {
    custodian_->perform(*request, {call.timeout_ms, call.trace_id}, std::move(done));
  } else {
    custodian_->inquire(*request, {call.timeout_ms, call.trace_id}, std::move(done));
  }
}

void add_effect_handlers(Engine& engine, std::shared_ptr<Custodian> custodian) {
  const auto handler = std::make_shared<CustodianEffects>(std::move(custodian));
  for (const auto kind :
       {LockRequest::kind, ReleaseRequest::kind, RefundRequest::kind, PayoutRequest::kind}) {
    engine.handle_effect(kind, handler);
  }
}

}  // namespace pawl::otc
