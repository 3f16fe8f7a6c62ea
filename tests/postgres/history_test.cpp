// SPDX-License-Identifier: Apache-2.0
//
// Random commands of many threads through two engines with two lanes each on one database, as two
// processes would, on few accounts, with repeats on both sides at once. Afterwards the journal is
// replayed: what it says happened one after another explains every row, every answer and every
// refusal; nothing ran twice; and what one account sent to another came in its order.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/json.h"
#include "engine/bank_decide.h"
#include "eventually.h"
#include "postgres/postgres_world.h"
#include "seed.h"

namespace pawl::test {
namespace {

constexpr int accounts = 5;
constexpr std::int64_t first_balance = 200;
constexpr int engines = 2;
constexpr int threads_of_each = 3;
constexpr int commands_of_each = 60;
constexpr int max_rounds = 8;
constexpr std::chrono::seconds time_for_rounds{10};
// A command that could not be decided is asked again, with its id.
constexpr int max_tries = 50;

struct Asked {
  std::string kind;
  std::string account;
  std::string other;
  std::int64_t amount = 0;
  std::string label;
  std::int64_t again = 0;
  Receipt receipt;
};

// Confirms, refuses, accepts or loses by the payment's key, and counts what it carried out.
class Outside final : public EffectHandler {
 public:
  void start(const EffectCall& call, Done done) override {
    const auto chosen = static_cast<Outcome>(std::hash<std::string>()(call.idempotency_key) % 5);
    if (call.purpose != EffectCall::Purpose::perform) return done(EffectAnswer(Outcome::confirmed));
    if (chosen != Outcome::refused && chosen != Outcome::never_sent) {
      const std::lock_guard lock(mutex_);
      ++carried_out_[call.idempotency_key];
    }
    done(EffectAnswer(chosen));
  }
  std::map<std::string, int> carried_out() const {
    const std::lock_guard lock(mutex_);
    return carried_out_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> carried_out_;
};

class History : public ::testing::Test {
 protected:
  void SetUp() override {
    bank::describe(registry_);
    for (auto& engine : engines_) {
      auto store = world_.open(registry_, false);
      ASSERT_TRUE(store) << store.error().text();
      EngineOptions options;
      options.lanes = 2;
      options.seed = 1;
      engine = std::make_unique<Engine>(std::move(*store), registry_, options);
      engine->handle_effect(bank::Payment::kind, outside_);
      const auto started = engine->start();
      ASSERT_TRUE(started) << started.error().text();
    }
    for (int i = 0; i < accounts; ++i) {
      ASSERT_TRUE(engines_[0]->call(bank::Open{std::to_string(i), first_balance, {}},
                                    {"ann", "open-" + std::to_string(i), ""}));
    }
  }

