// SPDX-License-Identifier: Apache-2.0
//
// The lock step, one round trip: entities first, where the lane left them or by the index in their
// one global order; then, in statements of their own, so that each sees what was committed until
// then, everything that those locks protect; the clock last of all. Again as a whole, by the index,
// where a row was not where it was left. A small round trip more where something did not come back:
// was it held by another session, or is it not there?
#include <algorithm>
#include <utility>

#include "store/postgres/postgres_lane.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

namespace {

constexpr std::size_t none = static_cast<std::size_t>(-1);
// A commit renews the lease once one part in so many has passed. A commit just before that, and
// then nothing until the driver's own renewal, a third later, leaves a good part of it.
constexpr int lease_parts = 4;

// Of lane_and_receipts, behind what is the lane's: the receipt's place in the request.
constexpr int receipt_column = 4;

protocol::StoredReceipt receipt_of(const ResultSet& rows, int row) {
  protocol::StoredReceipt out;
  const auto fingerprint = rows.blob(row, receipt_column + 1);
  std::copy_n(fingerprint.begin(), std::min(fingerprint.size(), out.fingerprint.size()),
              out.fingerprint.begin());
  out.done = rows.integer(row, receipt_column + 2) != 0;
  out.code = text_of(rows, row, receipt_column + 3);
  out.detail = text_of(rows, row, receipt_column + 4);
  out.error_class = static_cast<ErrorClass>(rows.integer(row, receipt_column + 5));
  out.reply_json = text_of(rows, row, receipt_column + 6);
  out.version = rows.integer(row, receipt_column + 7);
  return out;
}

// The place in the request of a row that was selected with it; the server counts from 1.
std::size_t place_of(const ResultSet& rows, int row, int column = 0) {
  return static_cast<std::size_t>(rows.integer(row, column) - 1);
}

// Where each id stands in a request: ids are asked for in any order, each once, and answered
// sorted.
class Places {
 public:
  explicit Places(const std::vector<std::int64_t>& ids) {
    sorted_.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) sorted_.emplace_back(ids[i], i);
    std::sort(sorted_.begin(), sorted_.end());
  }
  // Calls it with the id's place.
  template <class Each>
  void of(std::int64_t id, Each each) const {
    const auto at = std::lower_bound(sorted_.begin(), sorted_.end(), std::pair{id, std::size_t{0}});
    if (at != sorted_.end() && at->first == id) each(at->second);
  }

 private:
  std::vector<std::pair<std::int64_t, std::size_t>> sorted_;
};

}  // namespace

struct PostgresLane::LockRound {
  bool by_index_alone = false;
  Groups groups;
  std::vector<std::size_t> at_places;                    // entities that were looked for there
  std::vector<std::vector<std::size_t>> record_queries;  // of one table each: places in the request
  std::vector<std::size_t> records;                      // their statements
  std::size_t effects = none;
  std::size_t claimed = none;               // those of whom the token is enough
  std::vector<std::int64_t> another_token;  // claimed ones that have changed since
  std::size_t messages = none;
  std::size_t deadlines = none;
  std::size_t parked = none;
  std::size_t lane = none;  // and the receipts
};

Result<PostgresLane::Groups> PostgresLane::groups_of(const std::vector<EntityRef>& entities) const {
  Groups groups;
  for (std::size_t i = 0; i < entities.size(); ++i) {
    if (groups.empty() || groups.back().machine->spec->name != entities[i].machine) {
      const MachineStatements* machine = shared_->statements.of(entities[i].machine);
      if (machine == nullptr) return fail(command_invalid, "unknown machine");
      groups.push_back({machine, i, i, none, none});
    }
    groups.back().last = i + 1;
  }
  return groups;
}

