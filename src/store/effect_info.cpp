// SPDX-License-Identifier: Apache-2.0
#include "store/effect_info.h"

namespace pawl::store {

EffectInfo effect_info(const protocol::EffectRow& row) {
  EffectInfo info;
  info.id = row.id;
  info.kind = row.kind;
  info.owner = row.owner;
  info.idempotency_key = row.idempotency_key;
  info.state = name_of(row.state);
  if (row.state == protocol::EffectState::ended) info.outcome = name_of(row.outcome);
  info.attempt = row.attempt;
  info.inquiry = row.inquiry;
  info.token = row.token;
  info.code = row.code;
  info.reference = row.reference;
  info.created = row.created;
  info.next_at = row.next_at;
  info.ended_at = row.ended_at;
  info.history = row.history;
  info.trace_id = row.trace_id;
  return info;
}

}  // namespace pawl::store
