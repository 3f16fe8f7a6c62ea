// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/lane_holder.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>

namespace pawl::postgres {

namespace {

// Of a process's stat: the time of its start, in ticks since the boot.
constexpr int start_field = 22;

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// The first thread has ended. Are there others? True also where it cannot be known.
bool runs_on(const std::string& pid) {
  std::error_code failed;
  std::filesystem::directory_iterator threads("/proc/" + pid + "/task", failed);
  if (failed) return failed != std::errc::no_such_file_or_directory;
  return std::distance(begin(threads), end(threads)) > 1;
}

// The kernel knows no such process, whatever may be read of it. False also where it may not say.
bool is_gone(const std::string& pid) {
  pid_t number = 0;
  const auto read = std::from_chars(pid.data(), pid.data() + pid.size(), number);
  if (read.ec != std::errc() || read.ptr != pid.data() + pid.size() || number <= 0) return false;
  return ::kill(number, 0) != 0 && errno == ESRCH;
}

// Empty: there is no such process, or it is dead and only waits to be reaped. Nothing: it cannot be
// known. A process of another user may be hidden (hidepid, ProtectProc), and a process that has no
// file descriptor left can read of nobody.
std::optional<std::string> start_of(const std::string& pid) {
  const std::string stat = content_of("/proc/" + pid + "/stat");
  // The second field is a name that may hold anything, in brackets.
  const auto end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) {
    return is_gone(pid) ? std::optional<std::string>("") : std::nullopt;
  }
  std::size_t at = end_of_name + 1;
  for (int field = 3; at < stat.size(); ++field) {
    const auto begin = stat.find_first_not_of(' ', at);
    if (begin == std::string::npos) break;
    const auto end = std::min(stat.find(' ', begin), stat.size());
    std::string value = stat.substr(begin, end - begin);
    if (field == 3 && (value == "Z" || value == "X") && !runs_on(pid)) return "";
    if (field == start_field) return value;
    at = end;
  }
  return std::nullopt;
}

std::string neighbourhood() {
  const std::string boot = content_of("/proc/sys/kernel/random/boot_id");
  std::array<char, 64> name{};
  const auto size = ::readlink("/proc/self/ns/pid", name.data(), name.size());
  // /proc must show the processes of our own namespace, or it would say that the living are dead.
  const bool shows_us = !start_of(std::to_string(::getpid())).value_or("").empty();
  if (boot.empty() || size <= 0 || !shows_us) return {};
  return boot + "/" + std::string(name.data(), static_cast<std::size_t>(size)) + "/";
}

// "BOOT/NAMESPACE/": who has the same may be judged from here. Empty: nobody may.
const std::string& this_neighbourhood() {
  static const std::string known = neighbourhood();
  return known;
}

// Behind the process: which of its takings it was.
constexpr char taking_mark = '#';

bool is_provably_dead(std::string_view holder) {
  holder = holder.substr(0, holder.find(taking_mark));
  const std::string& near = this_neighbourhood();
  if (near.empty() || !holder.starts_with(near)) return false;
  const std::string_view rest = holder.substr(near.size());
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0) return false;
  // It could not read its own when it took the lane.
  if (slash + 1 == rest.size()) return false;
  const auto start = start_of(std::string(rest.substr(0, slash)));
  return start && *start != rest.substr(slash + 1);
}

template <class Each>
void for_each_holder(std::string_view holders, Each each) {
  while (!holders.empty()) {
    const auto end = std::min(holders.find(' '), holders.size());
    if (end > 0) each(holders.substr(0, end));
    holders.remove_prefix(std::min(end + 1, holders.size()));
  }
}

}  // namespace

std::string this_process() {
  const std::string pid = std::to_string(::getpid());
  const std::string& near = this_neighbourhood();
  return (near.empty() ? "//" : near) + pid + "/" + start_of(pid).value_or("");
}

std::string new_holder() {
  // Counted from a number drawn by lot: where /proc does not say who we are, two processes of
  // different machines may have the same name.
  static std::atomic<std::uint32_t> takings{std::random_device{}()};
  return this_process() + taking_mark + std::to_string(++takings);
}

bool are_provably_dead(std::string_view holders) {
  bool all = true;
  for_each_holder(holders, [&](std::string_view holder) { all = all && is_provably_dead(holder); });
  return all;
}

std::string_view newest_holder(std::string_view holders) {
  return holders.substr(holders.rfind(' ') + 1);
}

std::string without(std::string_view holders, std::string_view gone) {
  std::string out;
  for_each_holder(holders, [&](std::string_view holder) {
    if (holder == gone) return;
    if (!out.empty()) out += ' ';
    out += holder;
  });
  return out;
}

}  // namespace pawl::postgres
