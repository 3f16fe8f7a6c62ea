// SPDX-License-Identifier: Apache-2.0
#include "postgres/worker.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "eventually.h"

namespace pawl::test {

void FarSide::script(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

void FarSide::answer(std::unique_lock<std::mutex>& lock, Exchange& exchange,
                     const std::string& outcome) {
  exchange.outcome = outcome;
  Worker* worker = exchange.worker;
  const int number = exchange.number;
  // Its pipe may be full while it is frozen: that must not keep others from telling us things.
  lock.unlock();
  worker->write("answer " + std::to_string(number) + " " + outcome);
  lock.lock();
}

void FarSide::begun(Exchange exchange) {
  std::unique_lock lock(mutex_);
  ++open_;
  most_at_once_ = std::max(most_at_once_, open_);
  bool say = true;
  if (exchange.purpose == "perform") {
    const auto [does, says] = script_ ? script_(exchange) : std::pair{Do::carry_out, Say::answer};
    exchange.carried_out = does == Do::carry_out;
    if (exchange.carried_out) carried_out_.insert(exchange.key);
    say = says == Say::answer;
  }
  exchanges_.push_back(std::move(exchange));
  if (!say) return;
  --open_;
  // Only this one's worker's thread adds to the list for it; others may, so work on a copy.
  const std::size_t place = exchanges_.size() - 1;
  const bool known = carried_out_.contains(exchanges_[place].key);
  Exchange copy = exchanges_[place];
  exchanges_[place].outcome = known ? "confirmed" : "absent";
  answer(lock, copy, exchanges_[place].outcome);
}

int FarSide::answer_all() {
  int answered = 0;
  while (answer_one()) ++answered;
  return answered;
}

bool FarSide::answer_one() {
  std::unique_lock lock(mutex_);
  const auto oldest = std::find_if(exchanges_.begin(), exchanges_.end(), [](const Exchange& e) {
    return e.outcome.empty() && e.worker != nullptr;
  });
  if (oldest == exchanges_.end()) return false;
  if (!oldest->carried_out) {
    oldest->carried_out = true;
    carried_out_.insert(oldest->key);
  }
  oldest->outcome = "confirmed";
  --open_;
  Exchange copy = *oldest;
  answer(lock, copy, "confirmed");
  return true;
}

void FarSide::gone(const Worker& worker) {
  const std::lock_guard lock(mutex_);
  for (auto& exchange : exchanges_) {
    if (exchange.worker != &worker) continue;
    exchange.worker = nullptr;
    if (exchange.outcome.empty()) --open_;
  }
}

std::vector<Exchange> FarSide::exchanges() const {
  const std::lock_guard lock(mutex_);
  return exchanges_;
}

int FarSide::count(const std::string& purpose, const std::string& of) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(exchanges_.begin(), exchanges_.end(), [&](const auto& e) {
    return e.purpose == purpose && (of.empty() || e.of == of);
  }));
}

int FarSide::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

int FarSide::most_at_once() const {
  const std::lock_guard lock(mutex_);
  return most_at_once_;
}

bool FarSide::carried_out(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return carried_out_.contains(key);
}

// Counted and not followed: what one process said last and another first come on two pipes, in any
// order.
std::vector<std::string> FarSide::sent_on_a_guess() const {
  std::map<std::string, int> allowed;
  for (const auto& exchange : exchanges()) {
    const auto [sends, first] = allowed.try_emplace(exchange.key, 1);
    if (exchange.purpose == "perform") --sends->second;
    if (exchange.outcome == "absent") ++sends->second;
  }
  std::vector<std::string> out;
  for (const auto& [key, left] : allowed) {
    if (left < 0) out.push_back(key);
  }
  return out;
}

