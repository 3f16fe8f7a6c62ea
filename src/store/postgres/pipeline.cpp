// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/pipeline.h"

#include <openssl/ssl.h>

#include <algorithm>

#include "store/postgres/wait.h"

namespace pawl::postgres {
namespace {

// libpq begins to send by itself once it holds 64 KiB; what is counted here is never less than
// that.
constexpr std::size_t held_back_bytes = std::size_t{32} << 10;
// Of a statement's messages, beside its name, SQL and parameters; and of each parameter.
constexpr std::size_t statement_bytes = 128;
constexpr std::size_t parameter_bytes = 16;
// How much of an unnamed statement's SQL stands for its name in messages.
constexpr std::size_t shown_sql_length = 60;

// The number in the first name: those that follow have as many digits.
constexpr std::int64_t first_prepared = 1'000'000;

std::size_t message_bytes(const Parameters& parameters) {
  return parameters.byte_size() + parameters.size() * parameter_bytes;
}

std::vector<Oid> oids_of(std::span<const Type> types) {
  std::vector<Oid> oids;
  oids.reserve(types.size());
  for (const auto type : types) oids.push_back(static_cast<Oid>(type));
  return oids;
}

// What TLS has already taken off the socket, which poll() therefore does not see.
bool decrypted_waits(PGconn* handle) {
  if (PQsslInUse(handle) == 0) return false;
  auto* tls = static_cast<SSL*>(PQsslStruct(handle, "OpenSSL"));
  return tls != nullptr && SSL_pending(tls) > 0;
}

std::string reason(PGconn* handle) {
  std::string said = PQerrorMessage(handle);
  while (said.ends_with('\n')) said.pop_back();
  return said.empty() ? "the connection is closed" : said;
}

}  // namespace

bool Outcome::in_doubt(std::size_t statement) const {
  return statement < results.size() && results[statement].answer() == Answer::unanswered;
}

bool Outcome::warned(std::size_t statement) const {
  return std::any_of(warnings.begin(), warnings.end(),
                     [statement](const Warning& w) { return w.statement == statement; });
}

Pipeline::Pipeline(Connection& connection) : core_(connection.core_.get()) {
  if (core_ == nullptr || core_->handle == nullptr || core_->busy) {
    broken_ = true;
    return;
  }
  core_->warnings.clear();
}

Pipeline::~Pipeline() {
  if (!ran_ && core_ != nullptr && core_->busy) core_->end();
}

bool Pipeline::begin(const std::string& name) {
  names_.push_back(name);
  results_.emplace_back();
  synced_ = false;
  return !broken_;
}

void Pipeline::sent_to_libpq(bool accepted, Step step, std::size_t bytes) {
  core_->busy = true;
  queued_bytes_ += bytes;
  const bool may_flush = step == Step::sync || queued_bytes_ >= held_back_bytes;
  if (may_flush) may_be_sent_ = results_.size();
  if (!accepted) {
    break_off(reason(core_->handle));
    return;
  }
  expected_.push_back({step, results_.empty() ? 0 : results_.size() - 1});
}

std::size_t Pipeline::add(const Statement& statement, const Parameters& parameters) {
  const std::size_t index = results_.size();
  if (!begin(statement.name)) return index;
  const bool fits = std::equal(statement.types.begin(), statement.types.end(),
                               parameters.types().begin(), parameters.types().end());
  if (!fits || parameters.mistyped() || parameters.byte_size() > max_parameter_bytes) {
    misuse("the parameters are not of the statement's types, or too large");
    return index;
  }
  const auto [known, added] = core_->prepared.try_emplace(statement.name);
  auto& prepared = known->second;
  if (added) {
    // The server takes no more than 63 bytes of a name. All are of one length, so that a statement
    // is the same bytes on every connection, whatever was prepared there before.
    prepared = {statement.sql, "p" + std::to_string(first_prepared + core_->prepared_so_far++)};
    const auto oids = oids_of(statement.types);
    const int accepted = PQsendPrepare(core_->handle, prepared.name.c_str(), statement.sql.c_str(),
                                       static_cast<int>(oids.size()), oids.data());
    sent_to_libpq(accepted == 1, Step::prepare, statement.sql.size() + statement_bytes);
    if (broken_) return index;
  } else if (prepared.sql != statement.sql) {
    misuse("two statements have one name");
    return index;
  }
  const int accepted =
      PQsendQueryPrepared(core_->handle, prepared.name.c_str(), static_cast<int>(parameters.size()),
                          parameters.values(), parameters.lengths(), parameters.formats(), 1);
  sent_to_libpq(accepted == 1, Step::statement,
                prepared.name.size() + message_bytes(parameters) + statement_bytes);
  return index;
}

std::size_t Pipeline::add(const std::string& sql) {
  return add(sql, Parameters());
}

std::size_t Pipeline::add(const std::string& sql, const Parameters& parameters) {
  const std::size_t index = results_.size();
  if (!begin(sql.substr(0, shown_sql_length))) return index;
  if (parameters.mistyped() || parameters.byte_size() > max_parameter_bytes) {
    misuse("the parameters are mistyped or too large");
    return index;
  }
  const auto oids = oids_of(parameters.types());
  const int accepted = PQsendQueryParams(
      core_->handle, sql.c_str(), static_cast<int>(parameters.size()), oids.data(),
      parameters.values(), parameters.lengths(), parameters.formats(), 1);
  sent_to_libpq(accepted == 1, Step::statement,
                sql.size() + message_bytes(parameters) + statement_bytes);
  return index;
}

void Pipeline::sync() {
  if (broken_) return;
  sent_to_libpq(PQpipelineSync(core_->handle) == 1, Step::sync, 0);
  synced_ = true;
}

Outcome Pipeline::run(Deadline deadline) {
  ran_ = true;
  if (!broken_ && !synced_) sync();
  while (!broken_ && !complete()) {
    const int unsent = PQflush(core_->handle);
    // Also where sending failed: what the server said last is still there to be read.
    if (!read_results() || complete()) break;
    if (unsent < 0 || PQstatus(core_->handle) == CONNECTION_BAD) {
      break_off(reason(core_->handle));
      break;
    }
    if (decrypted_waits(core_->handle)) {
      if (PQconsumeInput(core_->handle) == 0) break_off(reason(core_->handle));
      continue;
    }
    // Also readable while there is more to send: a server that nobody reads from stops reading,
    // too.
    const short events = unsent == 1 ? POLLIN | POLLOUT : POLLIN;
    const bool last_look = std::chrono::steady_clock::now() >= deadline;
    const short ready = wait_for(PQsocket(core_->handle), events, deadline);
    const bool ended = ready != 0 && (ready & ~POLLOUT) != 0 && PQconsumeInput(core_->handle) == 0;
    if (ready != 0 && !ended && !last_look) continue;
    // What came before the end, or just in time, counts.
    if (read_results() && !complete()) {
      break_off(ended ? reason(core_->handle) : "no answer in time");
    }
  }
  return finish();
}

// Takes what can be had without waiting. False: nothing more will come.
bool Pipeline::read_results() {
  while (!broken_ && !complete()) {
    core_->current_statement = expected_[next_].statement;
    if (PQisBusy(core_->handle) != 0) return true;
    PGresult* result = PQgetResult(core_->handle);
    if (!(result == nullptr ? take_end() : take(result))) return false;
  }
  return !broken_;
}

bool Pipeline::take_end() {
  if (!have_result_) {
    break_off(reason(core_->handle));
    return false;
  }
  have_result_ = false;
  // A transaction that failed at its end: the Sync itself is still to be answered.
  if (expected_[next_].step != Step::sync) ++next_;
  return true;
}

bool Pipeline::take(PGresult* result) {
  const auto expected = expected_[next_];
  switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
      PQclear(result);
      if (expected.step != Step::sync) {
        break_off("the server answered out of turn");
        return false;
      }
      ++next_;
      return true;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      answer(Answer::done, result);
      return true;
    case PGRES_PIPELINE_ABORTED:
      answer(Answer::skipped, result);
      return true;
    case PGRES_FATAL_ERROR: {
      SqlError error = error_of(result, names_.empty() ? "" : names_[expected.statement]);
      if (error.kind == SqlErrorKind::connection_lost) {
        // The server, or a pooler before it, has hung up: what it was at may have been carried out.
        PQclear(result);
        fail(expected.statement, std::move(error));
        break_off({});
        return false;
      }
      fail(expected.statement, std::move(error));
      answer(Answer::failed, result);
      return true;
    }
    default:
      PQclear(result);
      break_off("the server answered with what was not asked for");
      return false;
  }
}

