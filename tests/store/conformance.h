// SPDX-License-Identifier: Apache-2.0
//
// What every store must do, stated once against the Store interface. A store's test file names a
// world (how to open such a store, and how to reach behind its back with SQL) and instantiates:
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, StoreConformance, SqliteWorld);
//
// A world has: Result<StoreHandle> open(const Registry&, bool migrate); void sql(const char*); and
// the number of the engine's migration that gave messages, deadlines and parked commands a trace.
#pragma once

#include <gtest/gtest.h>

#include "store/conformance_fixture.h"
#include "store/conformance_journal.h"
#include "store/conformance_reads.h"
#include "store/conformance_retention.h"
#include "store/conformance_schema.h"
#include "store/conformance_writes.h"

namespace pawl::test {

REGISTER_TYPED_TEST_SUITE_P(
    StoreConformance, AnEmptyStoreHasNothing, EveryTableGivesBackWhatWasWritten,
    AnUpdateReplacesTheWholeRow, AnEffectsEveryFieldIsReplaced,
    RowsThatAreAlikeInSomeColumnsComeBackAsTheyWereWritten, AbandonLeavesNothing,
    AConflictRollsBackTheWholeBatch, AReceiptThatWasNotLookedUpVoidsTheCommitThatRepeatsIt,
    ARowThatAnotherHasChangedIsNotOverwritten, WhatIsGoneIsNotConsumedTwice, TheJournalHasNoGaps,
    TheJournalIsReadOnFromAnyPlace, APlaceThatTheJournalDoesNotHaveIsRefused,
    RecordsAreTheNewestOfTheirEntityOldestFirst, ScansAreOrderedAndBounded,
    AlertsAreMergedByTheirKey, WhatBelongsToUnknownMachinesIsLeftAlone,
    ProgressCountsWhatWaitsAndSinceWhen, QueriesNameDeclaredColumnsOnly,
    AnEntityOfANewerBinaryIsGivenAsItIsAndReadAsUnknown, AnotherSchemaIsRefusedByName,
    AnOlderSchemaIsBroughtUpToDateWhenAsked,
    WhatWaitedInAStoreOfTheVersionBeforeGoesOnWithoutATrace,
    OldReceiptsAreRemovedAFewAtATimeAndNoOthers, AWalkGoesOnWhereItStoodWhenTheStoreIsOpenedAgain,
    AStoreThatWasTakenOverRemovesNothing, OldEffectsGoOnceNobodySpeaksOfThem,
    AnAlertOfAnEndedEffectKeepsItOrDoesWithoutIt, OnlyAcknowledgedAlertsAreRemoved,
    TheJournalsEndStaysAndItsSequenceGoesOn, RecordsAreAsOldAsTheirCommit,
    OpenAlertsAreDeliveredOnceForEachChange);

}  // namespace pawl::test
