// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/postgres_retention.h"

#include <pawl/query.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/storage.h"
#include "store/postgres/pipeline.h"
#include "store/postgres/retention_statements.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"
#include "store/retention_place.h"

namespace pawl::postgres {

namespace {

using protocol::RetentionPass;
using protocol::RetentionPassed;
using protocol::RetentionSubject;

// Above what the session allows a statement.
constexpr int round_timeout_ms = 120'000;

struct OldRows {
  std::vector<std::int64_t> ids;  // of journal rows: journal_position
  std::vector<store::ReceiptPlace> receipts;
  std::string place;  // where the next walk goes on; empty: from the beginning
  bool finished = false;
  std::int64_t newest_us = 0;  // of what is removed

  bool empty() const { return ids.empty() && receipts.empty(); }
};

std::span<const unsigned char> bytes_of(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

class Removal {
 public:
  Removal(Connection& connection, const RetentionPass& pass)
      : connection_(connection),
        pass_(pass),
        subject_(store::subject_of(pass)),
        statements_(retention_statements(pass)) {}
  ~Removal() { roll_back(); }
  Removal(const Removal&) = delete;
  Removal& operator=(const Removal&) = delete;

  Result<RetentionPassed> run(std::int32_t lane, std::int64_t epoch);

 private:
  // Nothing: somebody else walks.
  Result<std::optional<std::string>> begin(std::int32_t lane, std::int64_t epoch);
  Result<void> note_subject();
  Result<OldRows> find(const std::string& place);
  void keep_id_rows(const ResultSet& found, OldRows& out) const;
  void keep_receipts(const ResultSet& found, OldRows& out) const;
  Result<std::int64_t> remove(const OldRows& rows);
  void roll_back();

  Connection& connection_;
  const RetentionPass& pass_;
  const std::string subject_;
  const RetentionStatements statements_;
};

Result<void> Removal::note_subject() {
  const auto noted = run_one(connection_,
                             Statement{"retention subject",
                                       "INSERT INTO pawl_retention VALUES ($1, '', 0, 0) ON "
                                       "CONFLICT DO NOTHING",
                                       {Type::text}},
                             Parameters().text(subject_), deadline_in(round_timeout_ms));
  if (!noted) return std::unexpected(store_error(noted.error()));
  return {};
}

Result<std::optional<std::string>> Removal::begin(std::int32_t lane, std::int64_t epoch) {
  Pipeline round(connection_);
  round.add("BEGIN ISOLATION LEVEL READ COMMITTED");
  round.add("SET LOCAL synchronous_commit = off");
  const auto held = round.add(
      Statement{"retention lane", "SELECT epoch FROM pawl_lanes WHERE id = $1", {Type::int4}},
      Parameters().int4(lane));
  const auto place = round.add(
      Statement{"retention place",
                "SELECT place FROM pawl_retention WHERE subject = $1 FOR UPDATE SKIP LOCKED",
                {Type::text}},
      Parameters().text(subject_));
  const auto outcome = round.run(deadline_in(round_timeout_ms));
  if (!outcome) return std::unexpected(store_error(outcome.error()));
  if (outcome[held].rows() == 0 || outcome[held].integer(0, 0) != epoch) {
    return fail(protocol::lane_fenced);
  }
  if (outcome[place].rows() == 0) return std::optional<std::string>();
  return std::optional<std::string>(text_of(outcome[place], 0, 0));
}

void Removal::roll_back() {
  if (!connection_.alive()) return;
  if (connection_.transaction_status() == TransactionStatus::idle) return;
  const auto ended = run_one(connection_, "ROLLBACK", deadline_in(round_timeout_ms));
  if (!ended) connection_.close();
}

Result<OldRows> Removal::find(const std::string& place) {
  Parameters parameters;
  if (pass_.subject == RetentionSubject::receipts) {
    const auto key = store::key_of_place(place);
    parameters.text(key[0]).bytes(bytes_of(key[1])).text(key[2]).text(key[3]).text(key[4]);
  } else {
    std::int64_t last = 0;
    std::from_chars(place.data(), place.data() + place.size(), last);
    parameters.integer(last);
  }
  parameters.integer(pass_.rows);
  const auto found =
      run_one(connection_, statements_.walk, parameters, deadline_in(round_timeout_ms));
  if (!found) return std::unexpected(store_error(found.error()));
  OldRows out;
  out.finished = found->rows() < pass_.rows;
  if (pass_.subject == RetentionSubject::receipts) {
    keep_receipts(*found, out);
  } else {
    keep_id_rows(*found, out);
  }
  if (out.finished) out.place.clear();
  return out;
}

void Removal::keep_receipts(const ResultSet& found, OldRows& out) const {
  for (int row = 0; row < found.rows(); ++row) {
    const bool old = found.integer(row, 5) < pass_.before.us;
    const bool last = row + 1 == found.rows();
    if (!old && !last) continue;
    store::ReceiptPlace key;
    for (int i = 0; i < 5; ++i) key[static_cast<std::size_t>(i)] = text_of(found, row, i);
    if (last) out.place = store::place_at(key);
    if (!old) continue;
    out.receipts.push_back(std::move(key));
    out.newest_us = std::max(out.newest_us, found.integer(row, 5));
  }
}

// Where a lane's rows are no longer old, the rest of that lane is passed over.
void Removal::keep_id_rows(const ResultSet& found, OldRows& out) const {
  const int shift = pass_.subject == RetentionSubject::journal
                        ? protocol::sequence_bits
                        : protocol::sequence_bits + protocol::ordinal_bits;
  std::int64_t young_lane = -1;
  for (int row = 0; row < found.rows(); ++row) {
    const std::int64_t id = found.integer(row, 0);
    if (found.integer(row, 3) >= pass_.before.us) young_lane = id >> shift;
    const bool young = id >> shift == young_lane;
    out.place = std::to_string(young ? ((young_lane + 1) << shift) - 1 : id);
    if (young || found.integer(row, 1) >= pass_.before.us || !found.boolean(row, 2)) continue;
    out.ids.push_back(id);
    out.newest_us = std::max(out.newest_us, found.integer(row, 1));
  }
}

Result<std::int64_t> Removal::remove(const OldRows& rows) {
  Parameters parameters;
  parameters.integers(rows.ids);
  parameters.text(subject_).text(rows.place).integer(rows.newest_us).integer(pass_.before.us);
  if (pass_.subject == RetentionSubject::receipts) {
    for (std::size_t part = 0; part < 5; ++part) {
      parameters.array(part == 1 ? Type::bytea_array : Type::text_array);
      for (const auto& key : rows.receipts) {
        if (part == 1) {
          parameters.element(bytes_of(key[part]));
        } else {
          parameters.element(std::string_view(key[part]));
        }
      }
    }
  }
  Pipeline round(connection_);
  if (pass_.subject == RetentionSubject::ended_effects) {
    // A statement of its own: the one that removes then has a younger snapshot.
    round.add(statements_.hold, Parameters().integers(rows.ids));
  }
  const auto removed = round.add(statements_.remove, parameters);
  round.add("COMMIT");
  const auto outcome = round.run(deadline_in(round_timeout_ms));
  if (!outcome) return std::unexpected(store_error(outcome.error()));
  return outcome[removed].integer(0, 0);
}

Result<RetentionPassed> Removal::run(std::int32_t lane, std::int64_t epoch) {
  auto place = begin(lane, epoch);
  if (!place) return std::unexpected(place.error());
  if (!*place) {
    // Not there yet, or somebody else has it.
    roll_back();
    if (auto noted = note_subject(); !noted) return std::unexpected(noted.error());
    place = begin(lane, epoch);
    if (!place) return std::unexpected(place.error());
    if (!*place) return RetentionPassed{0, true};
  }
  const auto rows = find(**place);
  if (!rows) return std::unexpected(rows.error());
  RetentionPassed passed{0, rows->finished};
  if (rows->empty() && rows->place == **place) return passed;
  const auto removed = remove(*rows);
  if (!removed) return std::unexpected(removed.error());
  passed.removed = *removed;
  return passed;
}

bool has_record_table(const Registry& registry, std::string_view table) {
  return std::ranges::any_of(
      registry.machines(), [&](const auto& machine) { return machine->record(table) != nullptr; });
}

}  // namespace

Result<RetentionPassed> remove_old_rows(Connection& connection, const Registry& registry,
                                        const RetentionPass& pass, std::int32_t lane,
                                        std::int64_t epoch) {
  if (pass.subject == RetentionSubject::records && !has_record_table(registry, pass.table)) {
    return fail(query_invalid, "table " + std::string(pass.table));
  }
  return Removal(connection, pass).run(lane, epoch);
}

}  // namespace pawl::postgres
