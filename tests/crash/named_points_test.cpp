// SPDX-License-Identifier: Apache-2.0
//
// The server kills itself, as kill -9 would, at each named step of the engine, at its first passage
// and at later ones; it is started again, and everything ends as if it had not died. Needs a build
// with crash points (preset dev or asan).
#include "core/crash_point.h"
#include "crash_fixture.h"

namespace pawl::app {
namespace {

#ifdef PAWL_CRASH_POINTS

struct Point {
  const char* name;
  int passage;
};

void PrintTo(const Point& point, std::ostream* out) {
  *out << point.name << ":" << point.passage;
}

class NamedPoint : public ::testing::TestWithParam<Point> {};

// One life that ends at the point (or, if it was not reached in time, by the killer), then clean
// ones. True if the point was reached.
bool die_at(const Point& point, std::uint64_t seed, std::int64_t kill_interval_ms) {
  const CrashFolder folder;
  DemoOptions options = crash_options(folder, seed);
  options.kills = 3;
  options.kill_interval_ms = kill_interval_ms;
  options.clients = 4;
  const std::string at = std::string(point.name) + ":" + std::to_string(point.passage);
  ::setenv("PAWL_CRASH_AT", at.c_str(), 1);
  // The first server has been started by then; the next ones do not inherit it.
  Demo demo(options, interrupted_never, [](const DemoProgress&) { ::unsetenv("PAWL_CRASH_AT"); });
  const auto result = demo.run();
  ::unsetenv("PAWL_CRASH_AT");
  expect_kept(result, folder, seed);
  // With bad luck the killer came before any customer was served: then this was no trial.
  if (result && result->orders == 0) return false;
  return folder.server_log().find("\"crash_point\"") != std::string::npos;
}

// How far a life comes before the killer does is the machine's to say: each one is given more time.
TEST_P(NamedPoint, TheServerDiesThereAndNothingIsLost) {
  constexpr std::int64_t first_interval_ms = 1'500;
  constexpr int attempts = 5;
  const std::uint64_t seed = seed_from_environment();
  bool reached = false;
  for (int attempt = 0; attempt < attempts && !reached && !HasFailure(); ++attempt) {
    reached = die_at(GetParam(), seed + static_cast<std::uint64_t>(attempt),
                     first_interval_ms << attempt);
  }
  EXPECT_TRUE(reached) << "the point was never passed so often; PAWL_SEED=" << seed;
}

std::vector<Point> all_points() {
  std::vector<Point> out;
  for (const char* name : {"committer.locked", "committer.decided", "store.before_write",
                           "store.before_commit", "store.after_commit", "committer.answered",
                           "effect.before_send", "effect.after_send", "effect.answered"}) {
    for (const int passage : {1, 7, 40}) out.push_back({name, passage});
  }
  return out;
}

std::string name_of_case(const ::testing::TestParamInfo<Point>& info) {
  std::string name = info.param.name;
  for (char& c : name) {
    if (c == '.') c = '_';
  }
  return name + "_" + std::to_string(info.param.passage);
}

INSTANTIATE_TEST_SUITE_P(Crash, NamedPoint, ::testing::ValuesIn(all_points()), name_of_case);

#endif

}  // namespace
}  // namespace pawl::app