Worker::Worker(PostgresWorld& world, FarSide& far_side, std::string name,
               std::vector<std::string> options, const std::string& url)
    : name_(std::move(name)), far_side_(far_side) {
  // A worker that was killed closes its end.
  std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  ProcessOptions process;
  process.arguments = {PAWL_LANE_WORKER, url.empty() ? world.server().url() : url, world.schema()};
  process.arguments.insert(process.arguments.end(), options.begin(), options.end());
  process.log_file = world.server().directory() + "/" + world.schema() + "-" + name_ + ".log";
  process.as_postgres = false;
  process.stdin_fd = in[0];
  process.stdout_fd = out[1];
  process_ = Process(process);
  pid_ = process_.pid();
  ::close(in[0]);
  ::close(out[1]);
  to_worker_ = in[1];
  from_worker_ = out[0];
  reader_ = std::thread([this] { read(); });
}

Worker::~Worker() {
  far_side_.gone(*this);
  if (process_.running()) process_.signal(SIGKILL);
  reader_.join();
  process_.wait(patience_ms);
  if (to_worker_ >= 0) ::close(to_worker_);
  ::close(from_worker_);
}

bool Worker::ready() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(patience_ms), [&] {
    return ready_ || ended_;
  }) && ready_;
}

std::future<WorkerAnswer> Worker::begin(const std::string& words, std::string id) {
  const auto space = words.find(' ');
  std::future<WorkerAnswer> future;
  {
    const std::lock_guard lock(mutex_);
    if (id.empty()) id = name_ + "-" + std::to_string(++asked_count_);
    auto& promise = asked_[id];
    promise = std::promise<WorkerAnswer>();
    future = promise.get_future();
    if (ended_) {
      promise.set_value({"lost"});
      asked_.erase(id);
      return future;
    }
  }
  write(words.substr(0, space) + " " + id + words.substr(space));
  return future;
}

WorkerAnswer Worker::call(const std::string& words, const std::string& id) {
  auto future = begin(words, id);
  if (future.wait_for(std::chrono::milliseconds(patience_ms)) != std::future_status::ready) {
    return {"no answer"};
  }
  return future.get();
}

bool Worker::is_frozen() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const auto end_of_name = stat.rfind(')');
  return end_of_name != std::string::npos && stat.size() > end_of_name + 2 &&
         stat[end_of_name + 2] == 'T';
}

void Worker::kill_now() {
  far_side_.gone(*this);
  process_.signal(SIGKILL);
  process_.wait(patience_ms);
}

bool Worker::stop() {
  {
    const std::lock_guard lock(write_mutex_);
    ::close(std::exchange(to_worker_, -1));
  }
  return process_.wait(patience_ms) && process_.exit_code() == 0;
}

void Worker::write(std::string line) {
  line += '\n';
  const std::lock_guard lock(write_mutex_);
  // A worker that has gone hears nothing, and nobody asks it any more.
  if (to_worker_ >= 0 && ::write(to_worker_, line.data(), line.size()) < 0) return;
}

void Worker::read() {
  std::string text;
  std::array<char, 4'096> buffer{};
  while (true) {
    const auto size = ::read(from_worker_, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(size));
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      heard(text.substr(0, end));
      text.erase(0, end + 1);
    }
  }
  far_side_.gone(*this);
  std::map<std::string, std::promise<WorkerAnswer>> lost;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    lost.swap(asked_);
  }
  changed_.notify_all();
  for (auto& [id, promise] : lost) promise.set_value({"lost"});
}

void Worker::heard(const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  if (verb == "ready") {
    const std::lock_guard lock(mutex_);
    ready_ = true;
    changed_.notify_all();
  } else if (verb == "exchange") {
    Exchange exchange{this, name_};
    words >> exchange.number >> exchange.purpose >> exchange.key >> exchange.attempt;
    far_side_.begun(std::move(exchange));
  } else if (verb == "receipt") {
    std::string id;
    WorkerAnswer answer;
    words >> id >> answer.status >> answer.code >> answer.repeated >> answer.version;
    words >> answer.reply;
    std::promise<WorkerAnswer> promise;
    {
      const std::lock_guard lock(mutex_);
      const auto found = asked_.find(id);
      if (found == asked_.end()) return;
      promise = std::move(found->second);
      asked_.erase(found);
    }
    promise.set_value(std::move(answer));
  } else {
    std::cerr << name_ << ": " << line << "\n";
  }
}

}  // namespace pawl::test
