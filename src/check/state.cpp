// SPDX-License-Identifier: Apache-2.0
#include "check/state.h"

namespace pawl::check {

namespace {

// Every number of a state, at the five bytes that the largest takes.
constexpr std::size_t max_encoded_bytes =
    5 * (32 + max_events + 3 * max_entities + max_requests + max_places + 8 * 3 + 8 * 4 + 8 * 3 +
         12 + 8 + max_workers * (9 + max_entities) + 6);

// Small numbers in one byte, others in as many sevens of bits as they need.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {
    out_.resize(max_encoded_bytes);
    at_ = out_.data();
  }
  ~Writer() { out_.resize(static_cast<std::size_t>(at_ - out_.data())); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  void operator()(std::uint32_t value) {
    while (value >= 0x80U) {
      *at_++ = static_cast<char>(value | 0x80U);
      value >>= 7U;
    }
    *at_++ = static_cast<char>(value);
  }
  template <class T, std::size_t N>
  void size(const Few<T, N>& list) {
    (*this)(static_cast<std::uint32_t>(list.size()));
  }

 private:
  std::string& out_;
  char* at_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint32_t operator()() {
    std::uint32_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= (byte & 0x7FU) << shift;
      if (byte < 0x80U) return value;
    }
  }
  template <class T>
  void operator()(T& place) {
    place = static_cast<T>((*this)());
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

void encode_hand(const Hand& hand, const Sizes& sizes, Writer& write) {
  write(static_cast<std::uint32_t>(hand.holds));
  if (hand.holds == Holds::nothing) return;
  write(hand.stands);
  write(hand.index);
  write(hand.row);
  write(hand.dirty);
  for (std::size_t i = 0; i < sizes.entities; ++i) write(hand.rows[i]);
}

Hand decode_hand(const Sizes& sizes, Reader& read) {
  Hand hand;
  read(hand.holds);
  if (hand.holds == Holds::nothing) return hand;
  read(hand.stands);
  read(hand.index);
  read(hand.row);
  read(hand.dirty);
  for (std::size_t i = 0; i < sizes.entities; ++i) read(hand.rows[i]);
  return hand;
}

}  // namespace

void encode(const State& state, const Sizes& sizes, std::string& out) {
  Writer write(out);
  write(state.tick);
  write(state.config);
  for (std::size_t i = 0; i < used_events + sizes.events; ++i) write(state.used[i]);
  write(state.facts);
  for (std::size_t i = 0; i < sizes.entities; ++i) write(state.entities[i]);
  if (sizes.records) {
    for (std::size_t i = 0; i < sizes.entities; ++i) write(state.records[i]);
  }
  if (sizes.versions) {
    for (std::size_t i = 0; i < sizes.entities; ++i) write(state.versions[i]);
  }
  for (std::size_t i = 0; i < sizes.requests; ++i) write(state.receipts[i]);
  std::size_t places = max_places;
  while (places > 0 && state.deadlines[places - 1] == 0) --places;
  write(static_cast<std::uint32_t>(places));
  for (std::size_t i = 0; i < places; ++i) write(state.deadlines[i]);
  write.size(state.effects);
  for (const auto& effect : state.effects) {
    write(effect.label);
    write(effect.lost | effect.late * 8U);
    write(effect.row);
  }
  write.size(state.exchanges);
  for (const auto& exchange : state.exchanges) {
    write(exchange.label);
    write(static_cast<std::uint32_t>(exchange.phase) | exchange.purpose * 4U |
          exchange.current * 16U | exchange.worker * 32U);
    write(exchange.claimed);
    write(exchange.answer);
  }
  write.size(state.wire);
  for (const auto& late : state.wire) {
    write(late.label);
    write(late.attempt);
    write(static_cast<std::uint8_t>(late.not_after));
  }
  write.size(state.messages);
  for (const auto& message : state.messages) write(message.row);
  write.size(state.parked);
  for (const auto& parked : state.parked) write(parked.row);
  if (sizes.lanes) {
    write(state.takeovers);
    write(state.owner);
    for (std::size_t i = 0; i < sizes.workers; ++i) {
      write(static_cast<std::uint32_t>(state.holds[i]));
    }
  }
  if (sizes.restores) {
    write(state.restores);
    write(state.restored_at);
    write(state.backup);
  }
  if (!sizes.hands) return;
  for (std::size_t i = 0; i < sizes.workers; ++i) encode_hand(state.hands[i], sizes, write);
}

State decode(std::string_view bytes, const Sizes& sizes) {
  Reader read(bytes);
  State state;
  read(state.tick);
  read(state.config);
  for (std::size_t i = 0; i < used_events + sizes.events; ++i) read(state.used[i]);
  read(state.facts);
  for (std::size_t i = 0; i < sizes.entities; ++i) read(state.entities[i]);
  if (sizes.records) {
    for (std::size_t i = 0; i < sizes.entities; ++i) read(state.records[i]);
  }
  if (sizes.versions) {
    for (std::size_t i = 0; i < sizes.entities; ++i) read(state.versions[i]);
  }
  for (std::size_t i = 0; i < sizes.requests; ++i) read(state.receipts[i]);
  const std::size_t places = read();
  for (std::size_t i = 0; i < places; ++i) read(state.deadlines[i]);
  for (std::size_t left = read(); left > 0; --left) {
    OpenEffect effect;
    read(effect.label);
    const std::uint32_t faults = read();
    effect.lost = faults & 7U;
    effect.late = static_cast<std::uint8_t>(faults / 8U);
    read(effect.row);
    state.effects.push_back(effect);
  }
  for (std::size_t left = read(); left > 0; --left) {
    Exchange exchange;
    read(exchange.label);
    const std::uint32_t bits = read();
    exchange.phase = static_cast<Phase>(bits & 3U);
    exchange.purpose = (bits >> 2U) & 3U;
    exchange.current = (bits >> 4U) & 1U;
    exchange.worker = static_cast<std::uint8_t>(bits >> 5U);
    read(exchange.claimed);
    read(exchange.answer);
    state.exchanges.push_back(exchange);
  }
  for (std::size_t left = read(); left > 0; --left) {
    OnTheWire late;
    read(late.label);
    read(late.attempt);
    read(late.not_after);
    state.wire.push_back(late);
  }
  for (std::size_t left = read(); left > 0; --left) state.messages.push_back({read()});
  for (std::size_t left = read(); left > 0; --left) state.parked.push_back({read()});
  if (sizes.lanes) {
    read(state.takeovers);
    read(state.owner);
    for (std::size_t i = 0; i < sizes.workers; ++i) read(state.holds[i]);
  }
  if (sizes.restores) {
    read(state.restores);
    read(state.restored_at);
    read(state.backup);
  }
  if (!sizes.hands) return state;
  for (std::size_t i = 0; i < sizes.workers; ++i) state.hands[i] = decode_hand(sizes, read);
  return state;
}

}  // namespace pawl::check
