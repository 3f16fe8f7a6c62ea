// SPDX-License-Identifier: Apache-2.0
//
// The public face: hands work to the lane and reads to the store.
#include <pawl/engine.h>
#include <pawl/log.h>

#include <atomic>
#include <map>
#include <utility>

#include "engine/commit_watches.h"
#include "engine/lanes.h"
#include "protocol/plan.h"
#include "store/store.h"

namespace pawl {

class Engine::Impl {
 public:
  Impl(StoreHandle opened, const Registry& declared, EngineOptions wanted)
      : store(std::move(opened)), registry(declared), options(std::move(wanted)) {}

  StoreHandle store;
  const Registry& registry;
  EngineOptions options;
  engine::Lane::Handlers handlers;
  engine::CommitWatches commit_watches;
  engine::Watchers watchers;
  std::unique_ptr<engine::Lanes> lanes;  // null: not started
};

Engine::Engine(StoreHandle store, const Registry& registry, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(store), registry, std::move(options))) {}

Engine::~Engine() {
  stop();
}

void Engine::handle_effect(std::string_view kind, std::shared_ptr<EffectHandler> handler) {
  impl_->handlers[std::string(kind)] = std::move(handler);
}

Result<void> Engine::start() {
  impl_->lanes = std::make_unique<engine::Lanes>(
      engine::Lane::Shared{*impl_->store, impl_->registry, impl_->options, impl_->handlers,
                           impl_->commit_watches, impl_->watchers});
  auto started = impl_->lanes->start();
  // Lanes without their threads would keep callers waiting.
  if (!started) impl_->lanes.reset();
  return started;
}

void Engine::stop() {
  if (impl_->lanes) impl_->lanes->stop();
}

namespace {

protocol::RequestWork prepared(std::shared_ptr<const Command> command, Origin origin) {
  protocol::RequestWork work;
  work.command = std::move(command);
  work.origin = std::move(origin);
  try {
    protocol::prepare(work);
  } catch (...) {
    // The lane comes upon the same, and answers it as what it is: the command's defect.
    work.prepared = false;
  }
  return work;
}

// What a command without keys is, its lane finds out.
engine::Lane& lane_for(engine::Lanes& lanes, const protocol::RequestWork& work) {
  return work.keys.empty() ? lanes.first() : lanes.of(work.keys.front());
}

}  // namespace

void Engine::submit(std::shared_ptr<const Command> command, Origin origin, ReceiptDone done) {
  if (!impl_->lanes) return done(fail(engine_stopping, "the engine was not started"));
  auto work = prepared(std::move(command), std::move(origin));
  auto& lane = lane_for(*impl_->lanes, work);
  lane.submit(std::move(work), std::move(done));
}

Result<Receipt> Engine::call_command(std::shared_ptr<const Command> command, Origin origin) {
  if (!impl_->lanes) return fail(engine_stopping, "the engine was not started");
  auto work = prepared(std::move(command), std::move(origin));
  auto& lane = lane_for(*impl_->lanes, work);
  return lane.call(std::move(work));
}

Result<EntitySlot> Engine::read_slot(const EntityRef& ref) {
  return impl_->store->reads().entity(ref);
}

void Engine::wait_for(const EntityRef& ref, RowTest ended, int deadline_ms, RowDone done) {
  if (!impl_->lanes) return done(fail(engine_stopping, "the engine was not started"), false);
  impl_->lanes->first().watch(ref, std::move(ended), deadline_ms, std::move(done));
}

Result<std::vector<Row>> Engine::query(const Query& query) {
  return impl_->store->reads().query(query);
}

Result<Aggregate> Engine::aggregate(const Query& query, std::string_view sum_column) {
  return impl_->store->reads().aggregate(query, sum_column);
}

Result<std::vector<TimelineEntry>> Engine::timeline(const EntityRef& ref, int limit) {
  return impl_->store->reads().timeline(ref, limit);
}

Result<std::optional<Time>> Engine::history_starts_at() {
  return impl_->store->reads().history_starts_at();
}

Result<JournalPage> Engine::journal_after(const JournalCursor& place, int limit) {
  return impl_->store->reads().journal_after(place, limit);
}

Result<JournalCursor> Engine::journal_end() {
  return impl_->store->reads().journal_end();
}

CommitWatch Engine::watch_commits(std::function<void()> committed) {
  return impl_->commit_watches.add(std::move(committed));
}

Result<std::vector<EffectInfo>> Engine::effects(bool with_ended, std::int64_t after_id, int limit) {
  return impl_->store->reads().effects(with_ended, after_id, limit);
}

Result<std::optional<EffectInfo>> Engine::effect(std::int64_t id) {
  auto rows = effects(true, id - 1, 1);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty() || rows->front().id != id) return std::optional<EffectInfo>();
  return std::optional<EffectInfo>(std::move(rows->front()));
}

