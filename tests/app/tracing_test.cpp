// SPDX-License-Identifier: Apache-2.0
//
// One id from an HTTP request to an effect that a deadline of it led to, in the lines of the real
// server's log.
#include <sstream>

#include "app/client_options.h"
#include "app/desk_world.h"

namespace pawl::app::test {
namespace {

class Traced : public DeskWorld {
 protected:
  // A match that nobody confirms is overdue after a second.
  std::string settings() const override { return "[otc]\nsettlement_window_seconds = 1\n"; }

  // The trace of the log's line of that event in which the member has that text; empty: none.
  std::string trace_of(const std::string& event, const char* member, const std::string& text) {
    std::istringstream log(read_file(path("serve.log")));
    for (std::string line; std::getline(log, line);) {
      const auto parsed = json::parse(line);
      if (!parsed || member_text(*parsed, "event") != event) continue;
      if (member_text(*parsed, member) == text) return member_text(*parsed, "trace_id");
    }
    return {};
  }
};

TEST_F(Traced, AMatchsRefundInDueTimeHasTheMatchsTrace) {
  ASSERT_TRUE(start_server());
  const Sale sale = matched();
  ASSERT_TRUE(reaches(sale, "expired")) << status_of(sale);
  const std::string match = trace_of("request", "route", "/otc/orders/{id}/match");
  EXPECT_EQ(match.size(), 32U);
  EXPECT_TRUE(eventually([&] {
    return trace_of("effect_answered", "kind", "otc_refund") == match;
  })) << read_file(path("serve.log"));
  EXPECT_NE(trace_of("request", "route", "/otc/orders"), match);
}

}  // namespace
}  // namespace pawl::app::test
