// SPDX-License-Identifier: Apache-2.0
//
// The custodian contract of our own, over HTTP: every request signed with the service's Ed25519
// key, bound to one order, keyed; the far side executes one key once and remembers the answer.
// docs/sandbox.md is the contract's text; `pawl sandbox` serves it. This file is the sending side
// and what both sides must agree on.
#pragma once

#include <pawl/clock.h>

#include <memory>
#include <string>
#include <string_view>

#include "net/client.h"
#include "systems/otc/custodian.h"

namespace pawl::otc {

// Request headers: the service's public key in hex, Unix seconds, and the hex signature over
// service_signing_text().
inline constexpr std::string_view service_key_header = "Pawl-Service-Key";
inline constexpr std::string_view service_time_header = "Pawl-Timestamp";
inline constexpr std::string_view service_signature_header = "Pawl-Signature";
// The far side refuses a timestamp further away than this.
inline constexpr std::int64_t service_window_seconds = 300;

// Method, path, timestamp and the body's SHA-256 in hex, a line each.
std::string service_signing_text(std::string_view method, std::string_view path,
                                 std::string_view timestamp, std::string_view body);

// "/custodian/locks" and so on; an inquiry is GET operation_path(key).
std::string_view path_of(Call call);
std::string operation_path(std::string_view key);
// The JSON body of a request.
std::string body_of(const CustodianRequest& request);

// What an exchange proved. `inquiry` tells whether it was GET operation_path(key): only then can
// the answer be absent. Pure.
EffectAnswer read_own_answer(const CustodianRequest& request, bool inquiry,
                             const net::ClientResult& result);

class OwnCustodian final : public Custodian {
 public:
  // Errors: those of trusted_base_url() (custodian_http.h). The clock must outlive it.
  static Result<std::unique_ptr<OwnCustodian>> create(std::string_view url,
                                                      const SigningKey& service_key,
                                                      std::shared_ptr<net::Client> client,
                                                      Clock& clock);

  void perform(const CustodianRequest& request, const CallOptions& options, Done done) override;
  void inquire(const CustodianRequest& request, const CallOptions& options, Done done) override;
  // dedup, for every call: the contract demands it.
  ResendRule resend_rule(Call call) const override;

 private:
  OwnCustodian(std::string base_url, const SigningKey& service_key,
               std::shared_ptr<net::Client> client, Clock& clock);
  void exchange(std::string method, const std::string& path, std::string body,
                const CustodianRequest& request, const CallOptions& options, Done done);

  const std::string base_url_;
  const SigningKey service_key_;
  const std::shared_ptr<net::Client> client_;
  Clock& clock_;
};

}  // namespace pawl::otc
