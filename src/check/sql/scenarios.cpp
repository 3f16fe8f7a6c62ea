// SPDX-License-Identifier: Apache-2.0
//
// The scenarios: two and three processes on one database, each small enough to be explored to its
// end. In each there is at least one guard that stands between a schedule and a failure.
#include <string>
#include <utility>

#include "check/engine_machines.h"
#include "check/sql/scenario.h"

namespace pawl::check::sql {

namespace {

using engine::Account;

constexpr Number journal_kept = 3;

class Builder {
 public:
  Builder(std::string name, std::string about) {
    out_.name = "sql." + std::move(name);
    out_.about = std::move(about);
    out_.registry = engine::accounts();
  }

  SqlScenario& operator*() { return out_; }
  SqlScenario* operator->() { return &out_; }

  RowId lane(Number id) {
    const RowId row = add(Table::lanes, id, "lane " + std::to_string(id), {1, {1, 1, 0}});
    for (Number sequence = 1; sequence <= journal_kept; ++sequence) {
      add(Table::journal, static_cast<Number>(id * journal_rows + sequence),
          "journal " + std::to_string(id) + "." + std::to_string(sequence), {});
    }
    return row;
  }
  RowId entity(const std::string& name, bool present) {
    return add(Table::entities, ++entities_, name, {present, {present}});
  }
  RowId add(Table table, Number id, std::string name, Image first) {
    out_.rows.push_back({table, id, std::move(name), first});
    return static_cast<RowId>(out_.rows.size() - 1);
  }

  // Under an id of its own, or again under that of an earlier one.
  std::uint8_t request(const std::string& name, std::shared_ptr<const Command> command,
                       RowId entity, int amount, int repeats = -1) {
    SqlWork work;
    work.name = name;
    work.command = std::move(command);
    work.entity = entity;
    work.amount = amount;
    work.id = name;
    if (repeats >= 0) {
      work.id = out_.works[static_cast<std::size_t>(repeats)].id;
      work.source = out_.works[static_cast<std::size_t>(repeats)].source;
    } else {
      work.source = add(Table::receipts, ++receipts_, "receipt of " + name, {});
    }
    return push(std::move(work));
  }
  std::uint8_t addition(const std::string& name, RowId entity, int amount, int repeats = -1) {
    engine::Add command;
    command.account = out_.rows[entity].name;
    command.amount = amount;
    return request(name, make_command(std::move(command)), entity, amount, repeats);
  }
  std::uint8_t of(WorkKind kind, const std::string& name, RowId entity, RowId source, int amount) {
    SqlWork work;
    work.kind = kind;
    work.name = name;
    work.entity = entity;
    work.source = source;
    work.amount = amount;
    return push(std::move(work));
  }

  void driver(RowId lane, std::uint8_t epoch, std::vector<Task> tasks, bool waits = false) {
    out_.drivers.push_back({lane, epoch, std::move(tasks), waits});
  }

 private:
  std::uint8_t push(SqlWork work) {
    out_.works.push_back(std::move(work));
    return static_cast<std::uint8_t>(1U << (out_.works.size() - 1));
  }

