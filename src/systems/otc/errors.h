// SPDX-License-Identifier: Apache-2.0
//
// Every error code of the desk's own decisions and routes. Those of texts and numbers stand beside
// their parsers (decimal.h, identifiers.h), those of signatures in authorization.h.
#pragma once

#include <pawl/error.h>

namespace pawl::otc::error {

// Decisions.
inline constexpr ErrorCode order_not_found{"order_not_found", ErrorClass::not_found,
                                           "There is no order of this id"};
inline constexpr ErrorCode order_exists{"order_exists", ErrorClass::conflict,
                                        "The wallet has used this nonce for an order before"};
inline constexpr ErrorCode order_not_open{"order_not_open", ErrorClass::conflict,
                                          "The order is not open"};
inline constexpr ErrorCode order_expired{"order_expired", ErrorClass::gone,
                                         "The order's time is over"};
inline constexpr ErrorCode own_order{"own_order", ErrorClass::invalid,
                                     "The maker cannot fill the own order"};
inline constexpr ErrorCode not_the_maker{"not_the_maker", ErrorClass::forbidden,
                                         "Only the order's maker may do this"};
inline constexpr ErrorCode too_many_held{"too_many_held", ErrorClass::too_many,
                                         "The wallet holds as many unsettled orders as it may"};
inline constexpr ErrorCode too_many_open{"too_many_open", ErrorClass::too_many,
                                         "The wallet has as many open orders as it may"};
inline constexpr ErrorCode escrow_too_short{
    "escrow_too_short", ErrorClass::conflict,
    "The order's escrow ends before a settlement begun now could be paid out"};
inline constexpr ErrorCode htlc_hash_required{
    "htlc_hash_required", ErrorClass::invalid,
    "Who sells the base coin must give the hash of the own secret"};
inline constexpr ErrorCode htlc_hash_unexpected{
    "htlc_hash_unexpected", ErrorClass::invalid,
    "Who buys the base coin gives no hash: the seller makes the secret"};
inline constexpr ErrorCode order_not_matched{"order_not_matched", ErrorClass::conflict,
                                             "The order is not matched"};
inline constexpr ErrorCode settlement_over{"settlement_over", ErrorClass::gone,
                                           "The time to settle this order is over"};
inline constexpr ErrorCode payout_not_redrivable{
    "payout_not_redrivable", ErrorClass::conflict,
    "Only a payout that is known to be refused, voided or never taken can be made again"};
inline constexpr ErrorCode refund_not_possible{
    "refund_not_possible", ErrorClass::conflict,
    "Only an escrow that is locked, stopped in recovery and not released can be refunded"};
inline constexpr ErrorCode reason_required{"reason_required", ErrorClass::invalid,
                                           "An operator's action needs a reason"};
inline constexpr ErrorCode slot_not_held{"slot_not_held", ErrorClass::defect,
                                         "The wallet does not count an order that is given back"};

inline constexpr ErrorCode precondition_failed{
    "precondition_failed", ErrorClass::conflict,
    "The order is no longer at the version that If-Match names"};

// What a waiting request is told of an end that was no success.
inline constexpr ErrorCode lock_refused{"lock_refused", ErrorClass::conflict,
                                        "The custodian refused to lock the coins"};
inline constexpr ErrorCode lock_not_sent{"lock_not_sent", ErrorClass::unavailable,
                                         "The custodian could not be reached; nothing was locked"};
inline constexpr ErrorCode settlement_failed{"settlement_failed", ErrorClass::upstream,
                                             "The settlement did not succeed"};
inline constexpr ErrorCode refund_failed{"refund_failed", ErrorClass::upstream,
                                         "The refund did not succeed"};

// Requests.
inline constexpr ErrorCode body_required{"body_required", ErrorClass::invalid,
                                         "The request needs a JSON object as its body"};
inline constexpr ErrorCode field_required{"field_required", ErrorClass::invalid,
                                          "A field is missing"};
inline constexpr ErrorCode field_invalid{"field_invalid", ErrorClass::invalid,
                                         "A field's value is not of the expected form"};
inline constexpr ErrorCode unknown_field{"unknown_field", ErrorClass::invalid,
                                         "The body has a field that this request does not know"};
inline constexpr ErrorCode parameter_invalid{"parameter_invalid", ErrorClass::invalid,
                                             "A query parameter is not of the expected form"};
inline constexpr ErrorCode cursor_invalid{"cursor_invalid", ErrorClass::invalid,
                                          "The cursor is not one that this listing gave"};
inline constexpr ErrorCode event_id_invalid{"event_id_invalid", ErrorClass::invalid,
                                            "The event id is not one that a stream gave"};
inline constexpr ErrorCode idempotency_key_invalid{
    "idempotency_key_invalid", ErrorClass::invalid,
    "An Idempotency-Key is 1 to 128 characters of A-Z a-z 0-9 . _ : -"};

}  // namespace pawl::otc::error