Result<void> PostgresLane::add_records(const protocol::LockRequest& request, Pipeline& round,
                                       LockRound& out) {
  std::vector<const RecordStatements*> tables;
  for (std::size_t i = 0; i < request.records.size(); ++i) {
    const auto& query = request.records[i];
    const auto& machine = *shared_->statements.of(request.entities[query.entity].machine);
    const auto table = machine.records.find(query.table);
    if (table == machine.records.end()) return fail(command_invalid, "unknown record table");
    const auto known = std::find(tables.begin(), tables.end(), &table->second);
    const auto index = static_cast<std::size_t>(known - tables.begin());
    if (known == tables.end()) {
      tables.push_back(&table->second);
      out.record_queries.emplace_back();
    }
    out.record_queries[index].push_back(i);
  }
  for (std::size_t t = 0; t < tables.size(); ++t) {
    Parameters parameters;
    parameters.array(Type::text_array);
    for (const auto i : out.record_queries[t]) {
      parameters.element(std::string_view(request.entities[request.records[i].entity].key));
    }
    parameters.array(Type::bigint_array);
    for (const auto i : out.record_queries[t]) {
      parameters.element(std::int64_t{request.records[i].limit});
    }
    out.records.push_back(round.add(tables[t]->newest, parameters));
  }
  return {};
}

void PostgresLane::add_group(const protocol::LockRequest& request, Group& group, Pipeline& round,
                             LockRound& out) {
  Parameters places;
  places.array(Type::tid_array);
  Parameters keys;
  keys.array(Type::text_array);
  std::size_t by_index = group.last - group.first;
  for (std::size_t i = group.first; i < group.last; ++i) {
    const std::string& key = request.entities[i].key;
    const auto place =
        out.by_index_alone ? std::nullopt : places_.use(group.machine->spec->name, key);
    if (place) {
      places.element(*place);
      out.at_places.push_back(i);
      --by_index;
    } else {
      keys.element(std::string_view(key));
    }
  }
  if (by_index < group.last - group.first) {
    group.at_places = round.add(group.machine->lock_at_places, places);
  }
  if (by_index == 0) return;
  group.by_index =
      round.add(request.wait_for_rows ? group.machine->lock_waiting : group.machine->lock, keys);
}

Result<void> PostgresLane::add_locks(const protocol::LockRequest& request, Pipeline& round,
                                     LockRound& out) {
  const Statements& statements = shared_->statements;
  auto groups = groups_of(request.entities);
  if (!groups) return std::unexpected(groups.error());
  out.groups = std::move(*groups);
  Parameters parameters;
  for (Group& group : out.groups) add_group(request, group, round, out);
  const auto add_ids = [&](const Statement& statement, const std::vector<std::int64_t>& ids) {
    if (ids.empty()) return none;
    return round.add(statement, Parameters().integers(ids));
  };
  if (request.wait_for_rows) {
    out.effects = add_ids(statements.lock_effects_waiting, request.effects);
  } else {
    std::vector<std::int64_t> whole;
    std::vector<std::int64_t> claimed;
    for (std::size_t i = 0; i < request.effects.size(); ++i) {
      (request.claimed_effect(i) == nullptr ? whole : claimed).push_back(request.effects[i]);
    }
    out.effects = add_ids(statements.lock_effects, whole);
    out.claimed = add_ids(statements.lock_claimed_effects, claimed);
  }
  out.parked = add_ids(statements.lock_parked, request.parked);
  if (!request.deadlines.empty()) {
    parameters.clear();
    parameters.array(Type::text_array);
    for (const auto& ref : request.deadlines) parameters.element(ref.entity.machine);
    parameters.array(Type::text_array);
    for (const auto& ref : request.deadlines) parameters.element(std::string_view(ref.entity.key));
    parameters.array(Type::text_array);
    for (const auto& ref : request.deadlines) parameters.element(std::string_view(ref.name));
    out.deadlines = round.add(statements.lock_deadlines, parameters);
  }
  out.messages = add_ids(statements.messages, request.messages);
  if (auto added = add_records(request, round, out); !added) return added;
  parameters.clear();
  parameters.integer(id_);
  if (request.receipts.empty() || !request.look_up_receipts) {
    out.lane = round.add(statements.lane, parameters);
    return {};
  }
  parameters.array(Type::text_array);
  for (const auto& key : request.receipts) parameters.element(std::string_view(key.principal));
  parameters.array(Type::bytea_array);
  for (const auto& key : request.receipts) {
    parameters.element(
        std::span(reinterpret_cast<const unsigned char*>(key.id.data()), key.id.size()));
  }
  parameters.array(Type::text_array);
  for (const auto& key : request.receipts) parameters.element(std::string_view(key.kind));
  parameters.array(Type::text_array);
  for (const auto& key : request.receipts) parameters.element(key.entity.machine);
  parameters.array(Type::text_array);
  for (const auto& key : request.receipts) parameters.element(std::string_view(key.entity.key));
  out.lane = round.add(statements.lane_and_receipts, parameters);
  return {};
}

