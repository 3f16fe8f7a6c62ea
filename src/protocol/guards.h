// SPDX-License-Identifier: Apache-2.0
//
// The guards of the engine itself, each with the failure that it prevents. In production
// guard_holds() is the condition and nothing else; the checker's build can switch one off by name
// and shows what then goes wrong. The last group stands in drivers and stores; the checker's model
// of them asks the same names.
#pragma once

#include <pawl/guard.h>

namespace pawl::protocol::guard {

// A repeated command is carried out twice.
inline constexpr Guard no_receipt_yet{"protocol.no_receipt_yet"};
// The same, where the commit shows what was not looked up: the unique key of receipts. (In stores.)
inline constexpr Guard receipt_is_new{"protocol.receipt_is_new"};
// A repeat is answered with an error that its first sending did not have.
inline constexpr Guard answer_has_receipt{"protocol.answer_has_receipt"};
// Another command under a used id is answered with a receipt that is not its own.
inline constexpr Guard same_content{"protocol.same_content"};
// A message that another worker has delivered is delivered again.
inline constexpr Guard message_is_there{"protocol.message_is_there"};
// A request whose receipt was removed meanwhile is carried out again.
inline constexpr Guard receipt_still_kept{"protocol.receipt_still_kept"};
// The same, for the id of a caller whose clock is ahead: it looks younger than its receipt.
inline constexpr Guard receipt_outlives_slack{"protocol.receipt_outlives_slack"};
// A deadline that was armed anew, disarmed or decided meanwhile is decided.
inline constexpr Guard arming_stands{"protocol.arming_stands"};
// A clock that was set back has a deadline decided, and used up, before its time.
inline constexpr Guard deadline_is_due{"protocol.deadline_is_due"};
// A decision makes a move that the machine's table does not have.
inline constexpr Guard move_is_legal{"protocol.move_is_legal"};

// Two workers carry out one effect at once.
inline constexpr Guard effect_is_claimable{"protocol.effect_is_claimable"};
// What is unknown is sent again on a guess.
inline constexpr Guard inquiry_before_resend{"protocol.inquiry_before_resend"};
// Absent now, and there once the late bytes arrive: done twice where nothing else prevents it.
inline constexpr Guard rule_allows_resend{"protocol.rule_allows_resend"};
// The same, while the far side would still take the late bytes.
inline constexpr Guard not_after_has_passed{"protocol.not_after_has_passed"};
// What was accepted, and is unknown there now, is sent again.
inline constexpr Guard was_never_accepted{"protocol.was_never_accepted"};
// An effect ends as never sent, and its late bytes arrive.
inline constexpr Guard nothing_was_sent{"protocol.nothing_was_sent"};
// A worker whose lease was taken over ends what another one has begun.
inline constexpr Guard token_stands{"protocol.token_stands"};
// An operator ends an effect whose request is just being sent.
inline constexpr Guard no_exchange_under_way{"protocol.no_exchange_under_way"};

// What the store that a backup was taken of has sent since is sent again: by an effect that the
// backup has as well ...
inline constexpr Guard restored_is_unknown{"protocol.restored_is_unknown"};
// ... and by one that is asked for only in the restored store.
inline constexpr Guard restored_asks_first{"protocol.restored_asks_first"};
// A process whose lane was taken over writes on: ids and places in the journal are given out twice.
inline constexpr Guard lane_epoch{"protocol.lane_epoch"};

// In drivers and stores. A decision sees rows as they were before it waited for their lock.
inline constexpr Guard locked_read{"protocol.locked_read"};
// A change that somebody made without the lock is overwritten unseen.
inline constexpr Guard row_version{"protocol.row_version"};
// A crash after the first byte finds an effect that seems never to have been sent.
inline constexpr Guard claim_before_send{"protocol.claim_before_send"};
// A message overtakes a parked one of its pair.
inline constexpr Guard pair_is_free{"protocol.pair_is_free"};

}  // namespace pawl::protocol::guard
