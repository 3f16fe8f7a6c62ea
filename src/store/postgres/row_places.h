// SPDX-License-Identifier: Apache-2.0
//
// Where a lane's last change left an entity's row, so that the next lock goes there instead of down
// the index, where dead entries of the key pile up while somebody's snapshot keeps them. A hint and
// no more: what lies there is known by its own key, is locked like any other row, and is read in
// its newest version; where it is not the row, the index is asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "store/postgres/parameters.h"

namespace pawl::postgres {

// One thread at a time.
class RowPlaces {
 public:
  void next_lock() { resting_ -= resting_ > 0 ? 1 : 0; }
  // Nothing: to be asked of the index; once in a while that is so for a row that is known, too, so
  // that its page is cleaned: PostgreSQL does it only there, and an update on a page that is full
  // moves the row and writes to every index.
  std::optional<RowPlace> use(std::string_view table, std::string_view key);
  // The lane has made the row, or a new version of it, of about so many bytes, and left it there.
  void left(std::string_view table, std::string_view key, RowPlace place, std::size_t bytes);
  // The index led there; kept if a place was known.
  void found(std::string_view table, std::string_view key, RowPlace place);
  void forget(std::string_view table, std::string_view key);

  // Of a lock in which places were used: was one of them wrong? Others change the same rows then,
  // and each such lock is made twice: no place is used for a while, for longer each time.
  void judge(bool wrong);

 private:
  struct Slot {
    std::uint64_t tag = 0;  // of the key; 0: empty
    std::uint32_t block = 0;
    std::uint16_t offset = 0;
  };
  // Written to a page since the index last led there. A page is filled up to 70 % at first
  // (docs/postgres.md), so a third of what is free: other lanes write to it, too.
  static constexpr std::size_t most_written_bytes = 800;
  static constexpr std::size_t ways = 4;  // slots of one line of the cache
  static constexpr std::size_t lines = std::size_t{1} << 15;
  static constexpr int first_rest = 64;  // locks
  static constexpr int longest_rest = 4'096;

  static constexpr std::size_t pages = std::size_t{1} << 16;

  static std::uint64_t tag_of(std::string_view table, std::string_view key);
  Slot* find(std::uint64_t tag);
  // Pages that share one are cleaned earlier than need be.
  std::uint16_t& written(std::string_view table, std::uint32_t block);

  std::vector<Slot> slots_;  // empty until the first change; then 2 MiB
  std::vector<std::uint16_t> written_;
  int resting_ = 0;
  int next_rest_ = first_rest;
  int right_ = 0;  // in a row
};

}  // namespace pawl::postgres