void Pipeline::answer(Answer answer, PGresult* result) {
  const auto expected = expected_[next_];
  have_result_ = true;
  ResultSet owned(answer, result);
  if (expected.step == Step::prepare) {
    if (answer == Answer::done) return;
    core_->prepared.erase(names_[expected.statement]);
    // Its execution will be reported as skipped; the reason is here.
    if (answer == Answer::failed) results_[expected.statement] = std::move(owned);
    return;
  }
  auto& kept = results_[expected.statement];
  // At a Sync it is what the implicit transaction's end failed of, as a deferred constraint does.
  if (kept.answer() != Answer::failed) kept = std::move(owned);
}

void Pipeline::fail(std::size_t at, SqlError error) {
  if (failure_) return;
  failure_ = std::move(error);
  failed_at_ = at;
}

void Pipeline::break_off(std::string why) {
  broken_ = true;
  const std::size_t at = next_ < expected_.size() ? expected_[next_].statement : results_.size();
  fail(at, lost(std::move(why), at < names_.size() ? names_[at] : ""));
  if (core_ != nullptr) core_->end();
}

void Pipeline::misuse(std::string why) {
  SqlError error = lost(std::move(why), names_.back());
  error.kind = SqlErrorKind::other;
  fail(results_.size() - 1, std::move(error));
  break_off({});
}

