// SPDX-License-Identifier: Apache-2.0
//
// Byte strings, each kept once and numbered from 0 in order of arrival: states, rows and the keys
// of what was computed before. Whole strings are compared, never fingerprints alone, so that no two
// different states can be taken for one.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl::check {

inline std::uint64_t hash_bytes(const char* data, std::size_t size) {
  constexpr std::uint64_t k = 0x9E3779B97F4A7C15ULL;
  std::uint64_t h = size * k;
  while (size >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, 8);
    h = (h ^ word) * k;
    h ^= h >> 29;
    data += 8;
    size -= 8;
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, data, size);
  h = (h ^ rest) * k;
  h ^= h >> 32;
  return h * 0xD6E8FEB86659FD93ULL;
}

class ByteTable {
 public:
  ByteTable() : slots_(1024) {}

  // The string's hash; its place is on its way to the cache from now on.
  std::uint64_t expect(std::string_view bytes) const {
    const std::uint64_t hash = hash_bytes(bytes.data(), bytes.size());
    __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
    return hash;
  }
  // And so is what stands at its place, if that is on its way already.
  void expect_string(std::uint64_t hash) const {
    const Slot slot = slots_[hash & (slots_.size() - 1)];
    if (has_tag(slot, hash)) __builtin_prefetch(entry(slot));
  }

  // The string's number, and whether it is new.
  std::pair<std::uint32_t, bool> insert(std::string_view bytes) {
    return insert(bytes, hash_bytes(bytes.data(), bytes.size()));
  }
  std::pair<std::uint32_t, bool> insert(std::string_view bytes, std::uint64_t hash) {
    if ((starts_.size() + 1) * 4 > slots_.size() * 3) grow();
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
      if (!has_tag(slots_[at], hash)) continue;
      const char* known = entry(slots_[at]);
      if (string_at(known) == bytes) return {number_at(known), false};
    }
    const auto id = static_cast<std::uint32_t>(starts_.size());
    starts_.push_back(store(bytes, id));
    slots_[at] = slot_of(hash, starts_.back());
    return {id, true};
  }

  std::string_view operator[](std::uint32_t id) const { return string_at(entry_at(starts_[id])); }

  std::size_t size() const { return starts_.size(); }
  std::size_t memory() const {
    return chunks_.size() * chunk_size + slots_.capacity() * sizeof(Slot) +
           starts_.capacity() * sizeof(std::uint64_t);
  }

 private:
  static constexpr int chunk_bits = 20;
  static constexpr std::size_t chunk_size = std::size_t{1} << chunk_bits;
  static constexpr int place_bits = 40;  // a terabyte of strings
  // Above, the hash's tag; below, where the string stands, plus one. 0: free.
  using Slot = std::uint64_t;
  static Slot slot_of(std::uint64_t hash, std::uint64_t start) {
    return tag_of(hash) | (start + 1);
  }
  static std::uint64_t tag_of(std::uint64_t hash) { return hash >> place_bits << place_bits; }
  static bool has_tag(Slot slot, std::uint64_t hash) {
    return slot != 0 && (slot ^ hash) >> place_bits == 0;
  }

  // In a chunk: the string's number, its size, its bytes.
  const char* entry_at(std::uint64_t start) const {
    return chunks_[start >> chunk_bits].get() + (start & (chunk_size - 1));
  }
  const char* entry(Slot slot) const { return entry_at((slot ^ tag_of(slot)) - 1); }
  static std::uint32_t number_at(const char* entry) {
    std::uint32_t number = 0;
    std::memcpy(&number, entry, sizeof number);
    return number;
  }
  static std::string_view string_at(const char* entry) {
    return {entry + 2 * sizeof(std::uint32_t), number_at(entry + sizeof(std::uint32_t))};
  }

  // Strings are far smaller than a chunk; one that does not fit any more begins the next.
  std::uint64_t store(std::string_view bytes, std::uint32_t number) {
    const std::size_t needed = bytes.size() + 2 * sizeof(std::uint32_t);
    if (chunks_.empty() || used_ + needed > chunk_size) {
      chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_size));
      used_ = 0;
    }
    char* at = chunks_.back().get() + used_;
    const auto size = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(at, &number, sizeof number);
    std::memcpy(at + sizeof number, &size, sizeof size);
    std::memcpy(at + 2 * sizeof number, bytes.data(), bytes.size());
    const std::uint64_t start = ((chunks_.size() - 1) << chunk_bits) + used_;
    used_ += needed;
    return start;
  }

  void grow() {
    slots_ = std::vector<Slot>(slots_.size() * 2);
    for (const std::uint64_t start : starts_) {
      const auto bytes = string_at(entry_at(start));
      const std::uint64_t hash = hash_bytes(bytes.data(), bytes.size());
      std::size_t at = hash & (slots_.size() - 1);
      while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = slot_of(hash, start);
    }
  }

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t used_ = 0;
  std::vector<std::uint64_t> starts_;
  std::vector<Slot> slots_;
};

}  // namespace pawl::check
