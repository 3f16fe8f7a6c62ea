// SPDX-License-Identifier: Apache-2.0
#include "protocol/decider.h"

#include <algorithm>
#include <utility>

#include "protocol/guards.h"
#include "protocol/overloaded.h"
#include "protocol/retention.h"

namespace pawl::protocol {

namespace {

Receipt receipt_from(const StoredReceipt& stored) {
  Receipt receipt;
  receipt.done = stored.done;
  receipt.code = stored.code;
  receipt.detail = stored.detail;
  receipt.error_class = stored.error_class;
  receipt.reply_json = stored.reply_json;
  receipt.version = stored.version;
  receipt.repeated = true;
  return receipt;
}

StoredReceipt stored_from(const Receipt& receipt, const Fingerprint& fingerprint) {
  StoredReceipt stored;
  stored.fingerprint = fingerprint;
  stored.done = receipt.done;
  stored.code = receipt.code;
  stored.detail = receipt.detail;
  stored.error_class = receipt.error_class;
  stored.reply_json = receipt.reply_json;
  stored.version = receipt.version;
  return stored;
}

WorkResult with_fate(Fate fate) {
  WorkResult result;
  result.fate = fate;
  return result;
}

WorkResult with_error(Error error) {
  WorkResult result;
  result.receipt = std::unexpected(std::move(error));
  return result;
}

WorkResult with_receipt(Receipt receipt) {
  WorkResult result;
  result.receipt = std::move(receipt);
  return result;
}

WorkResult set_aside() {
  WorkResult result;
  result.parked = true;
  return result;
}

// What an operator lets happen goes on with the trace that it belongs to; the verb's own entry in
// the journal has that of the operator's request.
CommandOrigin continuing(CommandOrigin origin, std::string_view trace_id) {
  if (!trace_id.empty()) origin.trace_id = trace_id;
  return origin;
}

std::string outcome_id(const EffectRow& row) {
  return "effect:" + std::to_string(row.id) + ":" + std::to_string(row.attempt) + "." +
         std::to_string(row.inquiry) + ":" + std::to_string(row.token);
}

}  // namespace

std::string note_of(const MessageRow& row) {
  return "message:" + std::to_string(row.id);
}
std::string note_of(const DeadlineRow& row) {
  return "deadline:" + std::to_string(row.arming);
}
std::string note_of(const EffectRow& row) {
  return "outcome:" + std::to_string(row.id);
}

WorkResult Decider::decide(const Work& work, const Planned& planned) {
  // Once one work found no room, those behind it wait with it: messages stay in their order.
  if (full_) return with_fate(Fate::again);
  if (is_skipped(planned)) return with_fate(Fate::skipped);
  WorkResult result = dispatch(work, planned);
  full_ = result.fate == Fate::again;
  return result;
}

bool Decider::lacks_receipt(const Planned& planned, const WorkResult& result) const {
  if (planned.receipt == not_planned) return false;
  if (result.fate == Fate::again || result.fate == Fate::skipped) return false;
  return !guard_holds(guard::answer_has_receipt,
                      state_.locked().receipts[planned.receipt].has_value());
}

// Nothing is known of what another session holds: no decision, no receipt, not even a repeat's.
bool Decider::is_skipped(const Planned& planned) const {
  const LockedBatch& locked = state_.locked();
  const auto within = [](const std::vector<bool>& skipped, std::size_t index) {
    return index < skipped.size() && skipped[index];
  };
  if (planned.effect != not_planned && within(locked.effects_skipped, planned.effect)) return true;
  if (locked.entities_skipped.empty()) return false;
  const auto entities = planned.entities();
  return std::any_of(entities.begin(), entities.end(),
                     [&](std::size_t index) { return within(locked.entities_skipped, index); });
}

WorkResult Decider::dispatch(const Work& work, const Planned& planned) {
  return std::visit(Overloaded{
                        [&](const RequestWork& w) { return request(w, planned); },
                        [&](const MessageWork& w) { return message(w, planned); },
                        [&](const DeadlineWork& w) { return deadline(w, planned); },
                        [&](const ClaimWork& w) { return claim(w, planned); },
                        [&](const AnswerWork& w) { return answer(w, planned); },
                        [&](const LeaseLostWork& w) { return lease_lost(w, planned); },
                        [&](const OperateWork& w) { return operate(w, planned); },
                        [&](const ParkWork& w) { return park(w, planned); },
                        [&](const ParkedWork& w) { return parked(w, planned); },
                        [&](const AlertWork& w) { return alert(w, planned); },
                    },
                    work.item);
}

WorkResult Decider::request(const RequestWork& work, const Planned& planned) {
  if (planned.error) return with_error(*planned.error);
  auto& stored = state_.locked().receipts[planned.receipt];
  if (!guard_holds(guard::no_receipt_yet, !stored)) {
    if (!guard_holds(guard::same_content, stored->fingerprint == planned.fingerprint)) {
      return with_error(idempotency_mismatch);
    }
    return with_receipt(receipt_from(*stored));
  }
  if (too_old(work.origin)) return with_error(request_too_old);
  const CommandOrigin origin{"request", work.origin.principal, work.origin.id, work.origin.why, 0,
                             {},        work.origin.trace_id};
  auto decided = state_.run(*planned.command, planned.entities(), origin);
  if (!decided) {
    if (decided.error().code == batch_full) return with_fate(Fate::again);
    return with_error(decided.error());
  }
  store_receipt(planned, decided->receipt);
  return with_receipt(std::move(decided->receipt));
}

bool Decider::too_old(const Origin& origin) const {
  return !guard_holds(guard::receipt_still_kept,
                      !is_too_old(origin, state_.time(), receipts_window_us_));
}

void Decider::store_receipt(const Planned& planned, const Receipt& receipt) {
  auto& stored = state_.locked().receipts[planned.receipt];
  stored = stored_from(receipt, planned.fingerprint);
  state_.writes().receipts.push_back({std::move(receipt_keys_[planned.receipt]), *stored});
}

WorkResult Decider::message(const MessageWork& work, const Planned& planned) {
  const MessageRow& row = work.row;
  if (!guard_holds(guard::message_is_there, state_.locked().messages[planned.message])) {
    return with_fate(Fate::stale);
  }
  const auto consumed = [&] {
    state_.locked().messages[planned.message] = false;
    return set_aside();
  };
  if (state_.is_held(row.from, row.to)) return with_fate(Fate::held);
  const auto& behind = state_.locked().messages_behind;
  if (planned.message < behind.size() && behind[planned.message]) return with_fate(Fate::held);
  if (planned.error) {
    park_message(row, std::string(planned.error->code.code), planned.error->detail);
    return consumed();
  }
  const std::string sender = std::string(row.from.machine) + ":" + row.from.key;
  const std::string id = note_of(row);
  const CommandOrigin origin{"message", sender, id, "", row.hops, id, row.trace_id};
  auto decided = state_.run(*planned.command, planned.entities(), origin);
  if (!decided && decided.error().code == batch_full) return with_fate(Fate::again);
  if (!decided) {
    park_message(row, std::string(decided.error().code.code), decided.error().detail);
    return consumed();
  }
  if (!decided->receipt.done) {
    if (row.bounced) {
      park_message(row, decided->receipt.code, decided->receipt.detail);
      return consumed();
    }
    bounce(row, decided->receipt);
  }
  state_.locked().messages[planned.message] = false;
  state_.writes().messages_deleted.push_back(row.id);
  return with_receipt(std::move(decided->receipt));
}

void Decider::bounce(const MessageRow& row, const Receipt& refusal) {
  MessageRow back = row;
  back.id = state_.next_id();
  back.from = row.to;
  back.to = row.from;
  back.hops = row.hops + 1;
  back.bounced = true;
  back.code = refusal.code;
  back.detail = refusal.detail;
  state_.writes().messages_inserted.push_back(std::move(back));
}

WorkResult Decider::deadline(const DeadlineWork& work, const Planned& planned) {
  const DeadlineRow& row = work.row;
  const DeadlineRef ref{row.entity, row.name};
  const auto standing = [&] {
    return state_.standing_arming(ref, state_.locked().deadlines[planned.deadline]);
  };
  if (!guard_holds(guard::arming_stands, standing() == row.arming)) return with_fate(Fate::stale);
  // Found due by a clock that was set back since: it stays, and is found again.
  if (!guard_holds(guard::deadline_is_due, row.due <= state_.time())) {
    return with_fate(Fate::stale);
  }
  if (planned.error) {
    park_deadline(row, std::string(planned.error->code.code), planned.error->detail);
    return set_aside();
  }
  const std::string name = "deadline:" + row.name;
  const std::string id = name + ":" + std::to_string(row.arming);
  const std::string note = note_of(row);
  const CommandOrigin origin{"deadline", name, id, "", 0, note, row.trace_id};
  auto decided = state_.run(*planned.command, planned.entities(), origin);
  if (!decided && decided.error().code == batch_full) return with_fate(Fate::again);
  if (!decided) {
    park_deadline(row, std::string(decided.error().code.code), decided.error().detail);
    return set_aside();
  }
  if (!decided->receipt.done) {
    park_deadline(row, decided->receipt.code, decided->receipt.detail);
    return set_aside();
  }
  // The decision may have armed it again: that arming stands.
  if (standing() == row.arming) state_.consume_deadline(ref);
  return with_receipt(std::move(decided->receipt));
}

WorkResult Decider::claim(const ClaimWork&, const Planned& planned) {
  auto& row = state_.locked().effects[planned.effect];
  if (!row) return with_fate(Fate::stale);
  const bool claimable = row->state == EffectState::ready || row->state == EffectState::accepted ||
                         row->state == EffectState::unknown;
  if (!guard_holds(guard::effect_is_claimable, claimable)) return with_fate(Fate::stale);
  const EffectSpec* spec = registry_.find_effect(row->kind);
  if (spec == nullptr) {
    return with_error(Error(machine_defect, "unknown effect kind " + row->kind));
  }
  StartExchange exchange;
  exchange.purpose = protocol::claim(*row, spec->policy, state_.time());
  exchange.row = *row;
  exchanges_.push_back(std::move(exchange));
  state_.effect_changed(planned.effect);
  return {};
}

WorkResult Decider::answer(const AnswerWork& work, const Planned& planned) {
  const auto& locked = state_.locked().effects[planned.effect];
  if (!locked) return with_fate(Fate::stale);
  if (!guard_holds(guard::token_stands, locked->token == work.claimed.token)) {
    return with_fate(Fate::stale);
  }
  const EffectSpec* spec = registry_.find_effect(work.claimed.kind);
  if (spec == nullptr) return with_error(*planned.error);
  EffectRow row = *locked;
  const EffectStep step =
      answered(row, work.claimed.token, work.answer, spec->policy, state_.time(), work.jitter);
  if (step.stale) return with_fate(Fate::stale);
  const std::string effect = "effect:" + std::to_string(row.id);
  const std::string id = outcome_id(row);
  const std::string note = note_of(row);
  const CommandOrigin origin{"outcome", effect, id, "", 0, note, row.trace_id};
  if (!settle_effect(planned.effect, std::move(row), step, planned, origin)) {
    return with_fate(Fate::again);
  }
  return {};
}

bool Decider::settle_effect(std::size_t index, EffectRow row, const EffectStep& step,
                            const Planned& planned, const CommandOrigin& origin) {
  std::optional<std::pair<std::string, std::string>> trouble;
  if (step.report && planned.error) {
    trouble.emplace(planned.error->code.code, planned.error->detail);
  } else if (step.report && planned.command) {
    auto decided = state_.run(*planned.command, planned.entities(), origin);
    if (!decided && decided.error().code == batch_full) return false;
    if (!decided) {
      trouble.emplace(decided.error().code.code, decided.error().detail);
    } else if (!decided->receipt.done) {
      trouble.emplace(decided->receipt.code, decided->receipt.detail);
    }
  }
  if (!step.alert_code.empty()) {
    state_.alert(step.alert_code, row.owner, row.id, row.attempt, row.kind + ": " + row.code,
                 row.trace_id);
  }
  if (trouble) park_outcome(row, trouble->first, trouble->second);
  state_.locked().effects[index] = std::move(row);
  state_.effect_changed(index);
  return true;
}

WorkResult Decider::lease_lost(const LeaseLostWork& work, const Planned& planned) {
  auto& row = state_.locked().effects[planned.effect];
  if (!row) return with_fate(Fate::stale);
  const EffectStep step = protocol::lease_lost(*row, work.token, state_.time());
  if (step.stale) return with_fate(Fate::stale);
  state_.effect_changed(planned.effect);
  return {};
}

WorkResult Decider::operate(const OperateWork& work, const Planned& planned) {
  if (planned.error && planned.receipt == not_planned) return with_error(*planned.error);
  auto& stored = state_.locked().receipts[planned.receipt];
  if (stored) return with_receipt(receipt_from(*stored));
  if (too_old(work.origin)) return with_error(request_too_old);
  const auto& locked = state_.locked().effects[planned.effect];
  if (!locked) return with_error(effect_not_found);
  if (locked->token != work.looked_at.token) return with_error(effect_changed);
  EffectRow row = *locked;
  const auto step = protocol::operate(row, work.verb, work.token, work.origin.principal,
                                      work.origin.why, state_.time());
  if (!step) return with_error(step.error());
  // Planned on another state than this one, or on a kind unknown here: nobody would tell the owner.
  if (step->report && !planned.command && !planned.error) return with_error(effect_changed);
  const CommandOrigin origin{"operator", work.origin.principal, work.origin.id, work.origin.why, 0,
                             {},         work.origin.trace_id};
  if (!settle_effect(planned.effect, std::move(row), *step, planned,
                     continuing(origin, locked->trace_id))) {
    return with_fate(Fate::again);
  }
  state_.journal_operator(locked->owner, locked->id, locked->kind, name_of(work.verb), origin);
  Receipt receipt;
  receipt.done = true;
  store_receipt(planned, receipt);
  return with_receipt(std::move(receipt));
}

WorkResult Decider::park(const ParkWork& work, const Planned& planned) {
  if (work.message) {
    if (!state_.locked().messages[planned.message]) return with_fate(Fate::stale);
    park_message(*work.message, work.code, work.detail);
    state_.locked().messages[planned.message] = false;
  } else if (work.deadline) {
    const DeadlineRef ref{work.deadline->entity, work.deadline->name};
    const auto arming = state_.standing_arming(ref, state_.locked().deadlines[planned.deadline]);
    if (arming != work.deadline->arming) return with_fate(Fate::stale);
    park_deadline(*work.deadline, work.code, work.detail);
  } else if (work.answer) {
    const auto& locked = state_.locked().effects[planned.effect];
    const EffectSpec* spec = registry_.find_effect(work.answer->claimed.kind);
    if (!locked || locked->token != work.answer->claimed.token) return with_fate(Fate::stale);
    if (spec == nullptr) return with_error(Error(machine_defect, "unknown effect kind"));
    EffectRow row = *locked;
    const EffectStep step = answered(row, row.token, work.answer->answer, spec->policy,
                                     state_.time(), work.answer->jitter);
    if (step.stale) return with_fate(Fate::stale);
    if (step.report) park_outcome(row, work.code, work.detail);
    if (!step.alert_code.empty()) {
      state_.alert(step.alert_code, row.owner, row.id, row.attempt, row.kind + ": " + row.code,
                   row.trace_id);
    }
    state_.locked().effects[planned.effect] = std::move(row);
    state_.effect_changed(planned.effect);
  }
  return set_aside();
}

void Decider::park_message(const MessageRow& row, const std::string& code,
                           const std::string& detail) {
  ParkedRow parked;
  parked.source = row.bounced ? "bounce" : "message";
  parked.from = row.from;
  parked.entity = row.to;
  parked.kind = row.kind;
  parked.payload = row.payload;
  parked.code = row.bounced ? row.code : code;
  parked.detail = row.bounced ? row.detail : detail;
  parked.hops = row.hops;
  parked.trace_id = row.trace_id;
  state_.park(std::move(parked));
  state_.hold_pair(row.from, row.to);
  state_.writes().messages_deleted.push_back(row.id);
}

void Decider::park_deadline(const DeadlineRow& row, std::string code, std::string detail) {
  ParkedRow parked;
  parked.source = "deadline";
  parked.entity = row.entity;
  parked.kind = row.kind;
  parked.payload = row.payload;
  parked.trace_id = row.trace_id;
  parked.code = std::move(code);
  parked.detail = std::move(detail);
  state_.park(std::move(parked));
  state_.consume_deadline({row.entity, row.name});
}

void Decider::park_outcome(const EffectRow& row, std::string code, std::string detail) {
  ParkedRow parked;
  // Its own name: by the time an operator retries it the effect may have ended.
  parked.source = row.state == EffectState::ended ? "outcome" : "acceptance";
  parked.entity = row.owner;
  parked.kind = row.kind;
  parked.payload = row.payload;
  parked.code = std::move(code);
  parked.detail = std::move(detail);
  parked.effect_id = row.id;
  parked.trace_id = row.trace_id;
  state_.park(std::move(parked));
}

WorkResult Decider::parked(const ParkedWork& work, const Planned& planned) {
  if (planned.receipt == not_planned) return with_error(*planned.error);
  const auto& stored = state_.locked().receipts[planned.receipt];
  if (stored) return with_receipt(receipt_from(*stored));
  if (too_old(work.origin)) return with_error(request_too_old);
  auto& locked = state_.locked().parked[planned.parked];
  const bool retry = work.verb == ParkedVerb::retry;
  if (!locked || (retry && !work.command)) return with_error(parked_not_found);
  const CommandOrigin origin{"operator",          work.origin.principal, work.origin.id,
                             work.origin.why,     work.row.hops,         {},
                             work.origin.trace_id};
  Receipt receipt;
  receipt.done = true;
  if (retry) {
    if (planned.error) return with_error(*planned.error);
    auto decided =
        state_.run(*planned.command, planned.entities(), continuing(origin, locked->trace_id));
    if (!decided && decided.error().code == batch_full) return with_fate(Fate::again);
    if (!decided) return with_error(decided.error());
    if (!decided->receipt.done) receipt = std::move(decided->receipt);
  }
  // Refused, it stays parked; the refusal is an answer like any other.
  if (receipt.done) {
    state_.journal_operator(work.row.entity, work.row.effect_id, work.row.kind,
                            retry ? "parked: retry" : "parked: drop", origin);
    locked.reset();
    state_.writes().parked_deleted.push_back(work.row.id);
  }
  store_receipt(planned, receipt);
  return with_receipt(std::move(receipt));
}

WorkResult Decider::alert(const AlertWork& work, const Planned& planned) {
  Receipt receipt;
  receipt.done = true;
  if (work.delivered_count > 0) {
    state_.writes().alerts_delivered.push_back({work.alert.id, work.delivered_count});
    return with_receipt(std::move(receipt));
  }
  if (!work.acknowledge) {
    state_.alert(work.alert.code, work.alert.entity, work.alert.effect_id, work.alert.attempt,
                 work.alert.detail, {});
    return with_receipt(std::move(receipt));
  }
  if (planned.receipt == not_planned) return with_error(*planned.error);
  const auto& stored = state_.locked().receipts[planned.receipt];
  // A repeat must not take away what has opened again since.
  if (stored) return with_receipt(receipt_from(*stored));
  if (too_old(work.origin)) return with_error(request_too_old);
  state_.writes().alerts_acked.push_back(work.alert);
  store_receipt(planned, receipt);
  return with_receipt(std::move(receipt));
}

}  // namespace pawl::protocol
