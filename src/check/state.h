// SPDX-License-Identifier: Apache-2.0
//
// One state of an exploration: small numbers that stand for rows, effects, messages and the
// outside (Parts keeps what they stand for). It is copied for every step, so it is flat; encode()
// writes it as a short byte string, one for every two states that differ.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pawl::check {

// A part: a number of Parts; 0: there is none.
using PartId = std::uint32_t;

inline constexpr std::size_t max_entities = 12;
inline constexpr std::size_t max_requests = 24;
inline constexpr std::size_t max_places = 12;  // names of deadlines, over all entities
inline constexpr std::size_t max_events = 12;
inline constexpr std::size_t max_workers = 3;
inline constexpr std::uint8_t max_tick = 120;
inline constexpr std::uint8_t max_version = 250;
inline constexpr int max_batch = 4;

// A bound of the state's own was met: the exploration ends, incomplete, and says which.
class TooMany : public std::length_error {
 public:
  using std::length_error::length_error;
};

template <class T, std::size_t N>
class Few {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return items_[i]; }
  const T& operator[](std::size_t i) const { return items_[i]; }
  T* begin() { return items_.data(); }
  T* end() { return items_.data() + size_; }
  const T* begin() const { return items_.data(); }
  const T* end() const { return items_.data() + size_; }
  void push_back(const T& item) {
    if (size_ == N) throw TooMany("more than " + std::to_string(N) + " of " + T::what);
    items_[size_++] = item;
  }
  void erase(std::size_t at) {
    for (std::size_t i = at + 1; i < size_; ++i) items_[i - 1] = items_[i];
    --size_;
  }

 private:
  std::array<T, N> items_{};
  std::uint8_t size_ = 0;
};

// An open effect. `label` names what never changes of it, see Parts.
struct OpenEffect {
  static constexpr const char* what = "open effects";
  std::uint16_t label = 0;
  std::uint8_t lost = 0;  // faults used up
  std::uint8_t late = 0;
  PartId row = 0;
  auto operator<=>(const OpenEffect&) const = default;
};

enum class Phase : std::uint8_t {
  to_send,   // the claim is committed, nothing was sent
  answered,  // the answer is on its way
  hanging    // no answer will come: the sender will give up
};

// What one worker's memory knows of an exchange under way.
struct Exchange {
  static constexpr const char* what = "exchanges under way";
  std::uint16_t label = 0;
  Phase phase = Phase::to_send;
  std::uint8_t purpose = 0;
  std::uint8_t current = 1;  // the effect's token is still this claim's
  std::uint8_t worker = 0;
  PartId claimed = 0;  // the row as the claim left it, once that is no longer the effect's own
  PartId answer = 0;
  auto operator<=>(const Exchange&) const = default;
};

// A request whose sender has given up, on its way.
struct OnTheWire {
  static constexpr const char* what = "late requests";
  std::uint16_t label = 0;
  std::uint8_t attempt = 0;
  std::int8_t not_after = 0;  // in ticks
  auto operator<=>(const OnTheWire&) const = default;
};

struct Waiting {  // a message, or a parked command
  static constexpr const char* what = "messages or parked commands";
  PartId row = 0;
  auto operator<=>(const Waiting&) const = default;
};

// What a worker has taken in hand (bounds.hands).
enum class Holds : std::uint8_t { nothing, request, message, deadline, claim, lease };
struct Hand {
  Holds holds = Holds::nothing;
  std::uint8_t stands = 1;  // nobody else has done it since
  std::uint16_t index = 0;  // request, place, label
  PartId row = 0;           // message, deadline
  std::uint16_t dirty = 0;  // entities that were changed since (only where rows are read early)
  std::array<PartId, max_entities> rows{};  // as read early
  auto operator<=>(const Hand&) const = default;
};

// What a process believes of the lane: it counts the commits in its memory.
enum class Hold : std::uint8_t {
  none,    // it does not run, or has found itself fenced and has stopped
  newest,  // the next place in the journal is the one that it will take
  behind   // somebody else has taken that place
};

enum Used : std::uint8_t { used_crash, used_stall, used_unsent, used_refusal, used_operator };
inline constexpr std::size_t used_events = 5;

struct State {
  std::uint8_t tick = 0;
  std::uint8_t config = 0;
  std::array<std::uint8_t, used_events + max_events> used{};
  PartId facts = 0;
  std::array<PartId, max_entities> entities{};
  std::array<PartId, max_entities> records{};
  std::array<std::uint8_t, max_entities> versions{};  // only where they are kept
  std::array<PartId, max_requests> receipts{};
  std::array<PartId, max_places> deadlines{};
  Few<OpenEffect, 8> effects;
  Few<Exchange, 8> exchanges;
  Few<OnTheWire, 8> wire;
  Few<Waiting, 12> messages;
  Few<Waiting, 8> parked;
  std::array<Hand, max_workers> hands{};
  // Where a lane is taken over (bounds.takeovers):
  std::uint8_t takeovers = 0;
  std::uint8_t owner = 0;  // whose epoch the lane's row has
  std::array<Hold, max_workers> holds{};
  // Where the store is restored (bounds.restores):
  std::uint8_t restores = 0;
  std::uint8_t restored_at = 0;  // the tick, plus one; 0: never
  PartId backup = 0;             // a state's committed part
};

// How many of each a scenario has.
struct Sizes {
  std::size_t entities = 0;
  std::size_t requests = 0;
  std::size_t events = 0;
  std::size_t workers = 0;
  bool records = false;
  bool hands = false;
  bool versions = false;
  bool lanes = false;
  bool restores = false;
};

// Into `out`, which is emptied first.
void encode(const State& state, const Sizes& sizes, std::string& out);
State decode(std::string_view bytes, const Sizes& sizes);

}  // namespace pawl::check