void PostgresLane::read_entity(const Group& group, const ResultSet& rows, int row,
                               std::size_t entity, protocol::LockedBatch& out) {
  const MachineSpec& machine = *group.machine->spec;
  read_entity_row(machine, rows, row, out.entities[entity]);
  row_places_[entity] = rows.row_place(row, entity_select_columns(machine));
}

// What lies there now may be another entity's row: it stays locked until the transaction ends, and
// nothing else comes of it.
void PostgresLane::read_at_places(const protocol::LockRequest& request, const Group& group,
                                  const ResultSet& rows, protocol::LockedBatch& out) {
  const auto first = request.entities.begin() + static_cast<std::ptrdiff_t>(group.first);
  const auto last = request.entities.begin() + static_cast<std::ptrdiff_t>(group.last);
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string_view key = rows.text_view(row, 0);
    const auto found = std::lower_bound(
        first, last, key, [](const EntityRef& ref, std::string_view k) { return ref.key < k; });
    if (found == last || found->key != key) continue;
    const auto entity = static_cast<std::size_t>(found - request.entities.begin());
    if (!out.entities[entity].present) read_entity(group, rows, row, entity, out);
  }
}

void PostgresLane::read_effects(const protocol::LockRequest& request, const Outcome& outcome,
                                LockRound& round, protocol::LockedBatch& out) {
  out.effects.resize(request.effects.size());
  effect_places_.clear();
  const Places places(request.effects);
  if (round.effects != none) {
    const ResultSet& rows = outcome[round.effects];
    for (int row = 0; row < rows.rows(); ++row) {
      auto effect = read_effect_row(shared_->registry, rows, row);
      if (!effect) continue;
      const std::int64_t id = effect->id;
      places.of(id, [&](std::size_t place) { out.effects[place] = std::move(*effect); });
      effect_places_.emplace_back(id, rows.row_place(row, effect_column_count));
    }
  }
  if (round.claimed != none) {
    const ResultSet& rows = outcome[round.claimed];
    for (int row = 0; row < rows.rows(); ++row) {
      const std::int64_t id = rows.integer(row, 0);
      places.of(id, [&](std::size_t place) {
        const protocol::EffectRow& claimed = *request.claimed_effect(place);
        if (claimed.token == rows.integer(row, 1) &&
            name_of(claimed.state) == rows.text_view(row, 2)) {
          out.effects[place] = claimed;
        } else {
          round.another_token.push_back(id);
        }
      });
      effect_places_.emplace_back(id, rows.row_place(row, 3));
    }
  }
  std::sort(effect_places_.begin(), effect_places_.end());
}

