// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/announcer.h"

#include <pawl/log.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "store/postgres/pipeline.h"
#include "store/postgres/rows.h"

namespace pawl::postgres {

namespace {

constexpr int answer_deadline_ms = 10'000;
// Commits within this are announced together.
constexpr int coalesce_ms = 5;
// The connection is looked after at least so often.
constexpr int idle_look_ms = 10'000;
constexpr int min_reconnect_ms = 100;
constexpr int max_reconnect_ms = 5'000;
// PostgreSQL's bound on a channel's name.
constexpr std::size_t max_channel_bytes = 63;

const Statement announce{"announce",
                         "SELECT pg_notify($1, payload) FROM unnest($2) AS payload",
                         {Type::text, Type::text_array}};

void drain(int event) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto size = ::read(event, &count, sizeof count);
}

void raise_event(int event) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto size = ::write(event, &one, sizeof one);
}

// Cut where a character begins: the server takes no half of one.
std::string channel_of(const std::string& schema) {
  std::string channel = "pawl_" + schema;
  if (channel.size() <= max_channel_bytes) return channel;
  std::size_t size = max_channel_bytes;
  while ((static_cast<unsigned char>(channel[size]) & 0xC0U) == 0x80U) --size;
  channel.resize(size);
  return channel;
}

}  // namespace

Announcer::Announcer(ConnectionOptions options, const std::string& schema)
    : options_(std::move(options)), channel_(channel_of(schema)) {}

Announcer::~Announcer() {
  stop();
}

void Announcer::listen(std::function<void(const Tidings&)> told) {
  const bool any = told != nullptr;
  const std::lock_guard one(listen_mutex_);
  {
    // Held while it is called: once it is replaced, the one before is not running either.
    const std::lock_guard lock(told_mutex_);
    told_ = std::move(told);
  }
  if (any) {
    start();
  } else {
    stop();
  }
}

void Announcer::start() {
  if (thread_.joinable()) return;
  const std::lock_guard lock(mutex_);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  stop_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { run(); });
}

void Announcer::stop() {
  if (!thread_.joinable()) return;
  raise_event(stop_);
  thread_.join();
  const std::lock_guard lock(mutex_);
  ::close(std::exchange(wake_, -1));
  ::close(std::exchange(stop_, -1));
}

bool Announcer::stopping(int within_ms) const {
  pollfd stop{stop_, POLLIN, 0};
  return ::poll(&stop, 1, within_ms) > 0;
}

void Announcer::committed(const std::set<std::int32_t>& lanes) {
  const std::lock_guard lock(mutex_);
  if (wake_ < 0) return;
  const bool first = !commits_;
  commits_ = true;
  lanes_.insert(lanes.begin(), lanes.end());
  if (first) raise_event(wake_);
}

void Announcer::tell(const Tidings& tidings) {
  const std::lock_guard lock(told_mutex_);
  if (told_) told_(tidings);
}

bool Announcer::connect() {
  auto opened = Connection::open(options_);
  if (!opened) return false;
  connection_ = std::move(*opened);
  // A hint need not outlive a crash, and a commit that waits for the disk would make others wait.
  const auto relaxed =
      run_one(connection_, "SET synchronous_commit = off", deadline_in(answer_deadline_ms));
  const auto listening =
      run_one(connection_, "LISTEN " + quoted_name(channel_), deadline_in(answer_deadline_ms));
  if (!relaxed || !listening) {
    // A connection lost in between is made up for by the next; what the server refuses is not.
    const SqlError& error = relaxed ? listening.error() : relaxed.error();
    if (error.kind != SqlErrorKind::connection_lost && !std::exchange(refusal_said_, true)) {
      log::warn("tidings_refused", {{"channel", channel_}, {"detail", error.message}});
    }
    connection_.close();
    return false;
  }
  return true;
}

bool Announcer::exchange() {
  bool commits = false;
  std::set<std::int32_t> lanes;
  {
    const std::lock_guard lock(mutex_);
    commits = std::exchange(commits_, false);
    lanes.swap(lanes_);
  }
  if (commits) {
    Parameters payloads;
    payloads.text(channel_).array(Type::text_array).element("c");
    for (const auto lane : lanes) payloads.element("e" + std::to_string(lane));
    Pipeline round(connection_);
    round.add(announce, payloads);
    if (!round.run(deadline_in(answer_deadline_ms))) {
      const std::lock_guard lock(mutex_);
      commits_ = true;
      lanes_.merge(lanes);
      return false;
    }
  }
  auto notices = connection_.take_notifications();
  if (!notices) return false;
  Tidings tidings;
  for (const Notification& notice : *notices) {
    const std::string_view payload = notice.payload;
    if (payload.starts_with('e')) {
      std::int32_t lane = 0;
      const auto end = payload.data() + payload.size();
      if (std::from_chars(payload.data() + 1, end, lane).ptr == end) tidings.lanes.push_back(lane);
    } else if (notice.backend_pid != connection_.facts().backend_pid) {
      tidings.committed = true;
    }
  }
  if (tidings.committed || !tidings.lanes.empty()) tell(tidings);
  return true;
}

void Announcer::run() {
  int reconnect_ms = min_reconnect_ms;
  for (bool first = true;; first = false) {
    const bool was_there = connection_.alive();
    const bool connected = was_there || connect();
    // However it was found to be lost.
    if (connected && !was_there && !first) {
      Tidings missed;
      missed.committed = true;
      missed.all_lanes = true;
      tell(missed);
    }
    if (!connected || !exchange()) {
      if (stopping(reconnect_ms)) break;
      reconnect_ms = std::min(reconnect_ms * 2, max_reconnect_ms);
      continue;
    }
    reconnect_ms = min_reconnect_ms;
    std::array<pollfd, 3> events{pollfd{stop_, POLLIN, 0}, pollfd{wake_, POLLIN, 0},
                                 pollfd{connection_.socket(), POLLIN, 0}};
    ::poll(events.data(), events.size(), idle_look_ms);
    if (events[1].revents != 0) drain(wake_);
    // What is committed in the meantime goes out with it.
    if (!stopping(events[1].revents != 0 ? coalesce_ms : 0)) continue;
    exchange();
    break;
  }
  connection_.close();
}

}  // namespace pawl::postgres
