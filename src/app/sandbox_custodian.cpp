// SPDX-License-Identifier: Apache-2.0
#include "app/sandbox_custodian.h"

#include <optional>
#include <string_view>

#include "app/sandbox_custodian_contract.h"
#include "core/json.h"

namespace pawl::app {
namespace {

inline constexpr ErrorCode no_such_endpoint{"no_such_endpoint", ErrorClass::not_found,
                                            "The sandbox has nothing at this path and method."};
// What a gateway says when it lost its backend, and a page that is no answer of the contract.
constexpr std::string_view gateway_page =
    "<html><body><h1>503 Backend unavailable</h1></body></html>";
constexpr std::string_view web_page = "<!doctype html><html><body>Welcome</body></html>";

net::Response page(unsigned status, std::string_view body) {
  net::Response out;
  out.status = status;
  out.content_type = "text/html";
  out.body = body;
  return out;
}

net::Response redirect() {
  net::Response out = page(307, "");
  // TEST-NET-1 (RFC 5737): nobody lives there.
  out.headers.push_back({"Location", "http://192.0.2.1/custodian"});
  return out;
}

bool commits(FaultMode mode) {
  return mode == FaultMode::answer || mode == FaultMode::refuse || mode == FaultMode::late ||
         mode == FaultMode::arrive_late || mode >= FaultMode::commit_then_error_5xx;
}

// How the answer, true or made up, leaves under this mode.
Delivered delivered(FaultMode mode, net::Response response, std::uint32_t delay_ms) {
  switch (mode) {
    case FaultMode::answer:
    case FaultMode::refuse:
    case FaultMode::arrive_late:
      return {std::move(response)};
    case FaultMode::late:
      return {std::move(response), Delivery::whole, delay_ms};
    case FaultMode::error_5xx:
    case FaultMode::commit_then_error_5xx:
      return {page(503, gateway_page)};
    case FaultMode::close_after_reading:
    case FaultMode::commit_then_close:
      return {{}, Delivery::close};
    case FaultMode::reset:
    case FaultMode::commit_then_reset:
      return {{}, Delivery::reset};
    case FaultMode::hang:
    case FaultMode::commit_then_hang:
      return {{}, Delivery::hang, delay_ms};
    case FaultMode::half:
    case FaultMode::commit_then_half:
      return {std::move(response), Delivery::half};
    case FaultMode::garbage:
    case FaultMode::commit_then_garbage:
      return {{}, Delivery::garbage};
    case FaultMode::html:
    case FaultMode::commit_then_html:
      return {page(200, web_page)};
    case FaultMode::slow_drip:
      return {std::move(response), Delivery::slow_drip, delay_ms};
    case FaultMode::redirect:
      return {redirect()};
  }
  return {};
}

}  // namespace

struct SandboxCustodian::Endpoint {
  std::string_view method;
  std::string_view path;    // before the parameter
  bool takes_parameter;     // the next segment
  std::string_view suffix;  // behind it
  std::optional<FaultTarget> target;
  net::Response (*run)(SandboxCustodian&, const Received&);