void PostgresLane::read_locks(const protocol::LockRequest& request, const Outcome& outcome,
                              LockRound& round, protocol::LockedBatch& out) {
  out.entities.resize(request.entities.size());
  for (std::size_t i = 0; i < request.entities.size(); ++i) {
    out.entities[i].ref = request.entities[i];
  }
  row_places_.assign(request.entities.size(), {});
  for (const Group& group : round.groups) {
    if (group.at_places != none) read_at_places(request, group, outcome[group.at_places], out);
    if (group.by_index == none) continue;
    const ResultSet& rows = outcome[group.by_index];
    // Both are sorted by their bytes.
    std::size_t place = group.first;
    for (int row = 0; row < rows.rows(); ++row) {
      const std::string_view key = rows.text_view(row, 0);
      while (place < group.last && request.entities[place].key < key) ++place;
      if (place == group.last || request.entities[place].key != key) continue;
      read_entity(group, rows, row, place, out);
      places_.found(group.machine->spec->name, key, row_places_[place]);
    }
  }
  read_effects(request, outcome, round, out);
  out.parked.resize(request.parked.size());
  if (round.parked != none) {
    const Places places(request.parked);
    const ResultSet& rows = outcome[round.parked];
    for (int row = 0; row < rows.rows(); ++row) {
      const auto parked = read_parked_row(shared_->registry, rows, row);
      places.of(parked.id, [&](std::size_t place) { out.parked[place] = parked; });
    }
  }
  out.deadlines.resize(request.deadlines.size());
  if (round.deadlines != none) {
    const ResultSet& rows = outcome[round.deadlines];
    for (int row = 0; row < rows.rows(); ++row) {
      out.deadlines[place_of(rows, row)] = rows.integer(row, 1);
    }
  }
  out.messages.resize(request.messages.size());
  if (round.messages != none) {
    const Places places(request.messages);
    const ResultSet& rows = outcome[round.messages];
    for (int row = 0; row < rows.rows(); ++row) {
      places.of(rows.integer(row, 0), [&](std::size_t place) {
        out.messages[place] = true;
        if (!rows.boolean(row, 1)) return;
        out.messages_behind.resize(request.messages.size());
        out.messages_behind[place] = true;
      });
    }
  }
  out.receipts.resize(request.receipts.size());
  if (!request.receipts.empty() && request.look_up_receipts) {
    const ResultSet& rows = outcome[round.lane];
    for (int row = 0; row < rows.rows(); ++row) {
      if (rows.is_null(row, receipt_column)) continue;  // there is none at all
      out.receipts[place_of(rows, row, receipt_column)] = receipt_of(rows, row);
    }
  }
  for (std::size_t t = 0; t < round.records.size(); ++t) {
    const ResultSet& rows = outcome[round.records[t]];
    const auto& queries = round.record_queries[t];
    int row = 0;
    for (std::size_t place = 0; place < queries.size(); ++place) {
      const auto& query = request.records[queries[place]];
      EntitySlot& slot = out.entities[query.entity];
      const RecordSpec* spec =
          shared_->registry.find_machine(slot.ref.machine)->record(query.table);
      RecordRows list;
      list.table = spec->table;
      for (; row < rows.rows() && place_of(rows, row) == place; ++row) {
        Row values;
        values.reserve(spec->columns.size());
        for (std::size_t c = 0; c < spec->columns.size(); ++c) {
          values.push_back(value_of(spec->columns[c].type, rows, row, static_cast<int>(c + 1)));
        }
        list.rows.push_back(std::move(values));
      }
      slot.records.push_back(std::move(list));
    }
  }
}

// What did not come back is absent, or held by another session. An absence is not locked: if
// somebody creates it meanwhile, it is taken for held here, or else the create decides. Locked
// effects that have changed since their claim are read here.
Result<void> PostgresLane::look_for_missing(const protocol::LockRequest& request,
                                            const LockRound& round, protocol::LockedBatch& out) {
  struct Missing {
    const Group* group;
    std::size_t statement;
  };
  std::vector<Missing> missing;
  Pipeline look(connection_);
  if (!request.wait_for_rows) {
    for (const Group& group : round.groups) {
      Parameters keys;
      keys.array(Type::text_array);
      bool any = false;
      for (std::size_t i = group.first; i < group.last; ++i) {
        if (out.entities[i].present) continue;
        keys.element(std::string_view(out.entities[i].ref.key));
        any = true;
      }
      if (any) missing.push_back({&group, look.add(group.machine->existing, keys)});
    }
  }
  std::vector<std::int64_t> effects;
  const auto& changed = round.another_token;
  for (std::size_t i = 0; i < request.effects.size(); ++i) {
    const bool locked =
        std::find(changed.begin(), changed.end(), request.effects[i]) != changed.end();
    if (!out.effects[i] && !locked) effects.push_back(request.effects[i]);
  }
  std::size_t reread = none;
  std::size_t open = none;
  std::size_t ended = none;
  if (!changed.empty()) {
    reread = look.add(shared_->statements.effects, Parameters().integers(changed));
  }
  if (!effects.empty()) {
    // In this order: one that ends between the two is seen by the second.
    open = look.add(shared_->statements.existing_effects, Parameters().integers(effects));
    ended = look.add(shared_->statements.ended_effects, Parameters().integers(effects));
  }
  if (look.size() == 0) return {};
  const auto outcome = look.run(deadline());
  if (!outcome) return std::unexpected(failed(outcome.error()));
  for (const auto& [group, statement] : missing) {
    const ResultSet& rows = outcome[statement];
    for (int row = 0; row < rows.rows(); ++row) {
      const EntityRef ref{group->machine->spec->name, text_of(rows, row, 0)};
      const auto place = std::lower_bound(request.entities.begin(), request.entities.end(), ref);
      out.entities_skipped.resize(request.entities.size());
      out.entities_skipped[static_cast<std::size_t>(place - request.entities.begin())] = true;
    }
  }
  const Places places(request.effects);
  for (const std::size_t statement : {reread, ended}) {
    if (statement == none) continue;
    for (int row = 0; row < outcome[statement].rows(); ++row) {
      const auto effect = read_effect_row(shared_->registry, outcome[statement], row);
      if (!effect) continue;
      places.of(effect->id, [&](std::size_t place) { out.effects[place] = *effect; });
    }
  }
  if (open == none) return {};
  for (int row = 0; row < outcome[open].rows(); ++row) {
    out.effects_skipped.resize(request.effects.size());
    places.of(outcome[open].integer(row, 0),
              [&](std::size_t place) { out.effects_skipped[place] = true; });
  }
  return {};
}

