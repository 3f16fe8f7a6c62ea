// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/duties.h"

#include <pawl/log.h>

#include "store/postgres/lane_holder.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

Duties::Duties(const LaneShared& shared) : shared_(shared), self_(new_holder()) {}

Result<ResultSet> Duties::ask(std::string_view sql, const Parameters& parameters) {
  if (!connection_ || !connection_->alive()) {
    auto opened = Connection::open(session_options(shared_.options, "duties"));
    if (!opened) return std::unexpected(opened.error());
    connection_.emplace(std::move(*opened));
  }
  Pipeline round(*connection_);
  round.add(std::string(sql), parameters);
  auto outcome =
      round.run(deadline_in(shared_.options.statement_timeout_ms + shared_.options.tcp_timeout_ms));
  if (!outcome) return std::unexpected(store_error(outcome.error()));
  return std::move(outcome.results[0]);
}

Result<bool> Duties::take(std::string_view duty, int lease_ms) {
  const std::lock_guard lock(mutex_);
  const std::int64_t lease_us = std::int64_t{lease_ms} * 1'000;
  const auto rows = ask("SELECT holder, held_until_us, held_until_us - " + std::string(now_us_sql) +
                            " FROM pawl_duties WHERE name = $1",
                        Parameters().text(duty));
  if (!rows) return std::unexpected(rows.error());
  if (rows->rows() == 0) {
    const auto made =
        ask("INSERT INTO pawl_duties (name, holder, held_until_us) VALUES ($1, $2, " +
                std::string(now_us_sql) + " + $3) ON CONFLICT (name) DO NOTHING RETURNING 1",
            Parameters().text(duty).text(self_).integer(lease_us));
    if (!made) return std::unexpected(made.error());
    return made->rows() == 1;
  }
  const std::string holder = text_of(*rows, 0, 0);
  const std::int64_t until_us = rows->integer(0, 1);
  const std::int64_t left_us = rows->integer(0, 2);
  const bool ours = holder == self_ && left_us > 0;
  // As a lane's row it is written once a part of the lease has passed, not each time.
  if (ours && left_us > lease_us - lease_us / 4) return true;
  if (!ours && left_us > 0 && !are_provably_dead(holder)) return false;
  const auto taken =
      ask("UPDATE pawl_duties SET holder = $2, held_until_us = " + std::string(now_us_sql) +
              " + $3 WHERE name = $1 AND holder = $4 AND held_until_us = $5 RETURNING 1",
          Parameters().text(duty).text(self_).integer(lease_us).text(holder).integer(until_us));
  if (!taken) return std::unexpected(taken.error());
  return taken->rows() == 1;
}

void Duties::leave(std::string_view duty) {
  const std::lock_guard lock(mutex_);
  const auto left =
      ask("UPDATE pawl_duties SET holder = '', held_until_us = 0 WHERE name = $1 AND holder = $2",
          Parameters().text(duty).text(self_));
  // Then its lease ends it.
  if (!left) log::warn("duty_not_left", {{"duty", duty}, {"error", left.error().text()}});
}

}  // namespace pawl::postgres