  SqlScenario out_;
  Number entities_ = 0;
  Number receipts_ = 0;
};

Task batch(int works) {
  return {TaskKind::batch, static_cast<std::uint8_t>(works), false};
}
// One whose commit renews the lane's lease in passing.
Task renewing(int works) {
  return {TaskKind::batch, static_cast<std::uint8_t>(works), true};
}
// One that leaves its receipts to their unique key, at first.
Task unread(int works) {
  return {TaskKind::batch, static_cast<std::uint8_t>(works), false, true};
}
// One whose first pass looks for its rows where they were.
Task at_places(int works) {
  Task task = batch(works);
  task.at_places = true;
  return task;
}
constexpr Task take_over{TaskKind::take_over, 0, false};
constexpr Task renew{TaskKind::renew, 0, false};

SqlScenario one_entity() {
  Builder b("one_entity",
            "two processes change one entity, and one of them repeats the other's request");
  const RowId one = b.lane(1);
  const RowId two = b.lane(2);
  const RowId north = b.entity("north", true);
  const auto first = b.addition("add 1", north, 1);
  const auto second = b.addition("add 2", north, 2);
  const auto repeated = b.addition("add 1 again", north, 1, 0);
  b.driver(one, 1, {batch(first)});
  b.driver(two, 1, {renewing(second | repeated)});
  b->faults = 1;
  return std::move(*b);
}

// Each batch leads two versions further: a version that is below the one written is not yet the one
// that was locked.
SqlScenario folded() {
  Builder b("folded", "two processes each change one entity twice in one batch");
  const RowId one = b.lane(1);
  const RowId two = b.lane(2);
  const RowId north = b.entity("north", true);
  const auto first = b.addition("add 1", north, 1);
  const auto second = b.addition("add 2", north, 2);
  const auto third = b.addition("add 3", north, 3);
  const auto fourth = b.addition("add 4", north, 4);
  b.driver(one, 1, {batch(first | second)});
  b.driver(two, 1, {batch(third | fourth)});
  b->faults = 1;
  b->max_tries = 2;
  return std::move(*b);
}

SqlScenario three() {
  Builder b("three", "three processes change one entity");
  const RowId lanes[] = {b.lane(1), b.lane(2), b.lane(3)};
  const RowId north = b.entity("north", true);
  for (int i = 0; i < 3; ++i) {
    const auto work = b.addition("add " + std::to_string(i + 1), north, i + 1);
    b.driver(lanes[i], 1, {i == 2 ? renewing(work) : batch(work)});
  }
  b->faults = 1;
  b->max_tries = 2;
  return std::move(*b);
}

SqlScenario create() {
  Builder b("create", "two processes create one entity, and one repeats the other's request");
  const RowId one = b.lane(1);
  const RowId two = b.lane(2);
  const RowId north = b.entity("north", false);
  const auto first = b.addition("add 1", north, 1);
  const auto second = b.addition("add 2", north, 2);
  const auto repeated = b.addition("add 1 again", north, 1, 0);
  b.driver(one, 1, {batch(first)});
  b.driver(two, 1, {renewing(second), batch(repeated)});
  b->faults = 1;
  return std::move(*b);
}

SqlScenario repeats() {
  Builder b("repeats", "two processes that look no receipts up repeat each other's requests");
  const RowId one = b.lane(1);
  const RowId two = b.lane(2);
  const RowId north = b.entity("north", true);
  const auto first = b.addition("add 1", north, 1);
  const auto second = b.addition("add 2", north, 2);
  const auto repeated = b.addition("add 1 again", north, 1, 0);
  const auto other = b.addition("add 2 again", north, 2, 1);
  b.driver(one, 1, {unread(first), unread(other)});
  b.driver(two, 1, {unread(second | repeated)});
  b->faults = 1;
  b->max_tries = 2;
  return std::move(*b);
}

SqlScenario places() {
  Builder b("places", "a process looks for two rows where it left them; another moves one of them");
  const RowId one = b.lane(1);
  const RowId two = b.lane(2);
  const RowId north = b.entity("north", true);
  const RowId south = b.entity("south", true);
  const auto first = b.addition("add 1", north, 1);
  const auto second = b.addition("add 2 south", south, 2);
  const auto repeated = b.addition("add 1 again", north, 1, 0);
  b.driver(one, 1, {at_places(repeated | second)});
  b.driver(two, 1, {renewing(first)});
  b->faults = 1;
  return std::move(*b);
}

SqlScenario two_entities(bool present) {
  Builder b(present ? "two_entities" : "two_creates",
            present ? "two processes wait for the same two entities"
                    : "two processes create the same two entities");
  const RowId one = b.lane(1);
  const RowId two = b.lane(2);
  const RowId north = b.entity("north", present);
  const RowId south = b.entity("south", present);
  const auto a = b.addition("add 1 north", north, 1);
  const auto c = b.addition("add 1 south", south, 1);
  const auto d = b.addition("add 2 south", south, 2);
  const auto e = b.addition("add 2 north", north, 2);
  b.driver(one, 1, {batch(a | c)}, true);
  b.driver(two, 1, {batch(d | e)}, true);
  b->faults = 1;
  return std::move(*b);
}

SqlScenario stale_holder() {
  Builder b("stale_holder", "a lane is taken over from one that is only slow");
  const RowId lane = b.lane(1);
  const RowId north = b.entity("north", true);
  const auto first = b.addition("add 1", north, 1);
  const auto second = b.addition("add 2", north, 2);
  const auto third = b.addition("add 3", north, 3);
  b.driver(lane, 1, {batch(first), renew, renewing(second)});
  b.driver(lane, 0, {take_over, batch(third)});
  b->faults = 1;
  b->max_tries = 2;
  return std::move(*b);
}

SqlScenario take_overs() {
  Builder b("take_overs", "two take one lane over at once, beside its holder");
  const RowId lane = b.lane(1);
  const RowId north = b.entity("north", true);
  const RowId south = b.entity("south", true);
  const auto first = b.addition("add 1", north, 1);
  const auto second = b.addition("add 2", south, 2);
  const auto third = b.addition("add 3", south, 3);
  b.driver(lane, 1, {batch(first)});
  b.driver(lane, 0, {take_over, renewing(second)});
  b.driver(lane, 0, {take_over, batch(third)});
  b->max_tries = 2;
  return std::move(*b);
}

SqlScenario in_doubt(bool renews) {
  Builder b(renews ? "in_doubt_renewing" : "in_doubt",
            renews ? "the same of a commit that renews its lane's lease"
                   : "the answer to a COMMIT is lost, and the lane is taken over meanwhile");
  const RowId lane = b.lane(1);
  const RowId north = b.entity("north", true);
  const RowId south = b.entity("south", true);
  const auto first = b.addition("add 1", north, 1);
  const auto second = b.addition("add 2", south, 2);
  b.driver(lane, 1, {renews ? renewing(first) : batch(first)});
  b.driver(lane, 0, {take_over, batch(second)});
  b->faults = 2;
  b->max_tries = 2;
  return std::move(*b);
}

SqlScenario claim() {
  Builder b("claim", "two processes claim one effect, and report how it ended");
  b->registry = engine::jobs(ResendRule::dedup);
  const RowId one = b.lane(1);
  const RowId two = b.lane(2);
  const RowId job = b.entity("job", true);
  const RowId effect = b.add(Table::effects, 1, "effect", {1, {0, 0, 0}});
  const auto first = b.of(WorkKind::claim, "p1's claim", job, effect, 0);
  const auto second = b.of(WorkKind::claim, "p2's claim", job, effect, 0);
  const auto first_answer = b.of(WorkKind::answer, "p1's answer", job, effect, 0);
  const auto second_answer = b.of(WorkKind::answer, "p2's answer", job, effect, 0);
  b.driver(one, 1, {batch(first), batch(first_answer)});
  b.driver(two, 1, {batch(second), batch(second_answer)});
  b->faults = 1;
  b->max_tries = 2;
  return std::move(*b);
}

SqlScenario messages() {
  Builder b("messages", "two lanes each send and deliver a message of one pair");
  const RowId lanes[] = {b.lane(1), b.lane(2)};
  const RowId north = b.entity("north", true);
  const RowId south = b.entity("south", true);
  for (int i = 0; i < 2; ++i) {
    const std::string who = "p" + std::to_string(i + 1);
    engine::Send command;
    command.account = "north";
    command.to = "south";
    const auto send = b.request(who + "'s send", make_command(command), north, 0);
    const RowId row = b.add(Table::messages, static_cast<Number>(i + 1), who + "'s message", {});
    const auto deliver = b.of(WorkKind::message, who + "'s delivery", south, row, 1);
    b.driver(lanes[i], 1, {batch(send), batch(deliver)});
  }
  b->faults = 1;
  b->max_tries = 2;
  return std::move(*b);
}

// On a store where one transaction writes at a time.
SqlScenario one_writer(SqlScenario scenario) {
  scenario.name += "_immediate";
  scenario.about += ", one writer at a time";
  scenario.one_writer = true;
  return scenario;
}

}  // namespace

// The largest comes last.
std::vector<SqlScenario> scenarios() {
  return {one_entity(),
          folded(),
          create(),
          repeats(),
          places(),
          two_entities(true),
          two_entities(false),
          stale_holder(),
          take_overs(),
          in_doubt(false),
          in_doubt(true),
          claim(),
          messages(),
          one_writer(one_entity()),
          one_writer(create()),
          one_writer(repeats()),
          one_writer(two_entities(true)),
          one_writer(in_doubt(false)),
          one_writer(messages()),
          three()};
}

}  // namespace pawl::check::sql
