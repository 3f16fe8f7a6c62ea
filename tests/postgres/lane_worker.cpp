// SPDX-License-Identifier: Apache-2.0
//
// One process of a test of several: the tests' bank on an engine, told by lines on its standard
// input what to do, and telling what came of it on its standard output. The outside of its payments
// is whoever reads those lines. worker.h is the other end.
//
//   lane_worker URL SCHEMA [NAME=VALUE...]
//   in:   open ID ACCOUNT BALANCE | deposit ID ACCOUNT AMOUNT | transfer ID FROM TO AMOUNT |
//         send ID ACCOUNT TO AMOUNT LABEL | pay ID ACCOUNT AMOUNT KEY | alarm ID ACCOUNT NAME MS |
//         freeze_process ID ACCOUNT | answer EXCHANGE OUTCOME
//   out:  ready | failed WHY | receipt ID done|refused|error CODE REPEATED VERSION REPLY |
//         exchange NUMBER PURPOSE KEY ATTEMPT
#include <pawl/log.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>

#include "engine/bank_decide.h"

namespace bank {

// Stops the whole process, once, between the lock and the commit of the batch that it is in.
struct FreezeProcess {
  static constexpr std::string_view kind = "bank.freeze_process";
  std::string account;
  auto keys() const { return std::tuple{pawl::Key<Account>{account}}; }
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &FreezeProcess::account)};
  }
};

inline pawl::Decision decide(const FreezeProcess&, LockedAccount& account, const pawl::Context&) {
  static bool done = false;
  PAWL_REQUIRE(guard::exists, account.present(), error::no_account);
  // By raise, not kill: this very thread goes no further.
  if (!std::exchange(done, true)) std::raise(SIGSTOP);
  Account next = *account;
  ++next.ticks;
  return pawl::Change().update(account, next, "was frozen");
}

}  // namespace bank

namespace pawl::test {
namespace {

// One write each: lines of several threads stay whole.
void say(std::string line) {
  line += '\n';
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) ::_exit(1);
}

class Outside final : public EffectHandler {
 public:
  void start(const EffectCall& call, Done done) override {
    int number = 0;
    {
      const std::lock_guard lock(mutex_);
      number = ++begun_;
      open_[number] = std::move(done);
    }
    constexpr std::array<std::string_view, 3> purposes{"perform", "inquire", "poll"};
    say("exchange " + std::to_string(number) + " " +
        std::string(purposes.at(static_cast<std::size_t>(call.purpose))) + " " +
        call.idempotency_key + " " + std::to_string(call.attempt));
  }
  void answered(int number, const std::string& name) {
    Done done;
    {
      const std::lock_guard lock(mutex_);
      const auto found = open_.find(number);
      if (found == open_.end()) return;
      done = std::move(found->second);
      open_.erase(found);
    }
    Outcome outcome = Outcome::unknown;
    const auto names = pawl_names(Outcome());
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names.at(i) == name) outcome = static_cast<Outcome>(i);
    }
    done(EffectAnswer(outcome));
  }

 private:
  std::mutex mutex_;
  int begun_ = 0;
  std::map<int, Done> open_;
};

template <class C>
void submit(Engine& engine, const std::string& id, C command) {
  engine.submit(std::move(command), {"ann", id, ""}, [id](Result<Receipt> receipt) {
    if (!receipt) {
      say("receipt " + id + " error " + std::string(receipt.error().code.code) + " 0 0 -");
      return;
    }
    say("receipt " + id + (receipt->done ? " done " : " refused ") +
        (receipt->code.empty() ? "-" : receipt->code) + (receipt->repeated ? " 1 " : " 0 ") +
        std::to_string(receipt->version) + " " +
        (receipt->reply_json.empty() ? "-" : receipt->reply_json));
  });
}

void carry_out(Engine& engine, Outside& outside, std::istringstream& words) {
  std::string verb;
  std::string id;
  std::string account;
  words >> verb >> id;
  if (verb == "answer") {
    std::string outcome;
    words >> outcome;
    outside.answered(std::stoi(id), outcome);
    return;
  }
  words >> account;
  std::string other;
  std::int64_t amount = 0;
  std::string label;
  if (verb == "open") {
    words >> amount;
    submit(engine, id, bank::Open{account, amount, {}});
  } else if (verb == "deposit") {
    words >> amount;
    submit(engine, id, bank::Deposit{account, amount});
  } else if (verb == "transfer") {
    words >> other >> amount;
    submit(engine, id, bank::Transfer{account, other, amount});
  } else if (verb == "send") {
    words >> other >> amount >> label;
    submit(engine, id, bank::Send{account, other, amount, label});
  } else if (verb == "pay") {
    words >> amount >> label;
    submit(engine, id, bank::Pay{account, amount, label});
  } else if (verb == "alarm") {
    words >> label >> amount;
    submit(engine, id, bank::SetAlarm{account, label, amount, 0});
  } else if (verb == "freeze_process") {
    submit(engine, id, bank::FreezeProcess{account});
  } else {
    say("failed unknown_verb_" + verb);
  }
}

int run(int argc, char** argv) {
  std::map<std::string, int> given{{"lanes", 2},        {"lane_lease_ms", 10'000},
                                   {"idle_ms", 5'000},  {"concurrency", 64},
                                   {"send_ms", 20'000}, {"effect_lease_ms", 30'000}};
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    const auto equals = word.find('=');
    given.at(word.substr(0, equals)) = std::stoi(word.substr(equals + 1));
  }
  EffectPolicy policy = bank::quick_policy();
  policy.concurrency = given["concurrency"];
  policy.send_timeout_ms = given["send_ms"];
  policy.lease_ttl_ms = given["effect_lease_ms"];
  policy.max_attempts = 100;
  Registry registry;
  bank::describe(registry, policy);
  PostgresOptions options;
  options.url = argv[1];
  options.schema = argv[2];
  options.lane_lease_ms = given["lane_lease_ms"];
  options.idle_in_transaction_timeout_ms = given["idle_ms"];
  auto store = open_postgres(options, registry);
  if (!store) {
    say("failed " + store.error().text());
    return 1;
  }
  EngineOptions engine_options;
  engine_options.lanes = given["lanes"];
  engine_options.stop_grace_ms = 500;
  Engine engine(std::move(*store), registry, engine_options);
  const auto outside = std::make_shared<Outside>();
  engine.handle_effect(bank::Payment::kind, outside);
  if (const auto started = engine.start(); !started) {
    say("failed " + started.error().text());
    return 1;
  }
  say("ready");
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    carry_out(engine, *outside, words);
  }
  engine.stop();
  return 0;
}

}  // namespace
}  // namespace pawl::test

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  return pawl::test::run(argc, argv);
}