Result<std::vector<AlertInfo>> Engine::alerts(bool with_acked, int limit) {
  return impl_->store->reads().alerts(with_acked, limit);
}

Result<StoreProgress> Engine::progress() {
  return impl_->store->reads().progress();
}

Result<std::vector<ParkedInfo>> Engine::parked(int limit) {
  return impl_->store->reads().parked(limit);
}

void Engine::operate_effect(std::int64_t id, EffectVerb verb, std::int64_t token, Origin origin,
                            ReceiptDone done) {
  auto row = impl_->store->reads().effect(id);
  if (!row) return done(std::unexpected(row.error()));
  if (!*row) return done(fail(protocol::effect_not_found));
  protocol::OperateWork work;
  work.looked_at = std::move(**row);
  work.verb = static_cast<protocol::EffectVerb>(verb);
  work.token = token;
  work.origin = std::move(origin);
  if (!impl_->lanes) return done(fail(engine_stopping, "the engine was not started"));
  impl_->lanes->driving(protocol::lane_of(id)).submit(std::move(work), std::move(done));
}

namespace {

Result<std::shared_ptr<const Command>> decode_parked(Store& store, const Registry& registry,
                                                     const protocol::ParkedRow& row) {
  if (row.source == "outcome" || row.source == "acceptance") {
    auto effect = store.reads().effect(row.effect_id);
    if (!effect) return std::unexpected(effect.error());
    const EffectSpec* spec = registry.find_effect(row.kind);
    if (!*effect || spec == nullptr) return fail(protocol::effect_not_found);
    EffectReport report;
    report.effect_id = (*effect)->id;
    report.outcome = row.source == "outcome" ? (*effect)->outcome : Outcome::accepted;
    report.code = (*effect)->code;
    report.reference = (*effect)->reference;
    report.attempt = (*effect)->attempt;
    return spec->outcome(row.payload, report);
  }
  const StoredCommandSpec* spec = registry.find_command(row.kind);
  if (spec == nullptr) return fail(payload_unreadable, "unknown kind " + row.kind);
  if (row.source != "bounce") return spec->decode(row.payload);
  return spec->decode_bounced(row.payload, row.entity.key, row.code, row.detail);
}

}  // namespace

void Engine::operate_parked(std::int64_t id, bool retry, Origin origin, ReceiptDone done) {
  auto row = impl_->store->reads().parked_row(id);
  if (!row) return done(std::unexpected(row.error()));
  protocol::ParkedWork work;
  work.verb = retry ? protocol::ParkedVerb::retry : protocol::ParkedVerb::drop;
  if (retry && *row) {
    auto command = decode_parked(*impl_->store, impl_->registry, **row);
    if (!command) return done(std::unexpected(command.error()));
    work.command = std::move(*command);
  }
  // Gone, it may be a repeat: what was answered then stands in the receipt.
  if (*row) work.row = std::move(**row);
  work.row.id = id;
  work.origin = std::move(origin);
  if (!impl_->lanes) return done(fail(engine_stopping, "the engine was not started"));
  impl_->lanes->first().submit(std::move(work), std::move(done));
}

void Engine::acknowledge_alert(std::int64_t id, Origin origin, ReceiptDone done) {
  if (!impl_->lanes) return done(fail(engine_stopping, "the engine was not started"));
  protocol::AlertWork work;
  work.acknowledge = true;
  work.alert.id = id;
  work.alert.acked_by = origin.principal;
  work.origin = std::move(origin);
  impl_->lanes->first().submit(std::move(work), std::move(done));
}

Result<std::vector<AlertInfo>> Engine::undelivered_alerts(int limit) {
  return impl_->store->reads().undelivered_alerts(limit);
}

Result<bool> Engine::take_duty(std::string_view duty, int lease_ms) {
  return impl_->store->take_duty(duty, lease_ms);
}

void Engine::leave_duty(std::string_view duty) {
  impl_->store->leave_duty(duty);
}

void Engine::alert_delivered(std::int64_t id, std::int64_t count, ReceiptDone done) {
  if (!impl_->lanes) return done(fail(engine_stopping, "the engine was not started"));
  protocol::AlertWork work;
  work.alert.id = id;
  work.delivered_count = count;
  impl_->lanes->first().submit(std::move(work), std::move(done));
}

StoreIdentity Engine::store_identity() const {
  return impl_->store->identity();
}

bool Engine::is_shared() const {
  return !impl_->store->sole_owner();
}

EngineStatistics Engine::statistics() const {
  return impl_->lanes ? impl_->lanes->statistics() : EngineStatistics{};
}

const Registry& Engine::registry() const {
  return impl_->registry;
}

Clock& Engine::clock() const {
  return impl_->store->clock();
}

}  // namespace pawl
