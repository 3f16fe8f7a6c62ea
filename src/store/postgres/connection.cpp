// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "store/postgres/wait.h"

namespace pawl::postgres {
namespace {

// An idle server that hangs up sends a message and then the end: a few looks see both.
constexpr int max_looks = 4;

struct FreeOptions {
  void operator()(PQconninfoOption* o) const { PQconninfoFree(o); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

std::string value_of(const PQconninfoOption* options, std::string_view keyword) {
  for (; options != nullptr && options->keyword != nullptr; ++options) {
    if (keyword == options->keyword && options->val != nullptr) return options->val;
  }
  return {};
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  if (list.empty()) return parts;
  std::size_t begin = 0;
  while (true) {
    const auto comma = list.find(',', begin);
    parts.push_back(list.substr(begin, comma - begin));
    if (comma == std::string::npos) return parts;
    begin = comma + 1;
  }
}

struct Host {
  std::string name;
  std::string address;
  std::string port;
};

std::string entry(const std::vector<std::string>& list, std::size_t index) {
  if (list.size() == 1) return list[0];
  return index < list.size() ? list[index] : std::string();
}

// The URL's hosts, each to be tried with a time of its own: libpq, left to itself, gives all the
// time to a first one that does not answer. One nameless entry: libpq shall find out (one host, or
// a service).
Result<std::vector<Host>> hosts_of(const std::string& url) {
  char* complaint = nullptr;
  const bool has_keywords =
      url.find('=') != std::string::npos || url.find(':') != std::string::npos;
  const Options given(has_keywords ? PQconninfoParse(url.c_str(), &complaint) : nullptr);
  if (complaint != nullptr) PQfreemem(complaint);
  if (has_keywords && given == nullptr) {
    // What libpq says of it repeats the URL, and the password with it.
    return fail(connect_failed, "the database URL cannot be read");
  }
  const Options defaults(PQconndefaults());
  if (!value_of(given.get(), "service").empty() || !value_of(defaults.get(), "service").empty()) {
    return std::vector<Host>(1);
  }
  const auto list = [&](const char* keyword) {
    const auto own = value_of(given.get(), keyword);
    return split(own.empty() ? value_of(defaults.get(), keyword) : own);
  };
  const auto names = list("host");
  const auto addresses = list("hostaddr");
  const auto ports = list("port");
  const auto count = std::max(names.size(), addresses.size());
  if (count < 2) return std::vector<Host>(1);
  if (count > max_hosts) return fail(connect_failed, "the database URL names too many hosts");
  std::vector<Host> hosts;
  hosts.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    // libpq itself complains of lists of different lengths; a port may stand for all.
    hosts.push_back({i < names.size() ? names[i] : "", i < addresses.size() ? addresses[i] : "",
                     entry(ports, i)});
  }
  return hosts;
}

// The SQLSTATE of a failed login. libpq keeps it to itself but for the verbose form of its message,
// where it stands between two fixed separators: "FATAL:  28P01: ". The text around is not looked
// at.
std::string sqlstate_of_login(std::string_view verbose) {
  constexpr std::string_view before = ":  ";
  constexpr std::size_t length = 5;
  for (auto at = verbose.find(before); at != std::string_view::npos;
       at = verbose.find(before, at + 1)) {
    const auto code = verbose.substr(at + before.size(), length);
    const auto after = verbose.substr(std::min(verbose.size(), at + before.size() + length), 2);
    const bool is_code = std::all_of(code.begin(), code.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    });
    if (code.size() == length && is_code && after == ": ") return std::string(code);
  }
  return {};
}

Error login_error(PGconn* handle, std::string_view shown) {
  std::string said = PQerrorMessage(handle);
  while (said.ends_with('\n')) said.pop_back();
  const auto sqlstate = sqlstate_of_login(said);
  std::string detail(shown);
  detail += ": ";
  detail += said.empty() ? "no reason given" : said;
  if (sqlstate.starts_with("28") || PQconnectionNeedsPassword(handle) != 0) {
    return Error(login_refused, std::move(detail));
  }
  if (sqlstate == "3D000") return Error(database_missing, std::move(detail));
  return Error(connect_failed, std::move(detail));
}

}  // namespace

Deadline deadline_in(int ms) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
}

void Connection::Core::end() {
  if (handle == nullptr) return;
  // libpq sends what is queued when it says goodbye: a COMMIT that was given up must not leave
  // then.
  const int socket = PQsocket(handle);
  if (busy && socket >= 0) ::shutdown(socket, SHUT_RDWR);
  PQfinish(handle);
  handle = nullptr;
}

Connection& Connection::operator=(Connection&& other) noexcept {
  core_ = std::move(other.core_);
  return *this;
}

Connection::~Connection() = default;

void Connection::close() {
  if (core_) core_->end();
}

bool Connection::alive() {
  if (!core_ || core_->handle == nullptr) return false;
  for (int look = 0; look < max_looks && !core_->busy; ++look) {
    pollfd asked{.fd = PQsocket(core_->handle), .events = POLLIN, .revents = 0};
    if (asked.fd >= 0 && ::poll(&asked, 1, 0) <= 0) break;
    if (PQconsumeInput(core_->handle) == 0 || PQstatus(core_->handle) != CONNECTION_OK) {
      core_->busy = true;
      close();
      return false;
    }
  }
  return true;
}