  Result<Receipt> ask(int engine, const Asked& asked, const std::string& id) {
    Result<Receipt> receipt = fail(machine_defect, "not asked");
    for (int tries = 0; tries < max_tries; ++tries) {
      receipt = engines_[static_cast<std::size_t>(engine)]->call_command(command_of(asked),
                                                                         {"ann", id, ""});
      if (receipt || receipt.error().code.error_class != ErrorClass::unavailable) break;
      ++not_decided_;
    }
    return receipt;
  }
  static std::shared_ptr<const Command> command_of(const Asked& a) {
    if (a.kind == bank::Deposit::kind) return make_command(bank::Deposit{a.account, a.amount});
    if (a.kind == bank::Transfer::kind) {
      return make_command(bank::Transfer{a.account, a.other, a.amount});
    }
    if (a.kind == bank::Send::kind) {
      return make_command(bank::Send{a.account, a.other, a.amount, a.label});
    }
    if (a.kind == bank::Pay::kind) return make_command(bank::Pay{a.account, a.amount, a.label});
    return make_command(bank::SetAlarm{a.account, a.label, a.amount, a.again});
  }
  static Asked random_command(std::mt19937_64& random, const std::string& id) {
    Asked asked;
    const auto one = random() % accounts;
    asked.account = std::to_string(one);
    asked.other = std::to_string((one + 1 + random() % (accounts - 1)) % accounts);
    asked.label = id;
    switch (random() % 6) {
      case 0:
        asked.kind = bank::Deposit::kind;
        asked.amount = static_cast<std::int64_t>(random() % 20);
        break;
      case 1:
      case 2:
        asked.kind = bank::Transfer::kind;
        asked.amount = static_cast<std::int64_t>(random() % 100);
        break;
      case 3:
        // One amount for all, and the label names the pair: that is what a credit shows.
        asked.kind = bank::Send::kind;
        asked.amount = sent_amount;
        asked.label = asked.account + ">" + asked.other + "#" + id + ";";
        break;
      case 4:
        asked.kind = bank::Pay::kind;
        asked.amount = paid_amount;
        break;
      default:
        asked.kind = bank::SetAlarm::kind;
        asked.amount = static_cast<std::int64_t>(random() % 20);  // milliseconds
        asked.again = static_cast<std::int64_t>(random() % 2);
        asked.label = "!" + id + ";";
    }
    return asked;
  }

