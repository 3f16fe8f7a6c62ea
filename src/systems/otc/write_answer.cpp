// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/write_answer.h"

#include "systems/otc/errors.h"
#include "systems/otc/views.h"

namespace pawl::otc {

namespace {

net::Response answered(unsigned status, bool ok, const Order& order) {
  net::Response response;
  response.status = status;
  response.body = order_json(ok, order);
  response.headers.push_back({"Location", order_path(order.order_id)});
  return response;
}

net::Response lock_problem(const Order& order) {
  if (order.failed_unsent) return problem_with_order(Error(error::lock_not_sent), order);
  return problem_with_order(Error(error::lock_refused, shown_code(order.failed_code)), order);
}

net::Response create_answer(const Order& order) {
  if (order.state == OrderState::rejected) return lock_problem(order);
  return answered(201, true, order);
}

net::Response match_answer(const WriteWait& wait, const Order& order) {
  if (order.taker == wait.wallet) return answered(200, true, order);
  if (order.failed_taker == wait.wallet) return lock_problem(order);
  return problem_with_order(Error(error::lock_refused), order);
}

net::Response settlement_answer(const Order& order) {
  if (order.state == OrderState::payout_pending || order.state == OrderState::completed) {
    return answered(200, true, order);
  }
  return problem_with_order(Error(error::settlement_failed, shown_code(order.reason)), order);
}

net::Response refund_answer(OrderState wanted, const Order& order) {
  if (order.state == wanted) return answered(200, true, order);
  return problem_with_order(Error(error::refund_failed, shown_code(order.reason)), order);
}

}  // namespace

std::string order_path(std::string_view order_id) {
  return "/otc/orders/" + std::string(order_id);
}

net::Response problem_with_order(const Error& why, const Order& order) {
  constexpr unsigned precondition_status = 412;
  return net::problem_with_status(
      why,
      why.code == error::precondition_failed ? precondition_status
                                             : net::status_of(why.code.error_class),
      {{"order_id", json::Value::string(order.order_id)},
       {"order_status", json::Value::string(std::string(name_of(order.state)))}});
}

bool write_has_ended(const WriteWait& wait, const Order& order) {
  switch (wait.kind) {
    case WriteKind::create:
      return order.state != OrderState::opening;
    case WriteKind::match:
      return order.state != OrderState::matching || order.taker != wait.wallet;
    case WriteKind::confirm:
    case WriteKind::redrive_payout:
      return order.state != OrderState::settling;
    case WriteKind::cancel:
    case WriteKind::redrive_refund:
      return order.state != OrderState::refund_pending;
  }
  return true;
}

net::Response write_answer(const WriteWait& wait, const Order& order) {
  if (!write_has_ended(wait, order)) return answered(202, false, order);
  switch (wait.kind) {
    case WriteKind::create:
      return create_answer(order);
    case WriteKind::match:
      return match_answer(wait, order);
    case WriteKind::confirm:
    case WriteKind::redrive_payout:
      return settlement_answer(order);
    case WriteKind::cancel:
      return refund_answer(OrderState::cancelled, order);
    case WriteKind::redrive_refund:
      return refund_answer(OrderState::expired, order);
  }
  return answered(200, true, order);
}

}  // namespace pawl::otc
