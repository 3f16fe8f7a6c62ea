// SPDX-License-Identifier: Apache-2.0
#include "app/operator_routes.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "app/operator_json.h"
#include "app/operator_request.h"
#include "core/json.h"
#include "protocol/effect_row.h"

namespace pawl::app {

namespace {

using net::Request;
using net::Responder;

Result<std::int64_t> limit_of(const Request& request) {
  return query_number(request, "limit", default_listed, 1, max_listed);
}

Result<std::int64_t> id_of(const Request& request) {
  return read_number(request.param("id"), "id", 1, INT64_MAX);
}

template <class T, class Show>
void answer_list(Responder& respond, std::string name, const Result<std::vector<T>>& rows,
                 Show show, std::int64_t limit) {
  if (!rows) return respond(rows.error());
  auto list = json::Value::array();
  for (const T& row : *rows) list.push(show(row));
  auto body = json::Value::object();
  body.add(std::move(name), std::move(list));
  // Listings in order of id go on after the last one.
  if constexpr (std::is_same_v<T, EffectInfo>) {
    const bool more = static_cast<std::int64_t>(rows->size()) == limit;
    body.add("next_after", more ? json::Value::integer(rows->back().id) : json::Value());
  }
  respond(json_answer(body));
}

void show_entity(Engine& engine, const Request& request, Responder respond) {
  const MachineSpec* machine = engine.registry().find_machine(request.param("machine"));
  if (machine == nullptr) return respond(Error(machine_unknown));
  const auto limit = limit_of(request);
  if (!limit) return respond(limit.error());
  const EntityRef ref{machine->name, std::string(request.param("key"))};
  const auto slot = engine.read_slot(ref);
  if (!slot) return respond(slot.error());
  if (!slot->present) return respond(Error(entity_not_found));
  const auto timeline = engine.timeline(ref, static_cast<int>(*limit));
  if (!timeline) return respond(timeline.error());
  const auto history_starts_at = engine.history_starts_at();
  if (!history_starts_at) return respond(history_starts_at.error());
  auto body = row_json(*machine, *slot);
  body.add("epoch", json::Value::string(engine.store_identity().epoch));
  body.add("history_starts_at", *history_starts_at
                                    ? json::Value::string(to_rfc3339(**history_starts_at))
                                    : json::Value());
  auto entries = json::Value::array();
  auto effects = json::Value::array();
  int shown = 0;
  for (const auto& entry : *timeline) {
    entries.push(timeline_json(entry));
    for (const auto id : entry.effects) {
      if (++shown > max_listed) break;
      const auto effect = engine.effect(id);
      if (effect && *effect) effects.push(effect_json(**effect));
    }
  }
  body.add("timeline", std::move(entries));
  body.add("effects", std::move(effects));
  respond(json_answer(body));
}

void list_effects(Engine& engine, const Request& request, Responder respond) {
  const auto limit = limit_of(request);
  const auto after = query_number(request, "after", 0, 0, INT64_MAX);
  const auto ended = query_number(request, "ended", 0, 0, 1);
  if (!limit) return respond(limit.error());
  if (!after) return respond(after.error());
  if (!ended) return respond(ended.error());
  answer_list(respond, "effects", engine.effects(*ended == 1, *after, static_cast<int>(*limit)),
              effect_json, *limit);
}

void show_effect(Engine& engine, const Request& request, Responder respond) {
  const auto id = id_of(request);
  if (!id) return respond(id.error());
  const auto effect = engine.effect(*id);
  if (!effect) return respond(effect.error());
  if (!*effect) return respond(Error(protocol::effect_not_found));
  respond(json_answer(effect_json(**effect)));
}

void operate_effect(Engine& engine, Engine::EffectVerb verb, const Request& request,
                    Responder respond) {
  const auto id = id_of(request);
  if (!id) return respond(id.error());
  auto wanted = read_operator(request);
  if (!wanted) return respond(wanted.error());
  engine.operate_effect(*id, verb, wanted->token, std::move(wanted->origin),
                        answer_receipt(std::move(respond)));
}

void operate_parked(Engine& engine, bool retry, const Request& request, Responder respond) {
  const auto id = id_of(request);
  if (!id) return respond(id.error());
  auto wanted = read_operator(request);
  if (!wanted) return respond(wanted.error());
  engine.operate_parked(*id, retry, std::move(wanted->origin), answer_receipt(std::move(respond)));
}

void acknowledge(Engine& engine, const Request& request, Responder respond) {
  const auto id = id_of(request);
  if (!id) return respond(id.error());
  auto wanted = read_operator(request, {}, false);
  if (!wanted) return respond(wanted.error());
  const auto alerts = engine.alerts(true, max_query_rows);
  if (!alerts) return respond(alerts.error());
  const bool known = std::any_of(alerts->begin(), alerts->end(),
                                 [&](const AlertInfo& alert) { return alert.id == *id; });
  if (!known) return respond(Error(alert_not_found));
  engine.acknowledge_alert(*id, std::move(wanted->origin), answer_receipt(std::move(respond)));
}

}  // namespace

otc::OperatorGate operator_gate() {
  return [](const Request& request) -> Result<std::string> {
    const auto name = request.header(operator_header);
    if (!name || name->empty() || name->size() > max_operator_name_bytes) {
      return fail(otc::operator_required,
                  "name yourself in the header " + std::string(operator_header));
    }
    return std::string(*name) + (request.token_id.empty() ? "" : "@token:" + request.token_id);
  };
}

namespace {

net::DeclaredParameter number(const char* name, const char* meaning, const char* schema) {
  return {name, net::ParameterPlace::query, meaning, schema};
}

net::DeclaredParameter limit_parameter() {
  return number("limit", "at most so many", R"({"type":"integer","minimum":1,"maximum":1000})");
}

net::DeclaredParameter flag(const char* name, const char* meaning) {
  return number(name, meaning, R"({"enum":[0,1]})");
}

// A verb of an operator on one thing: a name and a reason in, a receipt out.
net::RouteOptions verb(std::string id, std::string summary,
                       std::vector<net::DeclaredError> errors) {
  errors.insert(errors.end(),
                {operator_request_invalid, listing_parameter_invalid, idempotency_mismatch});
  return net::declared({.id = std::move(id),
                        .summary = std::move(summary),
                        .tag = "operators",
                        .parameters = {{"Idempotency-Key", net::ParameterPlace::header,
                                        "a repeat of it is carried out once"}},
                        .body_schema_name = "OperatorVerb",
                        .answers = {{200, "done", "Ok"}},
                        .errors = std::move(errors)});
}

net::RouteOptions shown(std::string id, std::string summary, std::string schema,
                        std::vector<net::DeclaredParameter> parameters,
                        std::vector<net::DeclaredError> errors = {}) {
  errors.insert(errors.end(), {listing_parameter_invalid});
  return net::declared({.id = std::move(id),
                        .summary = std::move(summary),
                        .tag = "operators",
                        .parameters = std::move(parameters),
                        .answers = {{200, "as last committed", std::move(schema)}},
                        .errors = std::move(errors)});
}

void add_effect_routes(net::Router& router, Engine& engine) {
  router.add(
      "GET", "/effects",
      [&engine](const Request& q, Responder respond) {
        list_effects(engine, q, std::move(respond));
      },
      shown("listEffects", "Effects in the order of their ids, open ones unless told otherwise",
            "EffectList",
            {limit_parameter(),
             number("after", "behind this id", R"({"type":"integer","minimum":0})"),
             flag("ended", "1: those that have ended, too")}));
  router.add(
      "GET", "/effects/{id}",
      [&engine](const Request& q, Responder respond) {
        show_effect(engine, q, std::move(respond));
      },
      shown("showEffect", "One effect with its history", "Effect", {},
            {protocol::effect_not_found}));
  struct Verb {
    const char* name;
    Engine::EffectVerb verb;
    const char* id;
    const char* summary;
  };
  for (const Verb& wanted :
       {Verb{"retry", Engine::EffectVerb::retry, "retryEffect", "Ask or send again, now"},
        Verb{"confirm", Engine::EffectVerb::confirm, "confirmEffect",
             "Say that it happened, on your word"},
        Verb{"refuse", Engine::EffectVerb::refuse, "refuseEffect",
             "Say that it did not happen, on your word"}}) {
    router.add(
        "POST", "/effects/{id}/" + std::string(wanted.name),
        [&engine, which = wanted.verb](const Request& q, Responder respond) {
          operate_effect(engine, which, q, std::move(respond));
        },
        verb(wanted.id, wanted.summary,
             {protocol::effect_not_found, protocol::effect_ended, protocol::effect_changed,
              protocol::effect_under_way}));
  }
}

void add_parked_routes(net::Router& router, Engine& engine) {
  router.add(
      "GET", "/parked",
      [&engine](const Request& q, Responder respond) {
        const auto limit = limit_of(q);
        if (!limit) return respond(limit.error());
        answer_list(respond, "parked", engine.parked(static_cast<int>(*limit)), parked_json,
                    *limit);
      },
      shown("listParked", "Inner commands that were set aside", "ParkedList", {limit_parameter()}));
  for (const bool retry : {true, false}) {
    router.add(
        "POST", retry ? "/parked/{id}/retry" : "/parked/{id}/drop",
        [&engine, retry](const Request& q, Responder respond) {
          operate_parked(engine, retry, q, std::move(respond));
        },
        verb(retry ? "retryParked" : "dropParked",
             retry ? "Decide a parked command again" : "Forget a parked command",
             {parked_not_found}));
  }
}

void add_alert_routes(net::Router& router, Engine& engine) {
  router.add(
      "GET", "/alerts",
      [&engine](const Request& q, Responder respond) {
        const auto limit = limit_of(q);
        const auto acked = query_number(q, "acked", 0, 0, 1);
        if (!limit) return respond(limit.error());
        if (!acked) return respond(acked.error());
        answer_list(respond, "alerts", engine.alerts(*acked == 1, static_cast<int>(*limit)),
                    alert_json, *limit);
      },
      shown("listAlerts", "What waits for a person, newest first", "AlertList",
            {limit_parameter(), flag("acked", "1: those that somebody has taken, too")}));
  router.add(
      "POST", "/alerts/{id}/ack",
      [&engine](const Request& q, Responder respond) {
        acknowledge(engine, q, std::move(respond));
      },
      verb("acknowledgeAlert", "Say that you have seen it; the reason may be left out",
           {alert_not_found}));
}

}  // namespace

void add_operator_routes(net::Router& router, Engine& engine) {
  add_operator_schemas(router);
  router.add(
      "GET", "/entities/{machine}/{key}",
      [&engine](const Request& q, Responder respond) {
        show_entity(engine, q, std::move(respond));
      },
      shown("showEntity", "An entity: its row, its timeline (newest first), its effects", "Entity",
            {limit_parameter()}, {machine_unknown, entity_not_found}));
  add_effect_routes(router, engine);
  add_parked_routes(router, engine);
  add_alert_routes(router, engine);
  router.add(
      "GET", "/statistics",
      [&engine](const Request&, Responder respond) {
        respond(json_answer(statistics_json(engine.statistics())));
      },
      shown("showStatistics", "The engine's counters since its start", "Statistics", {}));
}

}  // namespace pawl::app
