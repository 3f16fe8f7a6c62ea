// SPDX-License-Identifier: Apache-2.0
//
// The SQL of a step of retention: one walk along a table's key, and the removal of what it found
// old. Named, so that they are planned once; plans by key, whatever the statistics say.
#pragma once

#include "protocol/retention.h"
#include "store/postgres/pipeline.h"

namespace pawl::postgres {

struct RetentionStatements {
  // $1 the id behind which it goes on, $2 how many rows: id, the time that counts, may it go, the
  // time before which nothing that follows in the same lane can be old. Of receipts: $1 to $5 the
  // key, $6 how many; principal, command_id, kind, machine, entity_key, created_us.
  Statement walk;
  // Of ended effects only, $1 ids: locks them.
  Statement hold;
  // $1 ids, $2 subject, $3 the new place, $4 the newest time of what goes, $5 what is older may
  // go; of receipts $6 to $10 their keys. Gives how many went.
  Statement remove;
};

RetentionStatements retention_statements(const protocol::RetentionPass& pass);

}  // namespace pawl::postgres