  void keep(const std::string& id, Asked asked, const Receipt& receipt) {
    asked.receipt = receipt;
    const std::lock_guard lock(mutex_);
    asked_[id] = std::move(asked);
  }
  void one_thread(int round, int engine, int thread, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (int i = 0; i < commands_of_each; ++i) {
      const std::string id = std::to_string(round) + "." + std::to_string(engine) + "." +
                             std::to_string(thread) + "." + std::to_string(i);
      const Asked asked = random_command(random, id);
      const bool on_both = random() % 5 == 0;
      std::future<Result<Receipt>> other;
      if (on_both) {
        other = std::async(std::launch::async, [&] { return ask(1 - engine, asked, id); });
      }
      const auto receipt = ask(engine, asked, id);
      ASSERT_TRUE(receipt) << asked.kind << " " << receipt.error().text();
      const auto repeat = on_both ? other.get() : ask(engine, asked, id);
      ASSERT_TRUE(repeat) << asked.kind << " " << repeat.error().text();
      EXPECT_NE(receipt->repeated, repeat->repeated) << id << " ran twice, or never";
      EXPECT_EQ(receipt->done, repeat->done);
      EXPECT_EQ(receipt->code, repeat->code);
      EXPECT_EQ(receipt->version, repeat->version);
      EXPECT_EQ(receipt->reply_json, repeat->reply_json);
      keep(id, asked, *receipt);
    }
  }
  void run_round(int round, std::uint64_t seed) {
    std::barrier begin(engines * threads_of_each);
    std::vector<std::jthread> running;
    for (int engine = 0; engine < engines; ++engine) {
      for (int thread = 0; thread < threads_of_each; ++thread) {
        running.emplace_back([&, engine, thread] {
          begin.arrive_and_wait();
          one_thread(round, engine, thread,
                     seed + static_cast<std::uint64_t>(1'000 * round + 10 * engine + thread));
        });
      }
    }
  }
  bool quiet() {
    return world_.sql(
               "SELECT (SELECT count(*) FROM pawl_effects) + (SELECT count(*) FROM "
               "pawl_messages) + (SELECT count(*) FROM pawl_deadlines)") == "0";
  }
  bank::Account account(const std::string& key) {
    const auto row = engines_[0]->read(Key<bank::Account>{key});
    EXPECT_TRUE(row && *row);
    return row && *row ? (*row)->row : bank::Account{};
  }

  // The whole journal, merged: each account's entries in the order of its versions.
  std::vector<JournalEntry> journal() {
    std::vector<JournalEntry> out;
    JournalCursor place;
    while (true) {
      auto page = engines_[1]->journal_after(place, 200);
      EXPECT_TRUE(page) << (page ? "" : page.error().text());
      if (!page) return out;
      for (auto& entry : page->entries) out.push_back(std::move(entry));
      if (page->end == place) return out;
      place = page->end;
    }
  }

  struct Model {
    std::int64_t version = 0;
    std::string state;
    std::int64_t balance = 0;
    std::int64_t paying = 0;
    std::int64_t paid = 0;
    std::int64_t ticks = 0;
    std::vector<std::int64_t> balances{0};             // by version
    std::map<std::string, std::string> sent;           // by receiver: labels in order
    std::map<std::string, std::set<std::string>> ran;  // ids of requests, by command
  };
  void replay(const JournalEntry& entry, std::map<std::string, Model>& models);
  void check_receipts(const std::map<std::string, Model>& models);
  void check_rows(const std::map<std::string, Model>& models);

  static constexpr std::int64_t sent_amount = 3;
  static constexpr std::int64_t paid_amount = 7;

  Registry registry_;
  PostgresWorld world_;
  std::shared_ptr<Outside> outside_ = std::make_shared<Outside>();
  std::array<std::unique_ptr<Engine>, engines> engines_;
  std::mutex mutex_;
  std::map<std::string, Asked> asked_;  // by id
  std::atomic<int> not_decided_{0};
};

// What one entry did to its account.
void History::replay(const JournalEntry& entry, std::map<std::string, Model>& models) {
  const TimelineEntry& step = entry.step;
  Model& model = models[entry.key];
  SCOPED_TRACE(entry.key + " at " + std::to_string(step.version) + ": " + step.command + " " +
               step.id);
  ASSERT_EQ(step.version, model.version + 1) << "a version is missing or was made twice";
  ASSERT_EQ(step.from, model.state);
  model.version = step.version;
  model.state = step.to;
  if (step.source == "request") {
    EXPECT_TRUE(model.ran[step.command].insert(step.id).second) << "it ran twice";
  }
  if (step.command == bank::Open::kind) {
    model.balance = first_balance;
  } else if (step.command == bank::Credit::kind) {
    model.balance += sent_amount;
  } else if (step.command == bank::Alarm::kind) {
    ++model.ticks;
  } else if (step.command == bank::PaymentEnded::kind) {
    if (step.why != "accepted") {
      model.paying -= paid_amount;
      (step.why == "confirmed" ? model.paid : model.balance) += paid_amount;
    }
  } else {
    const auto known = asked_.find(step.id);
    ASSERT_NE(known, asked_.end()) << "nobody asked for it";
    const Asked& asked = known->second;
    EXPECT_TRUE(asked.receipt.done);
    if (step.command == bank::Deposit::kind) model.balance += asked.amount;
    if (step.command == bank::Transfer::kind) {
      model.balance += entry.key == asked.account ? -asked.amount : asked.amount;
    }
    if (step.command == bank::Send::kind) {
      model.balance -= sent_amount;
      model.sent[asked.other] += asked.label;
    }
    if (step.command == bank::Pay::kind) {
      model.balance -= paid_amount;
      model.paying += paid_amount;
    }
  }
  ASSERT_GE(model.balance, 0) << "it was decided on a balance that was not there";
  model.balances.push_back(model.balance);
}

// Every answer fits to the history at the version that it names.
void History::check_receipts(const std::map<std::string, Model>& models) {
  for (const auto& [id, asked] : asked_) {
    SCOPED_TRACE(asked.kind + " " + id);
    const Model& model = models.at(asked.account);
    const Receipt& receipt = asked.receipt;
    const auto ran = model.ran.find(asked.kind);
    ASSERT_EQ(ran != model.ran.end() && ran->second.contains(id), receipt.done);
    ASSERT_LT(static_cast<std::size_t>(receipt.version), model.balances.size());
    const std::int64_t balance = model.balances[static_cast<std::size_t>(receipt.version)];
    if (receipt.done && asked.kind == bank::Deposit::kind) {
      const auto reply = json::parse(receipt.reply_json);
      ASSERT_TRUE(reply);
      EXPECT_EQ(reply->find("balance")->as_int64().value_or(-1), balance);
    }
    if (receipt.done) continue;
    EXPECT_EQ(receipt.code, "no_funds");
    EXPECT_LT(balance, asked.amount) << "it was refused on a balance that was not there";
  }
}

void History::check_rows(const std::map<std::string, Model>& models) {
  std::int64_t deposits = 0;
  std::int64_t alarms = 0;
  for (const auto& [id, asked] : asked_) {
    if (!asked.receipt.done) continue;
    if (asked.kind == bank::Deposit::kind) deposits += asked.amount;
    if (asked.kind == bank::SetAlarm::kind) alarms += 1 + asked.again;
  }
  std::int64_t money = 0;
  std::int64_t ticks = 0;
  std::map<std::string, std::string> came;  // labels by pair
  for (const auto& [key, model] : models) {
    const bank::Account row = account(key);
    EXPECT_EQ(row.balance, model.balance);
    EXPECT_EQ(row.paying, 0);
    EXPECT_EQ(row.paid, model.paid);
    EXPECT_EQ(row.ticks, model.ticks);
    money += row.balance + row.paid;
    ticks += row.ticks;
    EXPECT_EQ(row.trail.find("EARLY"), std::string::npos);
    for (std::size_t at = 0; at < row.trail.size();) {
      const auto end = row.trail.find(';', at) + 1;
      const std::string label = row.trail.substr(at, end - at);
      if (label[0] != '!') came[label.substr(0, label.find('#'))] += label;
      at = end;
    }
  }
  EXPECT_EQ(money, accounts * first_balance + deposits) << "money was made or lost";
  EXPECT_EQ(ticks, alarms);
  std::size_t pairs = 0;
  for (const auto& [key, model] : models) {
    for (const auto& [receiver, labels] : model.sent) {
      EXPECT_EQ(came[key + ">" + receiver], labels) << "another order than that of the sender";
      ++pairs;
    }
  }
  EXPECT_EQ(pairs, came.size());
}

TEST_F(History, OfTwoProcessesIsOneAfterAnother) {
  const std::uint64_t seed = seed_of_run();
  std::cout << "PAWL_SEED=" << seed << "\n";
  const auto until = std::chrono::steady_clock::now() + time_for_rounds;
  int rounds = 0;
  while (rounds < max_rounds && std::chrono::steady_clock::now() < until) {
    run_round(rounds++, seed);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
  ASSERT_TRUE(eventually([&] { return quiet(); })) << "something never ended";
  EXPECT_TRUE(engines_[0]->parked(10)->empty());
  std::map<std::string, Model> models;
  std::set<std::int32_t> lanes;
  const auto entries = journal();
  for (const auto& entry : entries) {
    lanes.insert(entry.place.lane);
    replay(entry, models);
    if (HasFatalFailure()) return;
  }
  ASSERT_EQ(models.size(), static_cast<std::size_t>(accounts));
  check_receipts(models);
  check_rows(models);
  for (const auto& [key, times] : outside_->carried_out()) {
    EXPECT_EQ(times, 1) << key << " was sent again although it may have happened";
  }
  EXPECT_EQ(lanes.size(), 4U) << "not all lanes took part";
  std::size_t refused = 0;
  for (const auto& [id, asked] : asked_) refused += asked.receipt.done ? 0 : 1;
  EXPECT_GT(refused, 0U) << "nobody ran out of funds: the test shows less than it could";
  std::cout << rounds << " rounds, " << asked_.size() << " commands (" << refused << " refused, "
            << not_decided_ << " tries not decided), " << entries.size() << " entries\n";
}

}  // namespace
}  // namespace pawl::test