// A row that is not where it was left was moved by somebody else, or is held: places are of no use
// for this lock then.
bool PostgresLane::places_were_right(const protocol::LockRequest& request, const LockRound& round,
                                     const protocol::LockedBatch& locked) {
  if (round.at_places.empty()) return true;
  bool right = true;
  for (const std::size_t entity : round.at_places) {
    if (locked.entities[entity].present) continue;
    right = false;
    places_.forget(request.entities[entity].machine, request.entities[entity].key);
  }
  places_.judge(!right);
  return right;
}

Result<void> PostgresLane::run_lock(const protocol::LockRequest& request, LockRound& sent,
                                    protocol::LockedBatch& out) {
  Pipeline round(connection_);
  if (!in_transaction_) round.add(shared_->statements.begin, {});
  if (std::exchange(replans_, false)) round.add("DISCARD PLANS");
  if (auto added = add_locks(request, round, sent); !added) {
    // Nothing of it has left.
    in_transaction_ = false;
    connection_.close();
    return added;
  }
  in_transaction_ = true;
  const auto outcome = timed(round);
  if (!outcome) return std::unexpected(failed(outcome.error()));
  const ResultSet& lane = outcome[sent.lane];
  if (lane.rows() == 0 || lane.integer(0, 0) != epoch_) {
    abandon();
    fenced_ = true;
    return fail(protocol::lane_fenced);
  }
  sequence_ = lane.integer(0, 1);
  const std::int64_t lease_us = shared_->options.lane_lease_ms * 1'000LL;
  renews_ = lane.integer(0, 3) - lane.integer(0, 2) <= lease_us - lease_us / lease_parts;
  const Time sampled = shared_->clock->sampled(Time{lane.integer(0, 2)});
  out.time = shared_->given_clock != nullptr ? shared_->given_clock->now() : sampled;
  read_locks(request, outcome, sent, out);
  return {};
}

Result<protocol::LockedBatch> PostgresLane::lock(const protocol::LockRequest& request) {
  abandon();
  if (auto able = ready(); !able) return std::unexpected(able.error());
  places_.next_lock();
  LockRound sent;
  // Who waits takes its locks in the one order of all, which places do not have.
  sent.by_index_alone = request.wait_for_rows;
  protocol::LockedBatch out;
  if (auto done = run_lock(request, sent, out); !done) return std::unexpected(done.error());
  if (!places_were_right(request, sent, out)) {
    // What the locks protect was read before all of them were held: everything once more.
    sent = {};
    sent.by_index_alone = true;
    out = {};
    if (auto done = run_lock(request, sent, out); !done) return std::unexpected(done.error());
  }
  if (auto done = look_for_missing(request, sent, out); !done) return std::unexpected(done.error());
  out.lane = id_;
  out.sequence = sequence_;
  out.restored_at = shared_->identity.restored_at;
  return out;
}

}  // namespace pawl::postgres
