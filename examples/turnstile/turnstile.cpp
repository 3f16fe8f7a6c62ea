// SPDX-License-Identifier: Apache-2.0
//
// A complete machine of one's own, on a table of one's own: a turnstile that a coin opens, that one
// person may pass, and that locks itself again when nobody does. docs/tutorial.md walks through it.
//
//   turnstile [FILE]     runs a short story on the SQLite file (default turnstile.db)
#include "turnstile.h"

#include <pawl/engine.h>

#include <cstdio>

int main(int argc, char** argv) {
  pawl::Registry registry;
  turnstile::declare(registry);

  auto store = pawl::open_sqlite({.path = argc > 1 ? argv[1] : "turnstile.db"}, registry);
  if (!store) return std::fprintf(stderr, "%s\n", store.error().text().c_str()), 1;
  pawl::Engine engine(std::move(*store), registry, {});
  if (auto started = engine.start(); !started) return 1;

  // Ids make commands idempotent: run this again on the same file and nobody passes twice.
  auto coin = engine.call(turnstile::Coin{"north"}, {.principal = "ann", .id = "coin-1"});
  auto push = engine.call(turnstile::Push{"north"}, {.principal = "ann", .id = "push-1"});
  auto again = engine.call(turnstile::Push{"north"}, {.principal = "ann", .id = "push-1"});
  auto second = engine.call(turnstile::Push{"north"}, {.principal = "bob", .id = "push-2"});
  const auto row = engine.read(pawl::Key<turnstile::Turnstile>{"north"});
  if (!coin || !push || !again || !second || !row || !*row) return 1;
  std::printf("ann's push: %s; repeated: %s; bob without a coin: %s; passed: %lld\n",
              push->done ? "done" : "refused", again->repeated ? "the same receipt" : "?!",
              second->code.c_str(), static_cast<long long>((*row)->row.passed));
  return push->done && again->repeated && second->code == "turnstile_locked" &&
                 (*row)->row.passed == 1
             ? 0
             : 1;
}