TransactionStatus Connection::transaction_status() const {
  if (!core_ || core_->handle == nullptr) return TransactionStatus::unknown;
  switch (PQtransactionStatus(core_->handle)) {
    case PQTRANS_IDLE:
      return TransactionStatus::idle;
    case PQTRANS_INTRANS:
      return TransactionStatus::in_transaction;
    case PQTRANS_INERROR:
      return TransactionStatus::failed;
    default:
      return TransactionStatus::unknown;
  }
}

std::string Connection::peer() const {
  if (!core_ || core_->handle == nullptr) return {};
  const char* host = PQhost(core_->handle);
  const char* port = PQport(core_->handle);
  return std::string(host == nullptr ? "" : host) + ":" + (port == nullptr ? "" : port);
}

void Connection::keep_notice(void* core, const PGresult* notice) {
  auto& kept = *static_cast<Core*>(core);
  const auto field = [notice](int code) {
    const char* text = PQresultErrorField(notice, code);
    return std::string(text == nullptr ? "" : text);
  };
  const auto severity = field(PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity != "WARNING" || kept.warnings.size() >= max_kept_warnings) return;
  kept.warnings.push_back(
      {kept.current_statement, field(PG_DIAG_SQLSTATE), severity, field(PG_DIAG_MESSAGE_PRIMARY)});
}

Result<void> Connection::await_connected(const ConnectionOptions& options, Deadline deadline) {
  auto* handle = core_->handle;
  auto wanted = PGRES_POLLING_WRITING;
  while (wanted != PGRES_POLLING_OK) {
    if (wanted == PGRES_POLLING_FAILED) {
      return std::unexpected(login_error(handle, shown_url(options.url)));
    }
    // Asked anew each time: the next address is another socket.
    const short events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_for(PQsocket(handle), events, deadline)) {
      return fail(connect_failed, shown_url(options.url) + ": no answer in time");
    }
    wanted = PQconnectPoll(handle);
  }
  if (PQserverVersion(handle) < min_server_version) {
    return fail(server_too_old, "it is " + std::to_string(PQserverVersion(handle) / 10000));
  }
  PQsetErrorVerbosity(handle, PQERRORS_DEFAULT);
  PQsetNoticeReceiver(handle, keep_notice, core_.get());
  if (PQsetnonblocking(handle, 1) != 0 || PQenterPipelineMode(handle) != 1) {
    return fail(connect_failed, "the connection could not be put into pipeline mode");
  }
  return {};
}

Result<Connection> Connection::connect_host(const ConnectionOptions& options,
                                            const std::string& host, const std::string& hostaddr,
                                            const std::string& port, Deadline deadline) {
  std::vector<std::pair<std::string, std::string>> words = {
      // The URL and the environment may say otherwise.
      {"fallback_application_name", options.application_name},
      {"keepalives_idle", std::to_string(options.keepalive_idle_s)},
      {"keepalives_interval", std::to_string(options.keepalive_interval_s)},
      {"keepalives_count", std::to_string(options.keepalive_count)},
      {"tcp_user_timeout", std::to_string(options.tcp_user_timeout_ms)},
      {"dbname", options.url},
      // From here on ours stand.
      {"client_encoding", "UTF8"}};
  if (!host.empty()) words.emplace_back("host", host);
  if (!host.empty() || !hostaddr.empty()) words.emplace_back("hostaddr", hostaddr);
  if (!port.empty()) words.emplace_back("port", port);
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : words) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);

  Connection connection;
  connection.core_ = std::make_unique<Core>();
  connection.core_->handle = PQconnectStartParams(keywords.data(), values.data(), 1);
  if (connection.core_->handle == nullptr) return fail(connect_failed, "out of memory");
  PQsetErrorVerbosity(connection.core_->handle, PQERRORS_VERBOSE);
  if (PQstatus(connection.core_->handle) == CONNECTION_BAD) {
    return std::unexpected(login_error(connection.core_->handle, shown_url(options.url)));
  }
  if (auto connected = connection.await_connected(options, deadline); !connected) {
    return std::unexpected(connected.error());
  }
  return connection;
}

Result<Connection> Connection::open_unsettled(const ConnectionOptions& options) {
  return open_first(options, [](Connection&, Deadline) -> Result<void> { return {}; });
}

Result<Connection> Connection::open(const ConnectionOptions& options) {
  return open_first(options, [&options](Connection& connection, Deadline deadline) {
    return connection.settle(options, deadline);
  });
}

Result<Connection> Connection::open_first(
    const ConnectionOptions& options,
    const std::function<Result<void>(Connection&, Deadline)>& accept) {
  const auto hosts = hosts_of(options.url);
  if (!hosts) return std::unexpected(hosts.error());
  const auto until = deadline_in(options.connect_timeout_ms);
  std::optional<Error> failure;
  for (std::size_t i = 0; i < hosts->size(); ++i) {
    const auto& host = (*hosts)[i];
    const auto now = std::chrono::steady_clock::now();
    const auto share = (until - now) / static_cast<int>(hosts->size() - i);
    auto connection = connect_host(options, host.name, host.address, host.port, now + share);
    Result<void> accepted{};
    if (connection) {
      accepted = accept(*connection, now + share);
      if (accepted) return connection;
    }
    Error error = connection ? accepted.error() : connection.error();
    // Of several, the one that was reached and refused says more than one that was not.
    if (!failure || failure->code == connect_failed) failure = std::move(error);
  }
  return std::unexpected(*failure);
}

}  // namespace pawl::postgres
