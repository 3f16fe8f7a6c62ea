// SPDX-License-Identifier: Apache-2.0
//
// Conformance of a store, part 3: what a newer, an older or another program has left behind is
// given as it is, refused by name, or brought up to date. Part of the suite that conformance.h
// registers.
#pragma once

#include "store/conformance_fixture.h"

namespace pawl::test {

TYPED_TEST_P(StoreConformance, AnEntityOfANewerBinaryIsGivenAsItIsAndReadAsUnknown) {
  ASSERT_TRUE(this->commit(this->writing({this->account("a", 1), this->account("b", 2)}, true)));
  this->close();
  this->world.sql("UPDATE accounts SET state = 'melted' WHERE id = 'a'");
  this->world.sql("UPDATE accounts SET pawl_schema = 2 WHERE id = 'b'");
  this->reopen();
  for (const char* key : {"a", "b"}) {
    const auto slot = this->look(key);
    EXPECT_TRUE(slot.present) << key;
    bank::Account row;
    EXPECT_FALSE(from_row(std::span<const Value>(slot.row), row)) << key;
    const auto read = this->store->reads().entity(account_ref(key));
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->present);
    EXPECT_FALSE(from_row(std::span<const Value>(read->row), row)) << key;
  }
}

TYPED_TEST_P(StoreConformance, AnotherSchemaIsRefusedByName) {
  this->close();
  constexpr std::string_view adding = "ALTER TABLE accounts ADD COLUMN later INTEGER";
  this->registry.migration({"bank", 2, adding, adding});
  EXPECT_EQ(this->refused_to_open(), schema_older);
  {
    Registry fresh;
    bank::describe(fresh);
    std::swap(this->registry, fresh);
  }
  this->reopen();
  this->close();
  this->world.sql("INSERT INTO pawl_migrations VALUES ('bank', 9, 0)");
  EXPECT_EQ(this->refused_to_open(), schema_newer);
  this->world.sql("DELETE FROM pawl_migrations WHERE number = 9");
  this->reopen();
  this->close();
  this->world.sql("ALTER TABLE accounts ADD COLUMN extra INTEGER");
  EXPECT_EQ(this->refused_to_open(), schema_differs);
  this->world.sql("ALTER TABLE accounts DROP COLUMN extra");
  this->world.sql("ALTER TABLE accounts RENAME COLUMN paid TO payed");
  EXPECT_EQ(this->refused_to_open(), schema_differs);
  this->world.sql("ALTER TABLE accounts RENAME COLUMN payed TO paid");
  this->world.sql("DROP TABLE account_notes");
  EXPECT_EQ(this->refused_to_open(), schema_differs);
}

TYPED_TEST_P(StoreConformance, AnOlderSchemaIsBroughtUpToDateWhenAsked) {
  ASSERT_TRUE(this->commit(this->writing({this->account("a", 7)}, true)));
  this->close();
  // Adds and drops, so that the machine still fits.
  constexpr std::string_view statements =
      "ALTER TABLE accounts ADD COLUMN later INTEGER;"
      "UPDATE accounts SET balance = balance + 1;"
      "ALTER TABLE accounts DROP COLUMN later;";
  this->registry.migration({"bank", 2, statements, statements});
  auto migrated = this->world.open(this->registry, true);
  ASSERT_TRUE(migrated) << migrated.error().text();
  migrated->reset();
  this->reopen();
  EXPECT_EQ(this->look("a").row, to_row(this->account("a", 8)));
}

TYPED_TEST_P(StoreConformance, WhatWaitedInAStoreOfTheVersionBeforeGoesOnWithoutATrace) {
  WriteBatch writes = this->writing({this->account("a", 7)}, true);
  writes.messages_inserted = {
      {31, account_ref("a"), account_ref("b"), "bank.credit", "{}", 1, false, "", "", "lost"}};
  writes.deadlines_armed = {{account_ref("a"), "d", 41, Time{99}, "bank.alarm", "{}", "lost"}};
  protocol::ParkedRow parked;
  parked.id = 51;
  parked.source = "deadline";
  parked.entity = account_ref("a");
  parked.trace_id = "lost";
  writes.parked_inserted = {parked};
  ASSERT_TRUE(this->commit(writes));
  this->close();
  // As the version before had them.
  for (const char* table : {"pawl_messages", "pawl_deadlines", "pawl_parked"}) {
    this->world.sql(std::string("ALTER TABLE ") + table + " DROP COLUMN trace_id");
  }
  this->world.sql("DROP TABLE IF EXISTS pawl_duties");
  this->world.sql("DELETE FROM pawl_migrations WHERE system = 'engine' AND number >= " +
                  std::to_string(TypeParam::inner_tracing_migration));
  EXPECT_EQ(this->refused_to_open(), schema_older) << "never brought up to date unasked";
  auto migrated = this->world.open(this->registry, true);
  ASSERT_TRUE(migrated) << migrated.error().text();
  migrated->reset();
  this->reopen();
  const auto messages = this->found(this->lane->waiting_messages(0, 10));
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].id, 31);
  EXPECT_EQ(messages[0].trace_id, "");
  const auto deadlines = this->found(this->lane->due_deadlines(Time{99}, 10));
  ASSERT_EQ(deadlines.size(), 1U);
  EXPECT_EQ(deadlines[0].arming, 41);
  EXPECT_EQ(deadlines[0].trace_id, "");
  LockRequest request;
  request.parked = {51};
  const auto locked = this->look(request);
  ASSERT_TRUE(locked.parked.at(0));
  EXPECT_EQ(locked.parked[0]->trace_id, "");
}

}  // namespace pawl::test
