// SPDX-License-Identifier: Apache-2.0
//
// What one statement of a round was answered: an owner over libpq's result, in binary form, and
// whether there is an answer at all. Rows are read in place; views live as long as the ResultSet. A
// column is read as what it is: an integer's width is taken from its length, and reading text as an
// integer is a mistake that gives 0, not an error.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "store/postgres/parameters.h"

namespace pawl::postgres {

enum class Answer : std::uint8_t {
  unsent,      // not a byte of it can have left: it has not run
  unanswered,  // it may have run
  done,
  failed,
  skipped  // not run, since one before it in the same transaction failed
};

class ResultSet {
 public:
  ResultSet() = default;
  ResultSet(Answer answer, PGresult* result) : answer_(answer), result_(result) {}

  Answer answer() const { return answer_; }
  bool done() const { return answer_ == Answer::done; }

  int rows() const { return result_ ? PQntuples(result_.get()) : 0; }
  int columns() const { return result_ ? PQnfields(result_.get()) : 0; }
  bool is_null(int row, int column) const;
  // int2, int4, int8, bool, oid, xid8. NULL gives 0.
  std::int64_t integer(int row, int column) const;
  bool boolean(int row, int column) const { return integer(row, column) != 0; }
  // text, varchar, name, json; of jsonb the first byte is its version. NULL gives an empty view.
  std::string_view text_view(int row, int column) const;
  std::span<const unsigned char> blob(int row, int column) const;
  RowPlace row_place(int row, int column) const;
  // Of a tid[] without NULLs. NULL, and what is none, gives no places.
  std::vector<RowPlace> row_places(int row, int column) const;

  // "COMMIT", "INSERT 0 3". A COMMIT of a transaction that had failed is answered "ROLLBACK".
  std::string_view tag() const;
  // How many rows it inserted, updated, deleted or selected.
  std::int64_t affected() const;

 private:
  struct Clear {
    void operator()(PGresult* r) const { PQclear(r); }
  };
  Answer answer_ = Answer::unsent;
  std::unique_ptr<PGresult, Clear> result_;
};

}  // namespace pawl::postgres
