// SPDX-License-Identifier: Apache-2.0
#include "check/parts.h"

#include <algorithm>

namespace pawl::check {

namespace {

// Texts carry their length and numbers have a fixed one: names of one length can be exchanged in
// the bytes.
class Pack {
 public:
  explicit Pack(char kind) { bytes_.push_back(kind); }
  Pack& number(std::int64_t value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Pack& text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    bytes_.append(value);
    return *this;
  }
  Pack& value(const Value& value) {
    number(static_cast<std::int64_t>(value.index()));
    if (const auto* integer = std::get_if<std::int64_t>(&value)) number(*integer);
    if (const auto* string = std::get_if<std::string>(&value)) text(*string);
    return *this;
  }
  Pack& row(const Row& values) {
    number(static_cast<std::int64_t>(values.size()));
    for (const Value& one : values) value(one);
    return *this;
  }
  Pack& entity(const EntityRef& ref) { return text(ref.machine).text(ref.key); }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Unpack {
 public:
  explicit Unpack(std::string_view bytes) : bytes_(bytes.substr(1)) {}
  std::int64_t number() {
    std::int64_t value = 0;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  int small() { return static_cast<int>(number()); }
  std::string text() {
    const auto size = static_cast<std::size_t>(number());
    std::string out(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return out;
  }
  Value value() {
    switch (number()) {
      case 1:
        return number();
      case 2:
        return text();
      default:
        return {};
    }
  }
  Row row() {
    Row out(static_cast<std::size_t>(number()));
    for (Value& one : out) one = value();
    return out;
  }

 private:
  std::string_view bytes_;
};

}  // namespace

EntityRef Parts::known(const std::string& machine, std::string key) const {
  const MachineSpec* spec = registry_.find_machine(machine);
  return {spec == nullptr ? std::string_view() : spec->name, std::move(key)};
}

PartId Parts::of_row(const Row& row) {
  return of_bytes(Pack('r').row(row).bytes());
}
Row Parts::row(PartId id) const {
  return Unpack(bytes(id)).row();
}

PartId Parts::of_records(const std::vector<Row>& rows) {
  if (rows.empty()) return 0;
  Pack pack('l');
  pack.number(static_cast<std::int64_t>(rows.size()));
  for (const Row& row : rows) pack.row(row);
  return of_bytes(pack.bytes());
}
std::vector<Row> Parts::records(PartId id) const {
  if (id == 0) return {};
  Unpack unpack(bytes(id));
  std::vector<Row> out(static_cast<std::size_t>(unpack.number()));
  for (Row& row : out) row = unpack.row();
  return out;
}

PartId Parts::of_receipt(const protocol::StoredReceipt& receipt, std::size_t writer, int tick) {
  return of_bytes(Pack('c')
                      .number(tick)
                      .number(static_cast<std::int64_t>(writer))
                      .number(receipt.done ? 1 : 0)
                      .text(receipt.code)
                      .text(receipt.detail)
                      .number(static_cast<std::int64_t>(receipt.error_class))
                      .text(receipt.reply_json)
                      .bytes());
}
protocol::StoredReceipt Parts::receipt(PartId id, std::size_t& writer) const {
  Unpack unpack(bytes(id));
  protocol::StoredReceipt out;
  unpack.number();
  writer = static_cast<std::size_t>(unpack.number());
  out.done = unpack.number() != 0;
  out.code = unpack.text();
  out.detail = unpack.text();
  out.error_class = static_cast<ErrorClass>(unpack.number());
  out.reply_json = unpack.text();
  return out;
}

int Parts::receipt_tick(PartId id) const {
  return Unpack(bytes(id)).small();
}

PartId Parts::of_committed(std::string_view encoded) {
  return of_bytes("b" + std::string(encoded));
}

PartId Parts::of_deadline(const protocol::DeadlineRow& row) {
  return of_bytes(Pack('d')
                      .entity(row.entity)
                      .text(row.name)
                      .number(row.due.us)
                      .text(row.kind)
                      .text(row.payload)
                      .bytes());
}
protocol::DeadlineRow Parts::deadline(PartId id) const {
  Unpack unpack(bytes(id));
  protocol::DeadlineRow out;
  const std::string machine = unpack.text();
  out.entity = known(machine, unpack.text());
  out.name = unpack.text();
  out.due = Time{unpack.number()};
  out.kind = unpack.text();
  out.payload = unpack.text();
  return out;
}

// Left out: id, token and lease (Exchange::current says whose token stands), the times at which it
// is claimed next (it may be claimed at any), the number of inquiries (which alerts alone read),
// the newest code (overwritten before it is reported) and the history.
PartId Parts::of_effect(const protocol::EffectRow& row, const EffectPolicy& policy) {
  return of_bytes(Pack('e')
                      .number(static_cast<std::int64_t>(row.state))
                      .number(std::min(row.attempt, policy.max_attempts))
                      .number(row.accepted_reported ? 1 : 0)
                      .number(row.maybe_sent ? 1 : 0)
                      .number(row.not_after.us)
                      .text(row.reference)
                      .bytes());
}
protocol::EffectRow Parts::effect(PartId id, const EffectLabel& label) const {
  Unpack unpack(bytes(id));
  protocol::EffectRow out;
  out.kind = label.kind;
  out.owner = label.owner;
  out.payload = label.payload;
  out.idempotency_key = label.idempotency_key;
  out.state = static_cast<protocol::EffectState>(unpack.number());
  out.attempt = unpack.small();
  out.accepted_reported = unpack.number() != 0;
  out.maybe_sent = unpack.number() != 0;
  out.not_after = Time{unpack.number()};
  out.reference = unpack.text();
  return out;
}

PartId Parts::of_message(const protocol::MessageRow& row) {
  return of_bytes(Pack('m')
                      .entity(row.from)
                      .entity(row.to)
                      .text(row.kind)
                      .text(row.payload)
                      .number(row.hops)
                      .number(row.bounced ? 1 : 0)
                      .text(row.code)
                      .text(row.detail)
                      .bytes());
}
protocol::MessageRow Parts::message(PartId id) const {
  Unpack unpack(bytes(id));
  protocol::MessageRow out;
  std::string machine = unpack.text();
  out.from = known(machine, unpack.text());
  machine = unpack.text();
  out.to = known(machine, unpack.text());
  out.kind = unpack.text();
  out.payload = unpack.text();
  out.hops = unpack.small();
  out.bounced = unpack.number() != 0;
  out.code = unpack.text();
  out.detail = unpack.text();
  return out;
}

PartId Parts::of_parked(const protocol::ParkedRow& row) {
  return of_bytes(Pack('p')
                      .text(row.source)
                      .entity(row.from)
                      .entity(row.entity)
                      .text(row.kind)
                      .text(row.payload)
                      .text(row.code)
                      .text(row.detail)
                      .number(row.hops)
                      .bytes());
}
protocol::ParkedRow Parts::parked(PartId id) const {
  Unpack unpack(bytes(id));
  protocol::ParkedRow out;
  out.source = unpack.text();
  std::string machine = unpack.text();
  out.from = known(machine, unpack.text());
  machine = unpack.text();
  out.entity = known(machine, unpack.text());
  out.kind = unpack.text();
  out.payload = unpack.text();
  out.code = unpack.text();
  out.detail = unpack.text();
  out.hops = unpack.small();
  return out;
}

PartId Parts::of_answer(const EffectAnswer& answer) {
  return of_bytes(Pack('a')
                      .number(static_cast<std::int64_t>(answer.outcome))
                      .text(answer.code)
                      .text(answer.reference)
                      .number(answer.far_time.us)
                      .bytes());
}
EffectAnswer Parts::answer(PartId id) const {
  Unpack unpack(bytes(id));
  EffectAnswer out;
  out.outcome = static_cast<Outcome>(unpack.number());
  out.code = unpack.text();
  out.reference = unpack.text();
  out.far_time = Time{unpack.number()};
  return out;
}

PartId Parts::of_facts(const Facts& facts) {
  Pack pack('f');
  pack.number(static_cast<std::int64_t>(facts.all().size()));
  for (const auto& [name, value] : facts.all()) pack.text(name).value(value);
  return of_bytes(pack.bytes());
}
const Facts& Parts::facts(PartId id) {
  if (facts_.size() < id) facts_.resize(id + id / 2);
  auto& place = facts_[id - 1];
  if (place) return *place;
  place = std::make_unique<Facts>();
  Unpack unpack(bytes(id));
  for (std::int64_t left = unpack.number(); left > 0; --left) {
    const std::string name = unpack.text();
    const Value value = unpack.value();
    if (const auto* number = std::get_if<std::int64_t>(&value)) place->set(name, *number);
    if (const auto* text = std::get_if<std::string>(&value)) place->set(name, *text);
  }
  return *place;
}

PartId Parts::of_label(const EffectLabel& label) {
  return of_bytes(Pack('L')
                      .text(label.kind)
                      .entity(label.owner)
                      .text(label.payload)
                      .text(label.idempotency_key)
                      .number(label.copy)
                      .bytes());
}
EffectLabel Parts::label(PartId id) const {
  Unpack unpack(bytes(id));
  EffectLabel out;
  out.kind = unpack.text();
  const std::string machine = unpack.text();
  out.owner = known(machine, unpack.text());
  out.payload = unpack.text();
  out.idempotency_key = unpack.text();
  out.copy = unpack.small();
  return out;
}

std::shared_ptr<const void>& Parts::typed(PartId id) {
  if (typed_.size() < id) typed_.resize(id + id / 2);
  return typed_[id - 1];
}

const Row& Parts::kept_row(PartId id) {
  if (rows_.size() < id) rows_.resize(id + id / 2);
  auto& place = rows_[id - 1];
  if (!place) place = std::make_unique<Row>(row(id));
  return *place;
}

}  // namespace pawl::check
