// SPDX-License-Identifier: Apache-2.0
//
// Follows both byte streams of one unencrypted PostgreSQL connection, message by message, to say
// where a COMMIT and its answer begin and end. It is told bytes in the order they came and never
// changes them. A COMMIT is known by its Parse, its Bind (of a statement that was parsed as COMMIT)
// or its simple Query; its answer by its place among the answers to the same Sync.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace pawl::test {

enum class Direction { to_server, to_client };

// Offsets in the connection's stream of one direction.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // 0: not seen yet

  std::uint64_t length() const { return end > begin ? end - begin : 0; }
};

class WireScanner {
 public:
  // Takes complete messages off the front of `unread`; gives how many bytes they are. What is left
  // is the beginning of one that has not arrived whole.
  std::size_t scan(Direction direction, std::string_view unread);

  // Of the last COMMIT: from its first message up to the end of the Sync behind it; and from its
  // first answer up to the end of the ReadyForQuery.
  const std::optional<Span>& commit(Direction direction) const {
    return direction == Direction::to_server ? request_ : answer_;
  }
  int commits() const { return commits_; }

 private:
  std::size_t untagged_from_client(std::string_view unread);
  void from_client(char type, std::string_view body, std::uint64_t begin, std::uint64_t end);
  void from_server(char type, std::uint64_t begin, std::uint64_t end);
  void begin_commit(std::uint64_t begin, bool simple);

  std::uint64_t client_offset_ = 0;
  std::uint64_t server_offset_ = 0;
  bool started_ = false;            // the startup message has passed
  int untagged_answers_ = 0;        // single bytes that the server owes: to requests for encryption
  std::uint64_t client_syncs_ = 0;  // Syncs and simple queries sent
  std::uint64_t client_steps_ = 0;  // Parses and Binds since
  std::uint64_t server_syncs_ = 0;  // answered; the one after the login is not counted
  std::uint64_t server_steps_ = 0;
  bool logged_in_ = false;
  std::set<std::string, std::less<>> commit_statements_;

  int commits_ = 0;
  std::optional<Span> request_;
  std::optional<Span> answer_;
  // Where the last COMMIT's answer is to be looked for.
  std::uint64_t commit_sync_ = 0;
  std::uint64_t commit_step_ = 0;
  bool commit_simple_ = false;
};

}  // namespace pawl::test
