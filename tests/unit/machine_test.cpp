// SPDX-License-Identifier: Apache-2.0
//
// The registry refuses descriptions that contradict themselves; decisions and refusals carry what
// they were made of; a decision can be tested by calling it.
#include <gtest/gtest.h>
#include <pawl/machine.h>
#include <pawl/testing.h>

#include <functional>

#include "engine/bank_decide.h"

namespace {

pawl::EffectPolicy with(const std::function<void(pawl::EffectPolicy&)>& change) {
  pawl::EffectPolicy policy = bank::quick_policy();
  change(policy);
  return policy;
}

TEST(Registry, FindsWhatWasDeclared) {
  pawl::Registry registry;
  bank::describe(registry);
  ASSERT_TRUE(registry.check());
  const auto* machine = registry.find_machine("account");
  ASSERT_NE(machine, nullptr);
  EXPECT_EQ(machine->table, "accounts");
  EXPECT_EQ(machine->columns[machine->state_column].name, "state");
  EXPECT_NE(machine->record("account_notes"), nullptr);
  EXPECT_EQ(machine->record("other"), nullptr);
  EXPECT_EQ(registry.find_machine("other"), nullptr);
  ASSERT_NE(registry.find_command("bank.credit"), nullptr);
  EXPECT_TRUE(registry.find_command("bank.credit")->decode_bounced);
  EXPECT_FALSE(registry.find_command("bank.alarm")->decode_bounced);
  EXPECT_EQ(registry.find_command("bank.open"), nullptr);
  EXPECT_NE(registry.find_effect("bank.payment"), nullptr);
  EXPECT_EQ(registry.find_effect("other"), nullptr);
}

TEST(Registry, RefusesPoliciesThatContradictThemselves) {
  const pawl::EffectPolicy policies[] = {
      with([](auto& p) { p.lease_ttl_ms = p.send_timeout_ms; }),
      with([](auto& p) { p.send_timeout_ms = 0; }),
      with([](auto& p) { p.concurrency = 0; }),
      with([](auto& p) { p.max_attempts = 0; }),
      with([](auto& p) { p.poll_interval_ms = 0; }),
      with([](auto& p) { p.backoff_base_ms = 0; }),
      with([](auto& p) { p.backoff_cap_ms = p.backoff_base_ms - 1; }),
  };
  for (const auto& policy : policies) {
    pawl::Registry registry;
    bank::describe(registry, policy);
    const auto sound = registry.check();
    ASSERT_FALSE(sound);
    EXPECT_EQ(sound.error().code, pawl::registry_invalid);
  }
}

TEST(Registry, PolicyCanBeReplacedOnlyForADeclaredKind) {
  pawl::Registry registry;
  bank::describe(registry);
  EXPECT_TRUE(registry.set_effect_policy("bank.payment", with([](auto& p) { p.concurrency = 2; })));
  EXPECT_EQ(registry.find_effect("bank.payment")->policy.concurrency, 2);
  EXPECT_FALSE(registry.set_effect_policy("other", bank::quick_policy()));
}

// One description per mistake.
template <int mistake>
struct Flawed {
  static constexpr std::string_view machine = "flawed";
  static constexpr std::string_view table = "flawed";
  std::string id;
  std::int64_t number = 0;
  bank::State state = bank::State::open;
  pawl::Time state_since;
  static constexpr auto fields() {
    const auto id_field = pawl::field("id", &Flawed::id);
    const auto state_field = pawl::field("state", &Flawed::state);
    const auto since_field = pawl::field("state_since_us", &Flawed::state_since);
    if constexpr (mistake == 0) {  // the key is no text
      return std::tuple{pawl::field("number", &Flawed::number), state_field, since_field};
    } else if constexpr (mistake == 1) {  // no state
      return std::tuple{id_field, since_field};
    } else if constexpr (mistake == 2) {  // no state_since_us
      return std::tuple{id_field, state_field};
    } else if constexpr (mistake == 3) {  // a name of the engine's
      return std::tuple{id_field, state_field, since_field, pawl::field("pawl_x", &Flawed::number)};
    } else {
      return std::tuple{id_field, state_field, since_field};
    }
  }
};

template <int mistake>
pawl::Result<void> check_flawed(bool with_initial, bool twice) {
  pawl::Registry registry;
  auto builder = registry.machine<Flawed<mistake>>();
  if (with_initial) builder.initial(bank::State::open);
  if (twice) registry.machine<Flawed<mistake>>().initial(bank::State::open);
  return registry.check();
}

TEST(Registry, RefusesMachinesThatContradictThemselves) {
  EXPECT_TRUE(check_flawed<9>(true, false)) << "the sound one";
  EXPECT_FALSE(check_flawed<0>(true, false));
  EXPECT_FALSE(check_flawed<1>(true, false));
  EXPECT_FALSE(check_flawed<2>(true, false));
  EXPECT_FALSE(check_flawed<3>(true, false));
  EXPECT_FALSE(check_flawed<9>(false, false)) << "no initial state";
  EXPECT_FALSE(check_flawed<9>(true, true)) << "a name twice";
}

TEST(Decision, RefusalNamesGuardCodeAndDetail) {
  const auto& guard = bank::guard::is_open;
  // lint: allow(unnamed-refusal): what the macro expands to is the subject here
  const pawl::Decision decision = pawl::refuse(guard, bank::error::not_open, "it is frozen");
  ASSERT_EQ(decision.kind(), pawl::Decision::Kind::refused);
  EXPECT_EQ(decision.refusal().guard().name, "bank.is_open");
  EXPECT_EQ(decision.refusal().error().code, bank::error::not_open);
  EXPECT_EQ(decision.refusal().error().detail, "it is frozen");
}

TEST(Decision, IgnoreAndChange) {
  const auto ignored = pawl::Decision::ignore("nothing to do");
  EXPECT_EQ(ignored.kind(), pawl::Decision::Kind::ignored);
  EXPECT_EQ(ignored.why_ignored(), "nothing to do");
  const pawl::Decision changed = pawl::Change();
  EXPECT_EQ(changed.kind(), pawl::Decision::Kind::changed);
}

TEST(Decision, CanBeTestedByCallingIt) {
  bank::Account row;
  row.id = "a";
  row.balance = 5;
  pawl::testing::LockedRow<bank::Account> present(row, 0);
  pawl::testing::LockedRow<bank::Account> other("b", 1);
  const pawl::ConfigSnapshot config;
  const auto now = pawl::testing::context_at(pawl::Time{9}, config);
  EXPECT_EQ(decide(bank::Transfer{"a", "b", 1}, present.locked(), other.locked(), now)
                .refusal()
                .guard()
                .name,
            "bank.exists");
  const auto sent = decide(bank::Send{"a", "b", 2, "x"}, present.locked(), now);
  ASSERT_EQ(sent.kind(), pawl::Decision::Kind::changed);
  EXPECT_EQ(sent.change().rows.size(), 1U);
  EXPECT_EQ(sent.change().messages.size(), 1U);
  EXPECT_EQ(sent.change().messages[0].command->keys()[0].key, "b");
}

TEST(Locked, ReadingAnAbsentRowIsADefect) {
  pawl::testing::LockedRow<bank::Account> absent("a");
  EXPECT_FALSE(absent.locked().present());
  EXPECT_THROW((void)*absent.locked(), pawl::MachineDefect);
  EXPECT_THROW((void)absent.locked()->balance, pawl::MachineDefect);
}

TEST(Command, BouncedGoesToTheSender) {
  const auto* kind = pawl::Bounced<bank::Credit>::kind.c_str();
  EXPECT_STREQ(kind, "bounced:bank.credit");
  const auto command = pawl::make_command(
      pawl::Bounced<bank::Credit>{bank::Credit{"to", 1, "x"}, "from", "code", "detail"});
  ASSERT_EQ(command->keys().size(), 1U);
  EXPECT_EQ(command->keys()[0].key, "from");
  EXPECT_EQ(command->keys()[0].machine, "account");
}

TEST(Error, TextAndClasses) {
  EXPECT_EQ(pawl::Error(bank::error::no_funds, "5").text(), "no_funds: no funds (5)");
  EXPECT_EQ(pawl::Error(bank::error::no_funds).text(), "no_funds: no funds");
  EXPECT_EQ(pawl::to_string(pawl::ErrorClass::in_doubt), "in_doubt");
}

}  // namespace
