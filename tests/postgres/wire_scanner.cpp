// SPDX-License-Identifier: Apache-2.0
#include "postgres/wire_scanner.h"

namespace pawl::test {
namespace {

constexpr std::uint32_t tls_request = 80877103;
constexpr std::uint32_t gss_request = 80877104;
constexpr std::size_t length_bytes = 4;

std::uint32_t number(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, length_bytes)) {
    value = (value << 8) | static_cast<unsigned char>(c);
  }
  return value;
}

// A text up to its NUL, taken off the front.
std::string_view text(std::string_view& body) {
  const auto end = body.find('\0');
  const auto found = body.substr(0, end);
  body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
  return found;
}

bool is_commit(std::string_view sql) {
  return sql.starts_with("COMMIT");
}

}  // namespace

std::size_t WireScanner::untagged_from_client(std::string_view unread) {
  if (unread.size() < 2 * length_bytes) return 0;
  const auto length = number(unread);
  if (unread.size() < length) return 0;
  const auto code = number(unread.substr(length_bytes));
  if (code == tls_request || code == gss_request) {
    ++untagged_answers_;
  } else {
    started_ = true;
  }
  return length;
}

std::size_t WireScanner::scan(Direction direction, std::string_view unread) {
  std::size_t taken = 0;
  const bool to_server = direction == Direction::to_server;
  auto& offset = to_server ? client_offset_ : server_offset_;
  while (taken < unread.size()) {
    const auto rest = unread.substr(taken);
    std::size_t length = 0;
    if (to_server && !started_) {
      length = untagged_from_client(rest);
      if (length == 0) break;
    } else if (!to_server && untagged_answers_ > 0) {
      --untagged_answers_;
      length = 1;
    } else {
      if (rest.size() < 1 + length_bytes) break;
      length = 1 + number(rest.substr(1));
      if (rest.size() < length) break;
      if (to_server) {
        from_client(rest[0], rest.substr(1 + length_bytes, length - 1 - length_bytes), offset,
                    offset + length);
      } else {
        from_server(rest[0], offset, offset + length);
      }
    }
    taken += length;
    offset += length;
  }
  return taken;
}

void WireScanner::begin_commit(std::uint64_t begin, bool simple) {
  ++commits_;
  request_ = Span{begin, 0};
  answer_.reset();
  commit_sync_ = client_syncs_;
  commit_step_ = client_steps_;
  commit_simple_ = simple;
}

void WireScanner::from_client(char type, std::string_view body, std::uint64_t begin,
                              std::uint64_t end) {
  switch (type) {
    case 'P': {
      const std::string name(text(body));
      if (is_commit(text(body))) {
        begin_commit(begin, false);
        commit_statements_.insert(name);
      } else {
        commit_statements_.erase(name);
      }
      ++client_steps_;
      return;
    }
    case 'B': {
      text(body);  // the portal
      // Unless its own Parse came right before it.
      const bool parsed_here = request_ && request_->end == 0;
      if (commit_statements_.contains(text(body)) && !parsed_here) begin_commit(begin, false);
      ++client_steps_;
      return;
    }
    case 'Q':
      if (is_commit(text(body))) begin_commit(begin, true);
      [[fallthrough]];
    case 'S':
      if (request_ && request_->end == 0) request_->end = end;
      ++client_syncs_;
      client_steps_ = 0;
      return;
    default:
      return;
  }
}

void WireScanner::from_server(char type, std::uint64_t begin, std::uint64_t end) {
  const bool step = type == '1' || type == '2';
  const bool in_commits_sync = request_ && logged_in_ && server_syncs_ == commit_sync_;
  if (in_commits_sync && !answer_ && (commit_simple_ || (step && server_steps_ == commit_step_))) {
    answer_ = Span{begin, 0};
  }
  if (step) ++server_steps_;
  if (type != 'Z') return;
  if (in_commits_sync && answer_) answer_->end = end;
  if (logged_in_) ++server_syncs_;
  logged_in_ = true;
  server_steps_ = 0;
}

}  // namespace pawl::test
