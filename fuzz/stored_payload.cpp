// SPDX-License-Identifier: Apache-2.0
//
// Everything that the desk stores as a payload or a row: what is decoded is encoded to the same
// again; an unknown, a missing and a repeated field and another schema number are refused. The
// first byte of the input chooses the kind, the rest is the payload.
#include <array>

#include "core/json.h"
#include "fuzz/target.h"
#include "systems/otc/commands.h"
#include "systems/otc/effects.h"
#include "systems/otc/machine.h"

namespace {

using namespace pawl;
using namespace pawl::otc;
using fuzz::check;

const Registry& registry() {
  static const Registry out = [] {
    Registry r;
    declare(r, Config());
    check(r.check().has_value(), "the machines are declared well");
    return r;
  }();
  return out;
}

json::Value without(const json::Value& object, std::size_t index) {
  json::Value out = json::Value::object();
  for (std::size_t i = 0; i < object.as_object()->size(); ++i) {
    const auto& member = (*object.as_object())[i];
    if (i != index) out.add(member.key, member.value);
  }
  return out;
}

// `decode` says whether a payload is taken.
template <class Decode>
void check_strict(std::string_view payload, std::string_view encoded, Decode decode) {
  const auto before = json::parse(payload);
  const auto after = json::parse(encoded);
  check(before && after && before->is_object() && after->is_object(), "payloads are objects");
  check(before->as_object()->size() == after->as_object()->size(), "no field is lost or made");
  for (const auto& member : *before->as_object()) {
    const auto* found = after->find(member.key);
    check(found != nullptr && found->kind() == member.value.kind(), "a field keeps its type");
    check(
        found->is_number() ? found->as_int64() == member.value.as_int64() : *found == member.value,
        "a field keeps its value");
  }
  check(decode(encoded), "what was encoded is decoded");
  json::Value more = *after;
  more.add("an_unknown_field", json::Value::integer(1));
  check(!decode(more.text()), "an unknown field is refused");
  for (std::size_t i = 0; i < after->as_object()->size(); ++i) {
    json::Value less = without(*after, i);
    check(!decode(less.text()), "a missing field is refused");
    less.add("an_unknown_field", (*after->as_object())[i].value);
    check(!decode(less.text()), "a renamed field is refused");
  }
  std::string twice(encoded);
  twice.insert(1, "\"schema_number\":1,");
  check(!decode(twice), "a repeated field is refused");
}

template <class T>
void check_typed(std::string_view payload) {
  const auto object = from_payload<T>(payload);
  if (!object) {
    check(object.error().code == payload_unreadable, "a refusal says that it cannot be read");
    return;
  }
  const std::string encoded = to_payload(*object);
  check_strict(payload, encoded,
               [](std::string_view text) { return from_payload<T>(text).has_value(); });
  T again{};
  check(from_row(std::span<const Value>(to_row(*object)), again) && to_payload(again) == encoded,
        "as a row it is the same");
}

template <class C>
void check_command(std::string_view payload) {
  const auto* spec = registry().find_command(C::kind);
  check(spec != nullptr, "the command is registered");
  const auto command = spec->decode(payload);
  check(command.has_value() == from_payload<C>(payload).has_value(), "the registry decodes it");
  check_typed<C>(payload);
  if (!command) return;
  check((*command)->kind() == C::kind, "it is of its kind");
  check(!(*command)->keys().empty(), "it names its entity");
  const auto again = spec->decode((*command)->payload());
  check(again && (*again)->payload() == (*command)->payload(), "it is the same again");
  check((*again)->identity() == (*command)->identity() && (*again)->keys() == (*command)->keys(),
        "with the same identity and entities");
  if (spec->decode_bounced) {
    check(spec->decode_bounced(payload, "sender", "code", "detail").has_value(),
          "a message that is read can come back");
  }
}

template <class E>
void check_effect(std::string_view payload) {
  const auto* spec = registry().find_effect(E::kind);
  check(spec != nullptr, "the effect is registered");
  const auto outcome = spec->outcome(payload, EffectReport{});
  check(outcome.has_value() == from_payload<E>(payload).has_value(), "the registry decodes it");
  check_typed<E>(payload);
  if (outcome) check((*outcome)->keys().size() == 1, "its end goes to its owner");
}

constexpr std::array checks{
    &check_command<Expire>,       &check_command<EndSettlement>, &check_command<Redrive>,
    &check_command<ReturnSlot>,   &check_effect<LockRequest>,    &check_effect<ReleaseRequest>,
    &check_effect<RefundRequest>, &check_effect<PayoutRequest>,  &check_typed<Order>,
    &check_typed<WalletLedger>,   &check_typed<TradeRecord>,     &check_typed<Create>,
    &check_typed<Match>,          &check_typed<Confirm>,         &check_typed<Cancel>,
    &check_typed<RedrivePayout>,  &check_typed<RedriveRefund>};

}  // namespace

PAWL_FUZZ(stored_payload) {
  fuzz::Input parts(input);
  const std::uint8_t kind = parts.byte();
  checks[kind % checks.size()](parts.rest());
}
