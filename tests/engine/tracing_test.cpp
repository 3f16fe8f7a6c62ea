// SPDX-License-Identifier: Apache-2.0
//
// One id from the request to all that follows from it: the messages and deadlines that its command
// begins, what those decide in turn, the effects at the end, and every log line on the way.
#include <pawl/log.h>

#include "engine/engine_fixture.h"

namespace pawl::test {
namespace {

const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string operators_trace = "00000000000000000000000000000abc";

class Tracing : public EngineFixture {
 protected:
  void SetUp() override {
    log::set_sink([this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
    });
  }
  void TearDown() override {
    engine_.reset();
    log::set_sink({});
  }

  void begin() {
    start();
    for (const char* key : {"a", "b"}) done(bank::Open{key, 10, {}});
  }
  template <class C>
  void traced(C command) {
    const auto receipt = engine_->call(std::move(command), {"ann", "traced", "", trace});
    ASSERT_TRUE(receipt && receipt->done);
  }
  bool logged(const std::string& event) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return std::any_of(lines_.begin(), lines_.end(), [&](const std::string& line) {
        return line.find("\"event\":\"" + event + "\"") != std::string::npos &&
               line.find("\"trace_id\":\"" + trace + "\"") != std::string::npos;
      });
    });
  }
  // "command trace", newest first, down to the one that opened the account.
  std::vector<std::string> timeline(const std::string& key) {
    const auto entries = engine_->timeline({"account", key}, 100);
    EXPECT_TRUE(entries);
    std::vector<std::string> out;
    if (!entries) return out;
    for (const auto& entry : *entries) out.push_back(entry.command + " " + entry.trace_id);
    return out;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

TEST_F(Tracing, GoesThroughAMessageAndADeadlineToTheEffectAndItsEnd) {
  handler_ = std::make_shared<ScriptedHandler>(answering(Outcome::confirmed));
  begin();
  traced(bank::Send{"a", "b", 5, bank::pay_later});
  ASSERT_TRUE(handler_->wait_for_calls(1));
  EXPECT_EQ(handler_->calls()[0].trace_id, trace);
  ASSERT_TRUE(effect_reaches("ended"));
  EXPECT_EQ(only_effect().trace_id, trace);
  EXPECT_TRUE(logged("effect_answered"));
  EXPECT_EQ(timeline("b"),
            (std::vector<std::string>{"bank.payment_ended " + trace, "bank.alarm " + trace,
                                      "bank.credit " + trace, "bank.open "}));
  EXPECT_EQ(timeline("a")[0], "bank.send " + trace);
}

TEST_F(Tracing, ComesBackWithARefusedMessage) {
  begin();
  traced(bank::Send{"a", "nobody", 5, "x"});
  ASSERT_TRUE(reaches("a", [](const auto& row) { return row.bounces == 1; }));
  EXPECT_EQ(timeline("a")[0], "bounced:bank.credit " + trace);
}

TEST_F(Tracing, IsKeptByAParkedCommandThatAnOperatorRetries) {
  begin();
  done(bank::Go{"b", bank::State::broken});
  traced(bank::Send{"a", "b", 5, "x"});
  EXPECT_TRUE(logged("command_parked"));
  EXPECT_TRUE(logged("alert"));
  ASSERT_TRUE(eventually([&] { return parked().size() == 1; }));
  done(bank::Go{"b", bank::State::open});
  restart();
  std::promise<Result<Receipt>> promise;
  engine_->operate_parked(parked().at(0).id, true,
                          {"operator:ann", "retry", "mended", operators_trace},
                          [&](Result<Receipt> receipt) { promise.set_value(std::move(receipt)); });
  const auto retried = promise.get_future().get();
  ASSERT_TRUE(retried && retried->done);
  EXPECT_EQ(timeline("b")[0], "bank.credit " + trace);
}

TEST_F(Tracing, OfAnEffectIsThatOfItsEndWhoeverEndsIt) {
  policy_ = bank::quick_policy(ResendRule::neither);
  handler_ = std::make_shared<ScriptedHandler>([](const EffectCall& call, EffectHandler::Done end) {
    const bool asked = call.purpose == EffectCall::Purpose::inquire;
    end(EffectAnswer(asked ? Outcome::absent : Outcome::unknown));
  });
  begin();
  traced(bank::Pay{"a", 1, "k"});
  ASSERT_TRUE(effect_reaches("waiting"));
  EXPECT_TRUE(logged("alert"));
  std::promise<Result<Receipt>> promise;
  engine_->operate_effect(only_effect().id, Engine::EffectVerb::confirm, 0,
                          {"operator:ann", "confirm", "seen it", operators_trace},
                          [&](Result<Receipt> receipt) { promise.set_value(std::move(receipt)); });
  const auto confirmed = promise.get_future().get();
  ASSERT_TRUE(confirmed && confirmed->done);
  EXPECT_EQ(timeline("a")[0], "bank.payment_ended " + trace);
}

}  // namespace
}  // namespace pawl::test
