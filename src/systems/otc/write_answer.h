// SPDX-License-Identifier: Apache-2.0
//
// What a writing request is answered, as a function of the order as it now stands: ended well (200,
// 201), ended badly (an error's status with the order's), or not ended yet (202). Pure; a repeat of
// the request gets the answer for the state of that moment.
#pragma once

#include "net/http.h"
#include "systems/otc/order.h"

namespace pawl::otc {

enum class WriteKind { create, match, confirm, cancel, redrive_payout, redrive_refund };

struct WriteWait {
  WriteKind kind = WriteKind::create;
  std::string order_id;
  Wallet wallet;  // match: the taker
};

// Whether there is nothing left to wait for.
bool write_has_ended(const WriteWait& wait, const Order& order);
net::Response write_answer(const WriteWait& wait, const Order& order);

// A problem that also says how the order stands.
net::Response problem_with_order(const Error& error, const Order& order);

std::string order_path(std::string_view order_id);

}  // namespace pawl::otc
