// SPDX-License-Identifier: Apache-2.0
#include "check/sql/batch_rows.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "check/engine_machines.h"
#include "check/sql/guards.h"
#include "protocol/batch_state.h"
#include "protocol/fingerprint.h"

namespace pawl::check::sql {

namespace {

using engine::Account;
using engine::AccountState;
using engine::Job;
using engine::JobState;

const Time the_time = Time::from_seconds(1'700'000'000);

std::int64_t number_in(const Row& row, std::size_t at) {
  return std::get<std::int64_t>(row[at]);
}

bool is_job(const EntityRef& ref) {
  return ref.machine == Job::machine;
}

// In the order of the machines' fields.
Row row_from(const EntityRef& ref, const Values& values) {
  if (is_job(ref)) {
    const auto state = static_cast<JobState>(values[column::entity_state]);
    return {ref.key, std::string(name_of(state)), the_time.us, std::string()};
  }
  const auto state = static_cast<AccountState>(values[column::entity_state]);
  return {ref.key,
          std::string(name_of(state)),
          the_time.us,
          std::int64_t{values[column::amount]},
          std::int64_t{values[column::sent]},
          std::int64_t{values[column::newest]},
          std::int64_t{values[column::overtaken]}};
}

Values values_from(const EntitySlot& slot) {
  Values out{};
  out[column::version] = static_cast<Number>(slot.version);
  const auto& state = std::get<std::string>(slot.row[1]);
  if (is_job(slot.ref)) {
    out[column::entity_state] = state == "asked" ? 0 : state == "done" ? 1 : 2;
    return out;
  }
  out[column::entity_state] = state == "open" ? 0 : 1;
  for (const std::uint8_t c : {column::amount, column::sent, column::newest, column::overtaken}) {
    out[c] = static_cast<Number>(number_in(slot.row, 2U + c));
  }
  return out;
}

Statement on(Verb verb, Table table, RowId row) {
  Statement out;
  out.verb = verb;
  out.table = table;
  out.rows = {row};
  return out;
}

std::string_view bytes_of(const std::vector<std::uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

RowId SqlScenario::row(Table table, Number id) const {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].table == table && rows[i].id == id) return static_cast<RowId>(i);
  }
  throw std::invalid_argument(name + ": a row that nobody declared is asked for");
}

RowId BatchRows::row_of(const EntityRef& ref) const {
  for (std::size_t i = 0; i < scenario_.rows.size(); ++i) {
    const RowName& row = scenario_.rows[i];
    if (row.table == Table::entities && row.name == ref.key) return static_cast<RowId>(i);
  }
  throw std::invalid_argument(scenario_.name + ": nobody declared the entity " + ref.key);
}

RowId BatchRows::receipt_row(const std::string& id) const {
  for (const SqlWork& work : scenario_.works) {
    if (work.kind == WorkKind::request && work.id == id) return work.source;
  }
  throw std::invalid_argument(scenario_.name + ": nobody declared the receipt " + id);
}

// Any number does that is the same each time; a message's begins with its lane.
std::int64_t BatchRows::id_of(RowId row) const {
  return protocol::row_id(scenario_.rows[row].id, 1, 1);
}

RowId BatchRows::row_of_id(Table table, std::int64_t id) const {
  return scenario_.row(table, static_cast<Number>(protocol::lane_of(id)));
}

std::vector<protocol::Work> BatchRows::make(std::uint8_t works, std::uint8_t token,
                                            const Session* session) const {
  std::vector<protocol::Work> out;
  for (std::size_t i = 0; i < scenario_.works.size(); ++i) {
    if ((works >> i & 1) == 0) continue;
    const SqlWork& work = scenario_.works[i];
    const std::string& key = scenario_.rows[work.entity].name;
    protocol::WorkItem item;
    switch (work.kind) {
      case WorkKind::request:
        item = protocol::RequestWork{.command = work.command, .origin = {"ann", work.id, ""}};
        break;
      case WorkKind::message: {
        engine::Credit credit;
        credit.account = key;
        if (session != nullptr) credit.number = session->cells[work.source].values[column::number];
        protocol::MessageWork message;
        message.command = make_command(credit);
        message.row.id = id_of(work.source);
        message.row.from = {Account::machine, "north"};
        message.row.to = {Account::machine, key};
        message.row.kind = engine::Credit::kind;
        message.row.payload = message.command->payload();
        item = std::move(message);
        break;
      }
      case WorkKind::claim:
        item = protocol::ClaimWork{id_of(work.source)};
        break;
      case WorkKind::answer: {
        protocol::AnswerWork answer;
        answer.claimed.id = id_of(work.source);
        answer.claimed.kind = engine::Work::kind;
        answer.claimed.owner = {Job::machine, key};
        answer.claimed.payload = to_payload(engine::Work{key});
        answer.claimed.state = protocol::EffectState::sending;
        answer.claimed.attempt = 1;
        answer.claimed.token = token;
        answer.answer = EffectAnswer(Outcome::confirmed);
        item = std::move(answer);
        break;
      }
    }
    out.push_back({i, std::move(item)});
  }
  return out;
}

const Asked& BatchRows::asked(std::uint8_t works, std::uint8_t token) {
  const std::vector<std::uint8_t> key{works, token};
  const auto [place, fresh] = asked_keys_.insert(bytes_of(key));
  if (!fresh) return asked_[place];
  const ConfigSnapshot config;
  const protocol::Batch batch(*scenario_.registry, config, make(works, token, nullptr));
  const protocol::LockRequest& request = batch.lock_request();
  Asked out;
  for (const EntityRef& ref : request.entities) out.entities.push_back(row_of(ref));
  for (const auto& receipt : request.receipts) out.receipts.push_back(receipt_row(receipt.id));
  std::sort(out.receipts.begin(), out.receipts.end());
  for (const std::int64_t id : request.effects) {
    out.effects.push_back(row_of_id(Table::effects, id));
  }
  for (const std::int64_t id : request.messages) {
    out.messages.push_back(row_of_id(Table::messages, id));
  }
  asked_.push_back(std::move(out));
  return asked_[place];
}

const Decided& BatchRows::decided(const Session& session, std::uint8_t token, RowId lane) {
  std::vector<std::uint8_t> key{session.works,         token,          lane,
                                session.waiting_batch, session.driver, session.unread};
  for (std::size_t i = 0; i < scenario_.rows.size(); ++i) {
    const Cell& cell = session.cells[i];
    key.push_back(static_cast<std::uint8_t>(cell.seen));
    for (const Number value : cell.values) key.push_back(static_cast<std::uint8_t>(value));
  }
  const auto [place, fresh] = decided_keys_.insert(bytes_of(key));
  if (fresh) decided_.push_back(decide(session, token, lane));
  return decided_[place];
}

EntitySlot BatchRows::slot(RowId row, const Cell& cell) const {
  EntitySlot out;
  const bool job = scenario_.registry->find_machine(Job::machine) != nullptr;
  out.ref = {job ? Job::machine : Account::machine, scenario_.rows[row].name};
  out.present = cell.seen == Seen::present;
  if (!out.present) return out;
  out.version = cell.values[column::version];
  out.last_time = the_time;
  out.row = row_from(out.ref, cell.values);
  return out;
}

protocol::LockedBatch BatchRows::locked(const protocol::LockRequest& request,
                                        const Session& session, RowId lane) const {
  protocol::LockedBatch out;
  out.time = the_time;
  out.lane = scenario_.rows[lane].id;
  out.sequence = session.cells[lane].values[column::lane_next];
  for (const EntityRef& ref : request.entities) {
    const RowId row = row_of(ref);
    out.entities.push_back(slot(row, session.cells[row]));
    out.entities_skipped.push_back(session.cells[row].seen == Seen::skipped);
  }
  for (const auto& key : request.receipts) {
    const Cell& cell = session.cells[receipt_row(key.id)];
    auto& receipt = out.receipts.emplace_back();
    if (cell.seen != Seen::present) continue;
    receipt.emplace();
    const auto writer = static_cast<std::size_t>(cell.values[column::writer]);
    receipt->fingerprint = protocol::fingerprint_of(*scenario_.works[writer].command);
    receipt->done = true;
    receipt->version = cell.values[column::decided_version];
  }
  for (const std::int64_t id : request.effects) {
    const Cell& cell = session.cells[row_of_id(Table::effects, id)];
    out.effects_skipped.push_back(cell.seen == Seen::skipped);
    auto& effect = out.effects.emplace_back();
    if (cell.seen != Seen::present) continue;
    effect.emplace();
    effect->id = id;
    effect->kind = engine::Work::kind;
    effect->owner = {Job::machine, "job"};
    effect->payload = to_payload(engine::Work{"job"});
    effect->state = static_cast<protocol::EffectState>(cell.values[column::effect_state]);
    effect->token = cell.values[column::token];
    effect->attempt = cell.values[column::attempt];
  }
  for (const std::int64_t id : request.messages) {
    const RowId row = row_of_id(Table::messages, id);
    const Cell& own = session.cells[row];
    out.messages.push_back(own.seen == Seen::present);
    bool behind = false;
    for (std::size_t i = 0; i < scenario_.rows.size(); ++i) {
      if (scenario_.rows[i].table != Table::messages || i == row) continue;
      const Cell& other = session.cells[i];
      behind = behind || (other.seen == Seen::present &&
                          other.values[column::from_version] < own.values[column::from_version]);
    }
    out.messages_behind.push_back(behind);
  }
  return out;
}

void BatchRows::write_entities(const protocol::WriteBatch& writes, Decided& out) {
  for (const auto& write : writes.entity_writes) {
    const EntitySlot& slot = writes.entities[write.entity];
    const RowId row = row_of(slot.ref);
    Statement statement = on(write.created ? Verb::insert : Verb::update, Table::entities, row);
    statement.values = values_from(slot);
    if (write.created) {
      statement.do_nothing = true;
      if (!guard::is_off(guard::create_counted)) statement.raises = create_lost;
    } else {
      statement.columns = (1U << max_columns) - 1;
      if (!guard::is_off(guard::lock_or_version)) {
        // As the stores compare it: with the version that was locked.
        statement.where.push_back({column::version, static_cast<Number>(write.locked_version)});
        statement.raises = update_lost;
      }
    }
    out.writes.push_back(std::move(statement));
  }
}

void BatchRows::write_others(const protocol::WriteBatch& writes, Decided& out, std::uint8_t works,
                             RowId lane) {
  for (const auto& write : writes.receipts) {
    Statement statement = on(Verb::insert, Table::receipts, receipt_row(write.key.id));
    statement.do_nothing = guard::is_off(guard::receipt_key);
    for (std::size_t i = 0; i < scenario_.works.size(); ++i) {
      const bool writer = (works >> i & 1) != 0 && scenario_.works[i].id == write.key.id;
      if (writer) statement.values[column::writer] = static_cast<Number>(i);
    }
    statement.values[column::decided_version] = static_cast<Number>(write.receipt.version);
    out.writes.push_back(std::move(statement));
  }
  for (const auto& effect : writes.effects_updated) {
    const RowId row = row_of_id(Table::effects, effect.id);
    const bool ended = effect.state == protocol::EffectState::ended;
    Statement statement = on(ended ? Verb::remove : Verb::update, Table::effects, row);
    if (!ended) {
      statement.columns = (1U << max_columns) - 1;
      statement.values[column::effect_state] = static_cast<Number>(effect.state);
      statement.values[column::token] = static_cast<Number>(effect.token);
      statement.values[column::attempt] = static_cast<Number>(effect.attempt);
    }
    statement.raises = update_lost;
    out.writes.push_back(std::move(statement));
  }
  for (const std::int64_t id : writes.messages_deleted) {
    Statement statement = on(Verb::remove, Table::messages, row_of_id(Table::messages, id));
    statement.raises = update_lost;
    out.writes.push_back(std::move(statement));
  }
  for (const auto& message : writes.messages_inserted) {
    const auto sender =
        std::find_if(writes.entities.begin(), writes.entities.end(),
                     [&](const EntitySlot& one) { return one.ref == message.from; });
    Statement statement =
        on(Verb::insert, Table::messages, scenario_.row(Table::messages, scenario_.rows[lane].id));
    const Values values = values_from(*sender);
    statement.values[column::from_version] = values[column::version];
    statement.values[column::number] = values[column::sent];
    out.writes.push_back(std::move(statement));
  }
}

Decided BatchRows::decide(const Session& session, std::uint8_t token, RowId lane) {
  const ConfigSnapshot config;
  protocol::Batch batch(
      *scenario_.registry, config, make(session.works, token, &session), nullptr,
      {.wait_for_rows = session.waiting_batch != 0, .look_up_receipts = session.unread == 0});
  batch.decide(locked(batch.lock_request(), session, lane));
  const protocol::WriteBatch& writes = batch.write_batch();
  Decided out;
  out.needs_receipts = batch.needs_receipts();
  for (const auto& result : batch.results()) {
    if (result.parked) throw std::logic_error(scenario_.name + ": a work is parked");
    WorkEnd end;
    end.work = static_cast<std::uint8_t>(result.ticket);
    end.fate = result.fate;
    if (result.receipt) {
      end.done = result.receipt->done || scenario_.works[end.work].kind != WorkKind::request;
      end.repeated = result.receipt->repeated;
      end.code = result.receipt->code;
    } else {
      end.code = result.receipt.error().code.code;
    }
    out.ends.push_back(std::move(end));
  }
  if (!batch.exchanges().empty()) {
    out.token = static_cast<std::uint8_t>(batch.exchanges()[0].row.token);
  }
  if (writes.empty()) return out;
  write_entities(writes, out);
  if (guard::is_off(guard::key_order) && session.driver % 2 == 1) {
    std::reverse(out.writes.begin(), out.writes.end());
  }
  write_others(writes, out, session.works, lane);
  return out;
}

}  // namespace pawl::check::sql
