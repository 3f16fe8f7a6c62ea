// SPDX-License-Identifier: Apache-2.0
//
// Orders and trades as the API shows them, to anybody: amounts as decimal text, integers of the
// smallest units as text too (a total can be beyond 2^53), times in RFC 3339. Never shown: the
// secret before the order is completed, the escrow's name at the custodian, signatures, and the
// inner states of attempts.
#pragma once

#include <string>

#include "core/json.h"
#include "systems/otc/order.h"

namespace pawl::otc {

// The members of an order, into an open object.
void write_order(json::Writer& out, const Order& order);
void write_trade(json::Writer& out, const TradeRecord& trade);

// A whole object; with `ok` where it answers a write.
std::string order_json(const Order& order);
std::string order_json(bool ok, const Order& order);

// A custodian's code if it looks like one (a to z, 0 to 9, _ : up to 64), else "refused": nothing
// else that came from there is shown.
std::string shown_code(std::string_view code);

}  // namespace pawl::otc
