// SPDX-License-Identifier: Apache-2.0
//
// Between the model's rows and the production committer: which rows a batch locks is what
// protocol::Batch asks for, what it writes is what protocol::Batch decided on the rows that its
// session was told of. A function of the works and those rows, computed once and remembered.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "check/byte_table.h"
#include "check/sql/scenario.h"
#include "protocol/committer.h"

namespace pawl::check::sql {

// The rows that a batch asks for.
struct Asked {
  std::vector<RowId> entities;
  std::vector<RowId> receipts;
  std::vector<RowId> effects;
  std::vector<RowId> messages;
};

struct WorkEnd {
  std::uint8_t work = 0;
  protocol::Fate fate = protocol::Fate::decided;
  bool done = false;
  bool repeated = false;
  std::string code;  // of a refusal or an error
};

struct Decided {
  // Without the lane's row and the journal's; empty: there is nothing to commit.
  std::vector<Statement> writes;
  std::vector<WorkEnd> ends;
  std::uint8_t token = 0;  // of an exchange that begins with the commit
  bool needs_receipts = false;
};

class BatchRows {
 public:
  explicit BatchRows(const SqlScenario& scenario) : scenario_(scenario) {}

  const Asked& asked(std::uint8_t works, std::uint8_t token);
  // On what the session has been told.
  const Decided& decided(const Session& session, std::uint8_t token, RowId lane);

 private:
  std::vector<protocol::Work> make(std::uint8_t works, std::uint8_t token,
                                   const Session* session) const;
  protocol::LockedBatch locked(const protocol::LockRequest& request, const Session& session,
                               RowId lane) const;
  EntitySlot slot(RowId row, const Cell& cell) const;
  RowId row_of(const EntityRef& ref) const;
  RowId receipt_row(const std::string& id) const;
  RowId row_of_id(Table table, std::int64_t id) const;
  std::int64_t id_of(RowId row) const;
  void write_entities(const protocol::WriteBatch& writes, Decided& out);
  void write_others(const protocol::WriteBatch& writes, Decided& out, std::uint8_t works,
                    RowId lane);
  Decided decide(const Session& session, std::uint8_t token, RowId lane);

  const SqlScenario& scenario_;
  ByteTable asked_keys_;
  std::deque<Asked> asked_;
  ByteTable decided_keys_;
  std::deque<Decided> decided_;
};

}  // namespace pawl::check::sql