  std::optional<std::string> match(const net::Request& request) const {
    std::string_view rest = request.path;
    if (request.method != method || !rest.starts_with(path)) return std::nullopt;
    rest.remove_prefix(path.size());
    if (!rest.ends_with(suffix)) return std::nullopt;
    rest.remove_suffix(suffix.size());
    const bool whole =
        takes_parameter ? !rest.empty() && rest.find('/') == std::string_view::npos : rest.empty();
    return whole ? std::optional<std::string>(rest) : std::nullopt;
  }
};

const SandboxCustodian::Endpoint SandboxCustodian::endpoints[] = {
    {"POST", "/custodian/locks", false, "", FaultTarget::lock,
     [](SandboxCustodian& s, const Received& r) { return s.call(otc::Call::lock, r); }},
    {"POST", "/custodian/releases", false, "", FaultTarget::release,
     [](SandboxCustodian& s, const Received& r) { return s.call(otc::Call::release, r); }},
    {"POST", "/custodian/refunds", false, "", FaultTarget::refund,
     [](SandboxCustodian& s, const Received& r) { return s.call(otc::Call::refund, r); }},
    {"POST", "/custodian/payouts", false, "", FaultTarget::payout,
     [](SandboxCustodian& s, const Received& r) { return s.call(otc::Call::payout, r); }},
    {"GET", "/custodian/operations/", true, "", FaultTarget::inquiry,
     [](SandboxCustodian& s, const Received& r) { return s.inquiry(r); }},
    {"GET", "/custodian/wallets/", true, "", std::nullopt,
     [](SandboxCustodian& s, const Received& r) { return s.wallet(r); }},
    {"POST", "/sandbox/faucet", false, "", std::nullopt,
     [](SandboxCustodian& s, const Received& r) { return s.faucet(r); }},
    {"POST", "/sandbox/faults", false, "", std::nullopt,
     [](SandboxCustodian& s, const Received& r) { return s.add_fault(r); }},
    {"GET", "/sandbox/faults", false, "", std::nullopt,
     [](SandboxCustodian& s, const Received& r) { return s.list_faults(r); }},
    {"DELETE", "/sandbox/faults", false, "", std::nullopt,
     [](SandboxCustodian& s, const Received& r) { return s.clear_faults(r); }},
    {"POST", "/sandbox/payouts/", true, "/void", std::nullopt,
     [](SandboxCustodian& s, const Received& r) { return s.void_payout(r); }},
    {"GET", "/sandbox/ledger", false, "", std::nullopt,
     [](SandboxCustodian& s, const Received& r) { return s.ledger_page(r); }},
};

SandboxCustodian::SandboxCustodian(SandboxOptions options)
    : options_(std::move(options)),
      clock_(options_.clock ? *options_.clock : system_clock()),
      faults_(options_.fault_seed),
      front_([this](const net::Request& request, FrontPause& pause) {
        return answer(request, pause);
      }) {}

SandboxCustodian::~SandboxCustodian() {
  stop();
}

Result<std::uint16_t> SandboxCustodian::start() {
  auto ledger = SandboxLedger::open(options_.data_file, options_.payout_delay_ms);
  if (!ledger) return std::unexpected(ledger.error());
  ledger_ = std::move(*ledger);
  const auto port = front_.start(options_.host, options_.port);
  if (port) port_ = *port;
  return port;
}

void SandboxCustodian::stop() {
  front_.stop();
}

std::string SandboxCustodian::url() const {
  const bool v6 = options_.host.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + options_.host + "]" : options_.host) + ":" + std::to_string(port_);
}

std::int64_t SandboxCustodian::now_ms() const {
  return clock_.now().us / 1'000;
}

Delivered SandboxCustodian::answer(const net::Request& request, FrontPause& pause) {
  for (const auto& endpoint : endpoints) {
    if (auto parameter = endpoint.match(request)) {
      return strike(endpoint, {request, std::move(*parameter)}, pause);
    }
  }
  return {net::problem(no_such_endpoint)};
}

Delivered SandboxCustodian::strike(const Endpoint& endpoint, Received received, FrontPause& pause) {
  if (!endpoint.target) return {endpoint.run(*this, received)};
  const auto fault = faults_.strike(*endpoint.target);
  if (fault.mode == FaultMode::arrive_late && !pause.wait_ms(fault.delay_ms)) {
    return {{}, Delivery::close};
  }
  received.refuse = fault.mode == FaultMode::refuse;
  // What is cut or dripped without a commit looks like an answer's beginning.
  auto response = commits(fault.mode) ? endpoint.run(*this, received) : page(200, web_page);
  return delivered(fault.mode, std::move(response), fault.delay_ms);
}

net::Response SandboxCustodian::call(otc::Call call, const Received& received) {
  const auto at_ms = now_ms();
  const auto& request = received.request;
  if (auto signed_by_service =
          check_service_signature(request, options_.service_public_key, at_ms / 1'000);
      !signed_by_service) {
    return net::problem(signed_by_service.error());
  }
  const auto read = read_custodian_request(call, request.body);
  if (!read) return net::problem(read.error());
  const auto operation = received.refuse ? ledger_->refuse(*read, "fault_refused", at_ms)
                                         : ledger_->execute(*read, at_ms);
  if (!operation) return net::problem(operation.error());
  ++executions_;
  return operation_answer(*operation, false);
}

net::Response SandboxCustodian::inquiry(const Received& received) {
  const auto at_ms = now_ms();
  if (auto signed_by_service =
          check_service_signature(received.request, options_.service_public_key, at_ms / 1'000);
      !signed_by_service) {
    return net::problem(signed_by_service.error());
  }
  if (received.refuse) return net::problem(no_such_endpoint);
  const auto operation = ledger_->find(received.parameter, at_ms);
  if (!operation) return net::problem(operation.error());
  return *operation ? operation_answer(**operation, true) : absent_answer(received.parameter);
}

}  // namespace pawl::app
