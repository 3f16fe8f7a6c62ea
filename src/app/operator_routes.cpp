// SPDX-License-Identifier: Apache-2.0
#include "app/operator_routes.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "app/operator_json.h"
#include "core/json.h"
#include "protocol/effect_row.h"

namespace pawl::app {

namespace {

using net::Request;
using net::Responder;

net::Response json_answer(const json::Value& body) {
  net::Response response;
  response.body = body.text();
  return response;
}

Result<std::int64_t> read_number(std::string_view text, std::string_view name, std::int64_t min,
                                 std::int64_t max) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() ||
      value < min || value > max) {
    return fail(listing_parameter_invalid, std::string(name) + " is a number from " +
                                               std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

Result<std::int64_t> query_number(const Request& request, std::string_view name,
                                  std::int64_t otherwise, std::int64_t min, std::int64_t max) {
  const auto text = request.query(name);
  return text ? read_number(*text, name, min, max) : Result<std::int64_t>(otherwise);
}

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

// The operator's name and reason, and the id under which the verb is decided once.
struct OperatorRequest {
  Origin origin;
  std::int64_t token = 0;
};

Result<OperatorRequest> read_operator(const Request& request, bool reason_needed = true) {
  const auto body = json::parse(request.body);
  if (!body || !body->is_object()) return fail(operator_request_invalid);
  const auto text_of = [&](std::string_view name) {
    const auto* member = body->find(name);
    return std::string(member == nullptr ? "" : member->as_string().value_or(""));
  };
  for (const auto& member : *body->as_object()) {
    if (member.key != "as" && member.key != "reason" && member.key != "token") {
      return fail(operator_request_invalid, "unknown member " + member.key);
    }
  }
  OperatorRequest out;
  const std::string name = text_of("as");
  out.origin.why = text_of("reason");
  for (const auto& [what, text] :
       {std::pair<const char*, const std::string*>{"as", &name}, {"reason", &out.origin.why}}) {
    const std::size_t most = text == &name ? max_operator_name_bytes : max_operator_text_bytes;
    const bool missing = text->empty() && (text == &name || reason_needed);
    if (missing || text->size() > most) {
      return fail(operator_request_invalid,
                  std::string(what) + " is text of 1 to " + std::to_string(most) + " bytes");
    }
  }
  if (const auto* token = body->find("token"); token != nullptr && !token->is_null()) {
    const auto number = token->as_int64();
    // 0 stands for "whatever it is" inside: nobody shall say so by accident.
    if (!number || *number < 1) {
      return fail(operator_request_invalid, "token is a number from 1 on; leave it out for any");
    }
    out.token = *number;
  }
  out.origin.principal = "operator:" + name;
  const auto id = request.header("Idempotency-Key");
  // Ignored, it would leave the caller with a repeat that is none.
  if (id && (id->empty() || id->size() > max_operator_id_bytes)) {
    return fail(operator_request_invalid, "Idempotency-Key is 1 to 128 bytes");
  }
  out.origin.id = id ? std::string(*id) : request.request_id;
  return out;
}

Engine::ReceiptDone answer_receipt(Responder respond) {
  auto shared = std::make_shared<Responder>(std::move(respond));
  return [shared](Result<Receipt> receipt) {
    if (!receipt) return (*shared)(receipt.error());
    auto body = json::Value::object();
    body.add("ok", json::Value::boolean(receipt->done));
    if (!receipt->done) {
      body.add("code", json::Value::string(receipt->code));
      body.add("detail", json::Value::string(receipt->detail));
    }
    net::Response response = json_answer(body);
    if (!receipt->done) response.status = net::status_of(receipt->error_class);
    (*shared)(std::move(response));
  };
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
  auto body = row_json(*machine, *slot);
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
  auto wanted = read_operator(request, false);
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
    return std::string(*name);
  };
}

void add_operator_routes(net::Router& router, Engine& engine) {
  router.add("GET", "/entities/{machine}/{key}", [&engine](const Request& q, Responder respond) {
    show_entity(engine, q, std::move(respond));
  });
  router.add("GET", "/effects", [&engine](const Request& q, Responder respond) {
    list_effects(engine, q, std::move(respond));
  });
  router.add("GET", "/effects/{id}", [&engine](const Request& q, Responder respond) {
    show_effect(engine, q, std::move(respond));
  });
  for (const auto& [name, verb] : {std::pair{"retry", Engine::EffectVerb::retry},
                                   std::pair{"confirm", Engine::EffectVerb::confirm},
                                   std::pair{"refuse", Engine::EffectVerb::refuse}}) {
    router.add("POST", "/effects/{id}/" + std::string(name),
               [&engine, wanted = verb](const Request& q, Responder respond) {
                 operate_effect(engine, wanted, q, std::move(respond));
               });
  }
  router.add("GET", "/parked", [&engine](const Request& q, Responder respond) {
    const auto limit = limit_of(q);
    if (!limit) return respond(limit.error());
    answer_list(respond, "parked", engine.parked(static_cast<int>(*limit)), parked_json, *limit);
  });
  for (const bool retry : {true, false}) {
    router.add("POST", retry ? "/parked/{id}/retry" : "/parked/{id}/drop",
               [&engine, retry](const Request& q, Responder respond) {
                 operate_parked(engine, retry, q, std::move(respond));
               });
  }
  router.add("GET", "/alerts", [&engine](const Request& q, Responder respond) {
    const auto limit = limit_of(q);
    const auto acked = query_number(q, "acked", 0, 0, 1);
    if (!limit) return respond(limit.error());
    if (!acked) return respond(acked.error());
    answer_list(respond, "alerts", engine.alerts(*acked == 1, static_cast<int>(*limit)), alert_json,
                *limit);
  });
  router.add("POST", "/alerts/{id}/ack", [&engine](const Request& q, Responder respond) {
    acknowledge(engine, q, std::move(respond));
  });
  router.add("GET", "/statistics", [&engine](const Request&, Responder respond) {
    respond(json_answer(statistics_json(engine.statistics())));
  });
}

}  // namespace pawl::app
