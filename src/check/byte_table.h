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

  // The string's number, and whether it is new.
  std::pair<std::uint32_t, bool> insert(std::string_view bytes) {
    if ((starts_.size() + 1) * 4 > slots_.size() * 3) grow();
    const std::uint64_t hash = hash_bytes(bytes.data(), bytes.size());
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].id != 0) {
      if (slots_[at].tag == tag && (*this)[slots_[at].id - 1] == bytes) {
        return {slots_[at].id - 1, false};
      }
      at = (at + 1) & (slots_.size() - 1);
    }
    const auto id = static_cast<std::uint32_t>(starts_.size());
    starts_.push_back(store(bytes));
    slots_[at] = {id + 1, tag};
    return {id, true};
  }

  std::string_view operator[](std::uint32_t id) const {
    const std::uint64_t start = starts_[id];
    const char* at = chunks_[start >> chunk_bits].get() + (start & (chunk_size - 1));
    std::uint32_t size = 0;
    std::memcpy(&size, at, sizeof size);
    return {at + sizeof size, size};
  }

  std::size_t size() const { return starts_.size(); }
  std::size_t memory() const {
    return chunks_.size() * chunk_size + slots_.capacity() * sizeof(Slot) +
           starts_.capacity() * sizeof(std::uint64_t);
  }

 private:
  static constexpr int chunk_bits = 20;
  static constexpr std::size_t chunk_size = std::size_t{1} << chunk_bits;
  struct Slot {
    std::uint32_t id = 0;  // plus one; 0: free
    std::uint32_t tag = 0;
  };

  // Strings are far smaller than a chunk; one that does not fit any more begins the next.
  std::uint64_t store(std::string_view bytes) {
    const std::size_t needed = bytes.size() + sizeof(std::uint32_t);
    if (chunks_.empty() || used_ + needed > chunk_size) {
      chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_size));
      used_ = 0;
    }
    char* at = chunks_.back().get() + used_;
    const auto size = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(at, &size, sizeof size);
    std::memcpy(at + sizeof size, bytes.data(), bytes.size());
    const std::uint64_t start = ((chunks_.size() - 1) << chunk_bits) + used_;
    used_ += needed;
    return start;
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    std::swap(old, slots_);
    for (const Slot& slot : old) {
      if (slot.id == 0) continue;
      const auto bytes = (*this)[slot.id - 1];
      std::size_t at = hash_bytes(bytes.data(), bytes.size()) & (slots_.size() - 1);
      while (slots_[at].id != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = slot;
    }
  }

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t used_ = 0;
  std::vector<std::uint64_t> starts_;
  std::vector<Slot> slots_;
};

}  // namespace pawl::check