Outcome Pipeline::finish() {
  if (broken_ && !failure_) break_off("the connection is closed, or another round is under way");
  Outcome outcome;
  std::size_t answered = 0;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    auto& result = results_[i];
    if (result.answer() != Answer::unsent) {
      ++answered;
    } else if (i < may_be_sent_) {
      result = ResultSet(Answer::unanswered, nullptr);
    }
  }
  if (!broken_) {
    core_->busy = false;
    outcome.progress = Progress::answered;
  } else if (answered > 0) {
    outcome.progress = Progress::partly_answered;
  } else {
    outcome.progress = may_be_sent_ > 0 ? Progress::sent : Progress::nothing_sent;
  }
  outcome.results = std::move(results_);
  if (core_ != nullptr) outcome.warnings = std::move(core_->warnings);
  outcome.failure = std::move(failure_);
  outcome.failed_at = failed_at_;
  return outcome;
}

std::expected<ResultSet, SqlError> run_one(Connection& connection, const Statement& statement,
                                           const Parameters& parameters, Deadline deadline) {
  Pipeline round(connection);
  round.add(statement, parameters);
  auto outcome = round.run(deadline);
  if (!outcome) return std::unexpected(std::move(*outcome.failure));
  return std::move(outcome.results[0]);
}

std::expected<ResultSet, SqlError> run_one(Connection& connection, const std::string& sql,
                                           Deadline deadline) {
  Pipeline round(connection);
  round.add(sql);
  auto outcome = round.run(deadline);
  if (!outcome) return std::unexpected(std::move(*outcome.failure));
  return std::move(outcome.results[0]);
}

}  // namespace pawl::postgres
