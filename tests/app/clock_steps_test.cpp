// SPDX-License-Identifier: Apache-2.0
//
// Acceptance case 92: the server's wall clock is set an hour ahead, then an hour back, while trades
// settle. Nothing expires early, nothing is done twice, and a person is told.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "app/client_options.h"
#include "app/desk_world.h"
#include "eventually.h"

namespace pawl::app::test {
namespace {

constexpr std::int64_t hour_seconds = 3'600;

class ClockSteps : public DeskWorld {
 protected:
  // A step of an hour goes past the settlement's end, if it is believed.
  std::string settings() const override {
    return "[otc]\nsettlement_window_seconds = 1800\npayout_poll_interval_ms = 20\n"
           "custodian_timeout_ms = 20000\n";
  }
  std::int64_t payout_delay_ms() const override { return 3'000; }

  void SetUp() override {
    DeskWorld::SetUp();
    set_clock(0);
    ::setenv("PAWL_TEST_CLOCK", path("clock").c_str(), 1);
    ::setenv("LD_PRELOAD", PAWL_STEPPED_CLOCK, 1);
    // Sanitizers want to be the first library; the order does not matter to this one.
    const char* options = std::getenv("ASAN_OPTIONS");
    const std::string given = options == nullptr ? "" : options;
    ::setenv("ASAN_OPTIONS", (given + ":verify_asan_link_order=0").c_str(), 1);
    const auto started = start_server();
    ::unsetenv("LD_PRELOAD");
    ::setenv("ASAN_OPTIONS", given.c_str(), 1);
    ASSERT_TRUE(started) << started.error().text() << read_file(path("serve.log"));
  }
  void set_clock(std::int64_t ahead_seconds) const {
    const int file = ::open(path("clock").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(::pwrite(file, &ahead_seconds, sizeof ahead_seconds, 0),
              static_cast<ssize_t>(sizeof ahead_seconds));
    ::close(file);
  }
  // The step is seen by the engine, and a few commits pass under it.
  void step(std::int64_t ahead_seconds) {
    const auto seen = [&] {
      const std::string log = read_file(path("serve.log"));
      std::size_t count = 0;
      for (auto at = log.find("\"clock_jumped\",\"drift_ms\""); at != std::string::npos;
           at = log.find("\"clock_jumped\",\"drift_ms\"", at + 1)) {
        ++count;
      }
      return count;
    };
    const auto before = seen();
    set_clock(0);
    // Back in step first: the engine tells of a jump once, until the clock is right again.
    ASSERT_TRUE(eventually([&] { return commits_pass(); }));
    set_clock(ahead_seconds);
    ASSERT_TRUE(eventually([&] { return commits_pass() && seen() > before; })) << ahead_seconds;
  }
  bool commits_pass() {
    const auto ready = HttpCall(url()).get("/readyz");
    return ready && ready->ok();
  }
};

TEST_F(ClockSteps, Case92SettlementsUnderAClockThatIsSet) {
  for (const std::int64_t first : {hour_seconds, -hour_seconds}) {
    // At each step of the way there is one when the clock is set.
    const Sale idle = matched();
    const Sale begun_under_it = matched();
    const Sale releasing = matched();
    fault(R"({"call":"release","mode":"late","next":1,"delay_ms":1500})");
    ASSERT_EQ(confirm(releasing, 0)->status, 202U);
    ASSERT_TRUE(eventually([&] { return carried_out(releasing, "release") == 1; }));
    const Sale paying = confirmed();
    step(first);
    // The custodian refuses signatures of another hour: not an answer that anything is decided on.
    ASSERT_EQ(confirm(begun_under_it, 0)->status, 202U);
    for (const std::int64_t ahead_seconds : {-first, first}) {
      step(ahead_seconds);
      EXPECT_EQ(status_of(idle), "matched") << "not early";
      EXPECT_EQ(status_of(begun_under_it), "settling");
      for (const auto& sale : {releasing, paying}) {
        const std::string status = status_of(sale);
        EXPECT_TRUE(status == "settling" || status == "payout_pending" || status == "completed")
            << status;
      }
    }
    set_clock(0);
    EXPECT_EQ(confirm(idle)->status, 200U);
    for (const auto& sale : {idle, begun_under_it, releasing, paying}) {
      EXPECT_TRUE(pawl::test::eventually([&] { return status_of(sale) == "completed"; }, 80'000))
          << status_of(sale);
      EXPECT_EQ(carried_out(sale, "lock"), 1);
      EXPECT_EQ(carried_out(sale, "release"), 1);
      EXPECT_EQ(carried_out(sale, "payout"), 1);
      EXPECT_EQ(carried_out(sale, "refund"), 0);
    }
  }
  const auto codes = alert_codes();
  EXPECT_EQ(std::count(codes.begin(), codes.end(), "clock_jumped"), 1) << "a person is told";
  for (const auto& code : codes) {
    EXPECT_TRUE(code == "clock_jumped" || code == "effect_outcome_unknown") << code;
  }
  expect_sound();
}

}  // namespace
}  // namespace pawl::app::test
