// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/row_places.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace pawl::postgres {

namespace {

constexpr std::uint64_t odd = 0x9E37'79B9'7F4A'7C15U;  // 2^64 by the golden ratio

// By the text, since a name comes from many places: the registry, a command, a row.
std::uint64_t mixed_with(std::string_view table, std::uint64_t value) {
  return (value ^ std::hash<std::string_view>()(table)) * odd;
}

}  // namespace

std::uint64_t RowPlaces::tag_of(std::string_view table, std::string_view key) {
  const std::uint64_t mixed = mixed_with(table, std::hash<std::string_view>()(key));
  return mixed == 0 ? 1 : mixed;
}

std::uint16_t& RowPlaces::written(std::string_view table, std::uint32_t block) {
  return written_[mixed_with(table, block) >> 32 & (pages - 1)];
}

RowPlaces::Slot* RowPlaces::find(std::uint64_t tag) {
  if (slots_.empty()) return nullptr;
  Slot* const line = &slots_[(tag >> 32 & (lines - 1)) * ways];
  Slot* const found = std::find_if(line, line + ways, [&](const Slot& s) { return s.tag == tag; });
  return found == line + ways ? nullptr : found;
}

std::optional<RowPlace> RowPlaces::use(std::string_view table, std::string_view key) {
  if (resting_ > 0) return {};
  const Slot* const slot = find(tag_of(table, key));
  if (slot == nullptr || written(table, slot->block) > most_written_bytes) return {};
  return RowPlace{slot->block, slot->offset};
}

void RowPlaces::left(std::string_view table, std::string_view key, RowPlace place,
                     std::size_t bytes) {
  if (slots_.empty()) {
    slots_.resize(lines * ways);
    written_.resize(pages);
  }
  const std::uint64_t tag = tag_of(table, key);
  Slot* slot = find(tag);
  if (slot == nullptr) {
    // The newest in front; the one at the end gives way.
    Slot* const line = &slots_[(tag >> 32 & (lines - 1)) * ways];
    std::move_backward(line, line + ways - 1, line + ways);
    slot = line;
  }
  *slot = {tag, place.block, place.offset};
  std::uint16_t& sum = written(table, place.block);
  constexpr std::size_t most = std::numeric_limits<std::uint16_t>::max();
  sum = static_cast<std::uint16_t>(std::min(sum + bytes, most));
}

void RowPlaces::found(std::string_view table, std::string_view key, RowPlace place) {
  if (slots_.empty()) return;
  written(table, place.block) = 0;
  Slot* const slot = find(tag_of(table, key));
  if (slot != nullptr) *slot = {slot->tag, place.block, place.offset};
}

void RowPlaces::forget(std::string_view table, std::string_view key) {
  Slot* const slot = find(tag_of(table, key));
  if (slot != nullptr) *slot = {};
}

void RowPlaces::judge(bool wrong) {
  if (wrong) {
    resting_ = next_rest_;
    next_rest_ = std::min(2 * next_rest_, longest_rest);
    right_ = 0;
  } else if (++right_ == longest_rest) {
    next_rest_ = first_rest;
    right_ = 0;
  }
}

}  // namespace pawl::postgres
