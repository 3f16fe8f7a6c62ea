// SPDX-License-Identifier: Apache-2.0
#include "check/sql/state_bytes.h"

#include <algorithm>

namespace pawl::check::sql {

namespace {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  template <class T>
  void operator()(T& value) {
    out_ += static_cast<char>(value);
  }

 private:
  std::string& out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  void operator()(T& value) {
    value = static_cast<T>(bytes_[at_++]);
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

// Each part says how it is passed to either: what is not there takes one byte.
template <class Io>
void pass(Io& io, Values& values) {
  for (Number& value : values) io(value);
}

template <class Io>
void pass(Io& io, Image& image) {
  io(image.present);
  if (image.present != 0) pass(io, image.values);
}

template <class Io>
void pass(Io& io, StoredRow& row) {
  io(row.holder);
  pass(io, row.committed);
  if (row.holder == 0) return;
  io(row.changed);
  if (row.changed != 0) pass(io, row.pending);
}

template <class Io>
void pass(Io& io, Session& session, std::size_t rows) {
  io(session.status);
  if (session.status == Status::closed) return;
  for (std::uint8_t* one :
       {&session.driver, &session.stage, &session.written_off, &session.in_transaction,
        &session.uncounted, &session.task, &session.works, &session.waiting_batch, &session.epoch,
        &session.token, &session.unread}) {
    io(*one);
  }
  io(session.pass);
  io(session.waits);
  for (std::size_t i = 0; i < rows; ++i) {
    io(session.cells[i].seen);
    if (session.cells[i].seen == Seen::present) pass(io, session.cells[i].values);
  }
  if (session.waits == Wait::no) return;
  for (std::uint8_t* one : {&session.waits_for, &session.since, &session.at}) io(*one);
  for (std::size_t i = 0; i < rows; ++i) pass(io, session.snapshot[i]);
}

template <class Io>
void pass(Io& io, Driver& driver) {
  for (std::uint8_t* one :
       {&driver.task, &driver.left, &driver.tries, &driver.waiting_batch, &driver.alone,
        &driver.epoch, &driver.session, &driver.lost, &driver.sequence, &driver.doubted,
        &driver.token, &driver.conflicted, &driver.unread}) {
    io(*one);
  }
  io(driver.gone);
}

template <class Io>
void pass(Io& io, State& state, const SqlScenario& scenario) {
  for (std::size_t i = 0; i < scenario.rows.size(); ++i) pass(io, state.rows[i]);
  for (Session& session : state.sessions) pass(io, session, scenario.rows.size());
  for (std::size_t i = 0; i < scenario.drivers.size(); ++i) pass(io, state.drivers[i]);
  for (std::size_t i = 0; i < scenario.works.size(); ++i) {
    io(state.executed[i]);
    io(state.said[i]);
  }
  io(state.faults);
  io(state.writer);
}

}  // namespace

void encode(const State& state, const SqlScenario& scenario, std::string& out) {
  out.clear();
  Writer writer(out);
  State copy = state;
  // Who waits is resumed in any order but in eager scenarios.
  if (!scenario.eager) {
    for (Session& session : copy.sessions) session.since = session.waits == Wait::no ? 0 : 1;
  }
  pass(writer, copy, scenario);
}

State decode(std::string_view bytes, const SqlScenario& scenario) {
  State out;
  Reader reader(bytes);
  pass(reader, out, scenario);
  return out;
}

}  // namespace pawl::check::sql
