// SPDX-License-Identifier: Apache-2.0
//
// What a custodian answers, however it lies: each call ends exactly once, in a bounded number of
// exchanges, and a definite outcome needs the evidence that the contract asks for. The input is a
// byte that chooses call, inquiry and adapter, then answers, a line each: a byte for the status and
// the body.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "fuzz/answers.h"
#include "fuzz/target.h"
#include "systems/otc/custodian_http.h"
#include "systems/otc/custodian_node.h"
#include "systems/otc/custodian_node_call.h"
#include "systems/otc/custodian_own.h"

namespace {

using namespace pawl;
using namespace pawl::otc;
using fuzz::check;

constexpr std::string_view order_id = "otc_00000000000000000000000000000001";
constexpr std::string_view job_id = "job_1";
constexpr std::array<unsigned, 14> statuses{200, 201, 202, 204, 302, 400, 401,
                                            404, 408, 409, 429, 500, 503, 599};
constexpr std::uint8_t sent_and_lost = 254;
constexpr std::uint8_t never_sent = 255;
// All states and pages of the longest search, and what is found there.
constexpr std::size_t most_exchanges = 7 * max_node_pages + 2 * max_release_steps + 4;

class StillClock final : public Clock {
 public:
  Time now() override { return Time{1'700'000'000'000'000}; }
  std::int64_t monotonic_us() override { return 1; }
};

CustodianRequest request_of(Call call) {
  const Wallet wallet = Wallet::of(PublicKeyBytes{});
  const std::string key = custodian_key(call, order_id, 1);
  switch (call) {
    case Call::lock: {
      LockRequest out;
      out.key = key;
      out.order_id = order_id;
      out.holder = wallet;
      out.amount_micro = 1'500'000;
      out.until_seconds = 1'700'000'000 + 2 * min_ttl_seconds;
      return out;
    }
    case Call::release:
      return ReleaseRequest{key, std::string(order_id), wallet, std::string(job_id)};
    case Call::refund:
      return RefundRequest{key, std::string(order_id), wallet, std::string(job_id)};
    case Call::payout:
      break;
  }
  return PayoutRequest{key, std::string(order_id), wallet, 1'500'000};
}

// The lines of the input as answers; then the connection is lost.
class Script {
 public:
  explicit Script(std::string_view lines) : lines_(lines) {}

  net::ClientResult next() {
    const bool over = lines_.rest().empty();
    fuzz::Input line(lines_.line());
    const std::uint8_t choice = over ? sent_and_lost : line.byte();
    if (choice >= sent_and_lost) {
      const auto kind = choice == never_sent ? net::ClientFailure::Kind::never_sent
                                             : net::ClientFailure::Kind::unknown;
      something_sent_ |= choice != never_sent;
      return std::unexpected(net::ClientFailure{kind, Error(net::client_connection_lost)});
    }
    something_sent_ = true;
    net::Response response;
    response.status = statuses[choice % statuses.size()];
    response.body = line.rest();
    any_success_ |= response.status < 300;
    any_refusal_ |= response.status >= 400 && response.status < 500;
    any_absence_ |= response.status == 404;
    return response;
  }

  bool something_sent() const { return something_sent_; }
  bool any_success() const { return any_success_; }
  bool any_refusal() const { return any_refusal_; }
  bool any_absence() const { return any_absence_; }

 private:
  fuzz::Input lines_;
  bool something_sent_ = false;
  bool any_success_ = false;
  bool any_refusal_ = false;
  bool any_absence_ = false;
};

bool is_bounded(std::string_view text) {
  return text.size() <= max_answer_text_bytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

void check_answer(const EffectAnswer& answer, const Script& script, Call call, bool inquiry,
                  bool own) {
  check(is_bounded(answer.code) && is_bounded(answer.reference), "code and reference are bounded");
  check(inquiry || answer.outcome != Outcome::absent, "only an inquiry finds nothing");
  check(!inquiry || answer.outcome != Outcome::never_sent, "an inquiry says nothing of the call");
  check(answer.outcome != Outcome::accepted || call == Call::payout, "only payouts are accepted");
  if (answer.outcome == Outcome::confirmed || answer.outcome == Outcome::accepted) {
    check(script.any_success(), "what was done was said with a success");
  }
  if (own && answer.outcome == Outcome::refused && !inquiry) {
    check(script.any_refusal(), "a refusal was said with one");
  }
  if (own && answer.outcome == Outcome::absent) {
    check(script.any_absence(), "an absence was said with one");
  }
  if (own && !inquiry) {
    check((answer.outcome == Outcome::never_sent) != script.something_sent(),
          "never sent is said of what was never sent, and of nothing else");
  }
}

}  // namespace

PAWL_FUZZ(custodian_answer) {
  static StillClock clock;
  static const auto client = std::make_shared<net::Client>();
  static const auto own =
      OwnCustodian::create("http://127.0.0.1:1", SigningKey::from_seed({}), client, clock);
  static const auto node = NodeCustodian::create({"http://127.0.0.1:1", "key"}, client, clock);
  check(own && node, "the adapters are made");

  fuzz::Input parts(input);
  const std::uint8_t choice = parts.byte();
  const auto call = static_cast<Call>(choice % 4);
  const bool inquiry = (choice & 4) != 0;
  const bool is_own = (choice & 8) != 0;
  Custodian& custodian = is_own ? static_cast<Custodian&>(**own) : **node;

  std::optional<EffectAnswer> answer;
  const auto done = [&answer](EffectAnswer given) {
    check(!answer, "a call ends once");
    answer = std::move(given);
  };
  constexpr int timeout_ms = 600'000;  // never runs out here
  if (inquiry) {
    custodian.inquire(request_of(call), timeout_ms, done);
  } else {
    custodian.perform(request_of(call), timeout_ms, done);
  }
  Script script(parts.rest());
  const std::size_t exchanges =
      fuzz::deliver([&](const net::ClientRequest&) { return script.next(); }, most_exchanges + 1);
  check(exchanges <= most_exchanges, "the exchanges of a call are bounded");
  check(answer.has_value(), "a call ends");
  check_answer(*answer, script, call, inquiry, is_own);
}
