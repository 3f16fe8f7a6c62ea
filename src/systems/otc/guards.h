// SPDX-License-Identifier: Apache-2.0
//
// Every condition under which a command of the desk may change anything, each with the failure that
// it prevents.
#pragma once

#include <pawl/guard.h>

namespace pawl::otc::guard {

// A second create under a used id would overwrite an order that has coins in escrow.
inline constexpr Guard order_is_new{"otc.order_is_new"};
// A command to an id that never existed has nothing to act on.
inline constexpr Guard order_exists{"otc.order_exists"};
// A caller that decided on an older state of the order would act on what it never saw.
inline constexpr Guard version_expected{"otc.version_expected"};
// One maker could fill the board (and the custodian) with orders.
inline constexpr Guard few_open{"otc.few_open"};
// A seller without a hash could never settle; a buyer's hash would let the buyer release.
inline constexpr Guard hash_from_seller{"otc.hash_from_seller"};

// Two takers of one order; a match of an order whose coins are going back.
inline constexpr Guard open_to_match{"otc.open_to_match"};
// A match in the instant before the expiry's deadline is decided.
inline constexpr Guard not_expired{"otc.not_expired"};
// Self-trades that fake price and volume.
inline constexpr Guard not_own_order{"otc.not_own_order"};
// Mass-matching by one wallet freezes every maker's coins at no cost.
inline constexpr Guard few_held{"otc.few_held"};
// A seller could wait for the escrow to run out and keep both sides.
inline constexpr Guard escrow_covers_settlement{"otc.escrow_covers_settlement"};

// A cancel of an order that a taker relies on, or a second refund.
inline constexpr Guard open_to_cancel{"otc.open_to_cancel"};
// A stranger's cancel.
inline constexpr Guard cancelled_by_maker{"otc.cancelled_by_maker"};

// A release of an escrow that is not there, is being refunded, or is released already.
inline constexpr Guard matched_to_confirm{"otc.matched_to_confirm"};
// A release without the seller's consent, which the secret is.
inline constexpr Guard secret_opens_hash{"otc.secret_opens_hash"};
// A confirm at the same instant as the time-out: paid and refunded.
inline constexpr Guard settlement_time_left{"otc.settlement_time_left"};

// Paying twice: a further attempt while the earlier one may still pay.
inline constexpr Guard payout_is_void{"otc.payout_is_void"};
// Refunding what was released.
inline constexpr Guard escrow_still_ours{"otc.escrow_still_ours"};
// An operator's act that nobody can explain later.
inline constexpr Guard reason_given{"otc.reason_given"};

// A count below zero, which would lift a bound.
inline constexpr Guard slot_is_held{"otc.slot_is_held"};

}  // namespace pawl::otc::guard
