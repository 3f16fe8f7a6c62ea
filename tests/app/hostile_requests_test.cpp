// SPDX-License-Identifier: Apache-2.0
//
// A thousand malformed or hostile requests of every kind against the real server: each is refused
// for a reason with a code, none is a 500, and the store holds what it held before, byte for byte,
// but for the receipts of refusals that somebody signed for.
#include <libpq-fe.h>
#include <sqlite3.h>

#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "app/client_options.h"
#include "app/desk_world.h"
#include "app/text_table.h"
#include "net/raw_connection.h"
#include "postgres/server.h"
#include "seed.h"

namespace pawl::app::test {
namespace {

using pawl::test::RawConnection;
using pawl::test::RawResponse;
using pawl::test::TestSchema;
using pawl::test::TestServer;

constexpr int requests = 1'000;

// Each row of each table as one text.
using Dump = std::map<std::string, std::multiset<std::string>>;

using Rows = std::vector<std::vector<std::string>>;

// A request that is refused, as members of a body that the storm then spoils.
struct Base {
  std::string path;
  std::vector<std::pair<std::string, std::string>> members;  // name and raw JSON
};

class HostileRequests : public DeskWorld {
 protected:
  virtual Rows select(const std::string& sql) const = 0;
  // Of the tables that nothing may have changed.
  virtual std::string tables_sql() const = 0;
  void a_thousand_of_them_change_nothing();

  Dump dump() const {
    Dump out;
    for (const auto& table : select(tables_sql())) {
      auto& rows = out[table[0]];
      for (const auto& row : select("SELECT * FROM \"" + table[0] + "\"")) {
        std::string text;
        for (const auto& value : row) text += std::to_string(value.size()) + ":" + value + ";";
        rows.insert(std::move(text));
      }
    }
    return out;
  }
  static std::string quoted(std::string_view text) {
    json::Writer out;
    out.string(text);
    return std::move(out).take();
  }
  static std::string auth_of(const otc::WalletAuth& auth) {
    json::Writer out;
    out.begin_object().field("public_key", auth.public_key).field("signature", auth.signature);
    out.field("timestamp", auth.timestamp_seconds).end_object();
    return std::move(out).take();
  }
  std::size_t pick(std::size_t below) { return random_() % below; }
  template <class T>
  const T& one_of(const std::vector<T>& from) {
    return from[pick(from.size())];
  }
  std::string noise(std::size_t most) {
    std::string out(1 + pick(most), '\0');
    for (char& c : out) c = static_cast<char>(random_() % 256);
    return out;
  }

  std::vector<Base> bases(const Sale& open, const Sale& matched) {
    const std::int64_t now = system_clock().now().seconds();
    otc::CreateOrder create;
    create.amount_micro = sale_micro;
    create.price_nano = 1'000'000'000;
    create.ttl_seconds = 3'600;
    create.nonce = random_nonce();
    create.htlc_hash = otc::htlc_hash_of(open.secret);
    const std::string maker = quoted(maker_.wallet().text());
    const std::string taker = quoted(taker_.wallet().text());
    // The signature of the create is too old, its maker fills the own order, what is cancelled is
    // matched, what is confirmed has another secret: nothing here can succeed, spoilt or not.
    return {
        {"/otc/orders",
         {{"side", quoted("sell")},
          {"pair", quoted("RTC/USDC")},
          {"wallet", maker},
          {"amount_rtc", quoted("1")},
          {"price_per_rtc", quoted("1")},
          {"eth_address", quoted("")},
          {"ttl_seconds", "3600"},
          {"nonce", quoted(create.nonce)},
          {"htlc_hash", quoted(create.htlc_hash)},
          {"wallet_auth", auth_of(maker_.sign_action(create, now - 1'000))}}},
        {order_path(open.id) + "/match",
         {{"wallet", maker},
          {"eth_address", quoted("x")},
          {"wallet_auth", auth_of(maker_.sign_action(otc::MatchOrder{open.id, "x", ""}, now))}}},
        {order_path(matched.id) + "/match",
         {{"wallet", taker},
          {"wallet_auth", auth_of(taker_.sign_action(otc::MatchOrder{matched.id, "", ""}, now))}}},
        {order_path(matched.id) + "/cancel",
         {{"wallet", maker},
          {"wallet_auth", auth_of(maker_.sign_action(otc::CancelOrder{matched.id}, now))}}},
        {order_path(open.id) + "/cancel",
         {{"wallet", taker},
          {"wallet_auth", auth_of(taker_.sign_action(otc::CancelOrder{open.id}, now))}}},
        {order_path(matched.id) + "/confirm",
         {{"secret", quoted(otc::format_secret(open.secret))}, {"quote_tx", quoted("0x1")}}},
        {order_path(matched.id) + "/redrive",
         {{"action", quoted("payout")}, {"reason", quoted("x")}, {"as", quoted("ann")}}}};
  }

  std::string spoilt_value() {
    static const std::vector<std::string> values{"null",
                                                 "true",
                                                 "[]",
                                                 "{}",
                                                 "-1",
                                                 "0",
                                                 "1e400",
                                                 "1e-400",
                                                 "1.5",
                                                 "9223372036854775808",
                                                 "123456789012345678901234567890",
                                                 "NaN",
                                                 "Infinity",
                                                 "0x10",
                                                 "1_000",
                                                 R"("")",
                                                 R"("  ")",
                                                 R"("\u0000")",
                                                 R"("\ud800")",
                                                 R"("\udfff\ud800")",
                                                 "\"\xff\xfe\"",
                                                 "\"\xe2\x80\xae\"",
                                                 R"("1e999999")",
                                                 R"("0.0999995")",
                                                 R"("1.0000001")",
                                                 "\"\xef\xbc\x91\xef\xbc\x90\"",
                                                 R"("-0.5")",
                                                 R"("'; DROP TABLE otc_orders; --")",
                                                 R"("<script>alert(1)</script>")",
                                                 R"("\r\nSet-Cookie: a=b")",
                                                 R"("data: x\n\nevent: order")",
                                                 R"("\u001b[2J")",
                                                 R"("../../etc/passwd")",
                                                 R"("%00%2e%2e")",
                                                 R"([[[[[[[[[[1]]]]]]]]]])",
                                                 R"({"a":{"b":{"c":[]}}})",
                                                 "tru",
                                                 "\"",
                                                 "",
                                                 "'x'"};
    if (pick(12) == 0) return "\"" + std::string(1 + pick(70'000), 'x') + "\"";
    if (pick(12) == 0) return std::string(200 + pick(10'000), '[');
    return one_of(values);
  }
  std::string spoilt_body(Base base) {
    auto& members = base.members;
    for (std::size_t times = pick(3); times > 0; --times) {
      const std::size_t at = pick(members.size());
      switch (pick(5)) {
        case 0:
          if (members.size() > 1) members.erase(members.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        case 1:
          members.push_back(members[at]);
          break;
        case 2:
          members.emplace_back("surprise", spoilt_value());
          break;
        default:
          members[at].second = spoilt_value();
      }
    }
    std::string body = "{";
    for (const auto& [name, value] : members) {
      body += (body.size() > 1 ? "," : "") + quoted(name) + ":" + value;
    }
    body += "}";
    switch (pick(8)) {
      case 0:
        return body.substr(0, pick(body.size()));
      case 1:
        return body.insert(pick(body.size()), noise(4));
      case 2:
        return body + one_of<std::string>({"}", "x", ",{}", std::string(1, '\0'), "{}"});
      case 3:
        return one_of<std::string>({"", "null", "[]", "\"\"", "0", "{}", noise(200)});
      default:
        return body;
    }
  }
  std::string spoilt_headers() {
    static const std::vector<std::string> headers{
        "Idempotency-Key: \r\n",
        "Idempotency-Key: a b\r\n",
        "Idempotency-Key: \xff\xfe\r\n",
        "Idempotency-Key: " + std::string(129, 'k') + "\r\n",
        "If-Match: x\r\n",
        "If-Match: \"999\"\r\n",
        "X-Forwarded-For: 10.0.0.1\r\n",
        "X-Real-IP: 10.0.0.1\r\n",
        "Last-Event-ID: ;--\r\n",
        "Content-Type: text/html\r\n",
        "Authorization: Bearer x\r\n",
        "Authorization: x\r\n",
        "traceparent: 00-00-00-00\r\n",
        "Expect: 200-nothing\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Bad Header: x\r\n",
        "X: \xff\xfe\r\n",
        "X: " + std::string(20'000, 'h') + "\r\n",
        "Host: other\r\n"};
    return pick(3) == 0 ? one_of(headers) : "";
  }
  std::string write_request(const std::vector<Base>& from) {
    const Base& base = one_of(from);
    const std::string body = spoilt_body(base);
    const std::string query =
        pick(6) == 0 ? one_of<std::string>({"?wait_ms=-1", "?wait_ms=1e3", "?wait_ms=99999", "?x=y",
                                            "?wait_ms=1&wait_ms=2", "?%ff", "?wait_ms="})
                     : "";
    return "POST " + base.path + query +
           " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           spoilt_headers() + "\r\n" + body;
  }
  std::string read_request() {
    static const std::vector<std::string> names{"pair",   "side",  "state", "maker",  "limit",
                                                "cursor", "order", "after", "offset", "%00"};
    static const std::vector<std::string> values{"",
                                                 "0",
                                                 "-1",
                                                 "1.5",
                                                 "201",
                                                 "9223372036854775808",
                                                 "100000000000000000000",
                                                 "abc",
                                                 "%ff",
                                                 "%00",
                                                 "%",
                                                 "%zz",
                                                 "'%20OR%201=1--",
                                                 "RTC%2FUSDC%00",
                                                 "RTC/x",
                                                 "open",
                                                 "++",
                                                 "%E2%80%AE",
                                                 "5b226f7264657273225d",
                                                 "00",
                                                 "0-0",
                                                 "1-1-1"};
    static const std::vector<std::string> paths{"/otc/orders", "/otc/trades", "/otc/book",
                                                "/otc/stats",  "/otc/events", "/alerts",
                                                "/effects"};
    std::string target = one_of(paths);
    const std::size_t count = pick(4);
    for (std::size_t i = 0; i < count; ++i) {
      target += (i == 0 ? "?" : "&") + one_of(names) + "=" + one_of(values);
    }
    return one_of<std::string>({"GET ", "GET ", "GET ", "DELETE ", "PUT ", "PATCH ", "get "}) +
           target + " HTTP/1.1\r\nHost: x\r\n" + spoilt_headers() + "\r\n";
  }
  std::string path_request(const Sale& sale) {
    static const std::vector<std::string> ids{"otc_x",
                                              "..",
                                              "%2e%2e",
                                              "a%2Fb",
                                              "%00",
                                              "%ff",
                                              "",
                                              "OTC_00000000000000000000000000000000",
                                              "otc_00000000000000000000000000000000",
                                              "';--",
                                              "%F0%9F%98%80"};
    const std::string id = pick(4) == 0 ? sale.id : one_of(ids);
    const std::string verb = one_of<std::string>(
        {"", "/match", "/confirm", "/cancel", "/redrive", "/nothing", "/", "/match/x", "//cancel"});
    return one_of<std::string>({"GET", "POST", "DELETE", "OPTIONS", "TRACE", "X"}) +
           " /otc/orders/" + id + verb + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n" +
           spoilt_headers() + "\r\n{}";
  }
  std::string raw_request(const std::vector<Base>& from) {
    std::string text = pick(2) == 0 ? noise(400) + "\r\n\r\n" : write_request(from);
    const std::size_t at = pick(text.size());
    if (pick(2) == 0) text.insert(at, noise(3));
    return text.substr(0, at + 1 + pick(text.size() - at));
  }

  std::mt19937_64 random_;
};

void HostileRequests::a_thousand_of_them_change_nothing() {
  const std::uint64_t seed = pawl::test::seed_of_run();
  std::cout << "PAWL_SEED=" << seed << "\n";
  random_.seed(seed);
  ASSERT_TRUE(start_server());
  const Sale open = new_sale();
  ASSERT_EQ(desk().create(maker_, open.terms)->status, 201U);
  const Sale taken = matched();
  const Sale done = confirmed();
  ASSERT_TRUE(reaches(done, "completed"));
  const Dump before = dump();
  const std::string rows_with_entries = "SELECT entries FROM pawl_journal WHERE entries <> '[]'";
  const std::size_t entries_before = select(rows_with_entries).size();
  const auto from = bases(open, taken);
  std::map<int, int> statuses;
  for (int i = 0; i < requests; ++i) {
    const std::size_t kind = pick(8);
    const std::string text = kind < 4   ? write_request(from)
                             : kind < 6 ? read_request()
                             : kind < 7 ? path_request(open)
                                        : raw_request(from);
    RawConnection connection(server_.port());
    ASSERT_TRUE(connection.connected()) << "request " << i;
    connection.send(text);
    // What is cut off would be waited for: end it, as a client that dies does.
    const bool cut = kind == 7;
    if (cut) connection.finish_sending();
    const RawResponse answer = connection.read();
    ++statuses[answer.status];
    const std::string shown = printable(text.substr(0, 600));
    ASSERT_FALSE(connection.timed_out()) << "request " << i << ": " << shown;
    // 501: a transfer coding that the server does not have.
    ASSERT_TRUE(answer.status < 500 || answer.status == 501)
        << answer.body << " to request " << i << ": " << shown;
    const bool reads = text.starts_with("GET ") || text.starts_with("OPTIONS ");
    if (!reads && answer.status != 0) {
      ASSERT_GE(answer.status, 400) << "request " << i << ": " << shown;
    }
    if (answer.status >= 400) {
      const auto problem = json::parse(answer.body);
      ASSERT_TRUE(problem) << answer.body << " to request " << i << ": " << shown;
      EXPECT_FALSE(member_text(*problem, "code").empty()) << answer.body;
      for (const char* inside :
           {"sqlite", "SQLSTATE", "(22021)", "/tmp/", "SELECT", "std::", ".cpp"}) {
        EXPECT_EQ(answer.body.find(inside), std::string::npos) << answer.body;
      }
    } else if (answer.status == 0) {
      EXPECT_TRUE(cut || text.size() > 16'000) << "no answer to request " << i << ": " << shown;
    }
  }
  for (const auto& [status, count] : statuses) std::cout << status << ": " << count << "\n";
  EXPECT_GT(statuses[400], requests / 10);
  EXPECT_GT(statuses[401], 0);
  EXPECT_GT(statuses[404], 0);

  Dump after = dump();
  for (const auto& [table, rows] : before) {
    if (table == "pawl_receipts" || table == "pawl_journal") {
      EXPECT_TRUE(std::includes(after[table].begin(), after[table].end(), rows.begin(), rows.end()))
          << table << " lost rows";
    } else {
      EXPECT_EQ(after[table], rows) << table;
    }
  }
  const auto count = [&](const std::string& sql) { return select(sql)[0][0]; };
  const std::string receipts = std::to_string(before.at("pawl_receipts").size());
  EXPECT_EQ(count("SELECT count(*) FROM pawl_receipts WHERE done <> 0"), receipts)
      << "a new receipt is a refusal's";
  for (const auto& row : select("SELECT principal, kind, code FROM pawl_receipts WHERE "
                                "done = 0")) {
    EXPECT_TRUE(row[0].starts_with("wallet:RTC") || row[0].starts_with("operator:"))
        << row[0] << " used up an id for " << row[1] << ": " << row[2];
  }
  EXPECT_EQ(select(rows_with_entries).size(), entries_before)
      << "a commit of refusals has no entry";
  expect_sound();
}

class HostileToSqlite : public HostileRequests {
 protected:
  Rows select(const std::string& sql) const override {
    Rows out;
    sqlite3* raw = nullptr;
    EXPECT_EQ(sqlite3_open_v2(database().c_str(), &raw, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    sqlite3_busy_timeout(raw, 10'000);
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(raw, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(raw);
    while (sqlite3_step(statement) == SQLITE_ROW) {
      auto& row = out.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, i));
        row.emplace_back(bytes == nullptr ? "" : bytes,
                         static_cast<std::size_t>(sqlite3_column_bytes(statement, i)));
      }
    }
    sqlite3_finalize(statement);
    sqlite3_close(raw);
    return out;
  }
  std::string tables_sql() const override {
    return "SELECT name FROM sqlite_master WHERE type = 'table'";
  }
};

class HostileToPostgres : public HostileRequests {
 protected:
  std::string settings() const override {
    return "[store]\nurl = \"" + TestServer::shared().url() + "\"\nschema = \"" + schema_.name() +
           "\"\n" + HostileRequests::settings();
  }
  Rows select(const std::string& sql) const override {
    Rows out;
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
        PQconnectdb(schema_.url().c_str()), &PQfinish);
    const std::unique_ptr<PGresult, decltype(&PQclear)> rows(PQexec(connection.get(), sql.c_str()),
                                                             &PQclear);
    EXPECT_EQ(PQresultStatus(rows.get()), PGRES_TUPLES_OK) << PQerrorMessage(connection.get());
    for (int r = 0; r < PQntuples(rows.get()); ++r) {
      auto& row = out.emplace_back();
      for (int c = 0; c < PQnfields(rows.get()); ++c) {
        row.emplace_back(PQgetvalue(rows.get(), r, c));
      }
    }
    return out;
  }
  // A lane's row says how long it is held, and counts the commits of refusals.
  std::string tables_sql() const override {
    return "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> "
           "'pawl_lanes'";
  }

  TestSchema schema_;
};

TEST_F(HostileToSqlite, AThousandOfThemChangeNothing) {
  a_thousand_of_them_change_nothing();
}

// Which takes no NUL and nothing that is not UTF-8: that is to be found before it says so.
TEST_F(HostileToPostgres, AThousandOfThemChangeNothing) {
  a_thousand_of_them_change_nothing();
}

// Signed by whom it names, so that nothing but the text is wrong with it.
TEST_F(HostileToPostgres, ATextThatTheDatabaseCannotHoldIsRefusedAsWhatItIs) {
  ASSERT_TRUE(start_server());
  const auto expect_refused = [](const Result<HttpAnswer>& answer, const std::string& what) {
    ASSERT_TRUE(answer) << what << ": " << answer.error().text();
    EXPECT_GE(answer->status, 400U) << what << answer->body.text();
    EXPECT_LT(answer->status, 500U) << what << answer->body.text();
    EXPECT_FALSE(answer->text("code").empty()) << what;
  };
  const std::string bad("0x\0y", 4);
  Sale sale = new_sale();
  sale.terms.address = bad;
  expect_refused(desk().create(maker_, sale.terms), "create");
  const Sale open = new_sale();
  ASSERT_EQ(desk().create(maker_, open.terms)->status, 201U);
  expect_refused(desk().match(taker_, open.id, bad, ""), "match");
  const Sale taken = matched();
  expect_refused(desk().confirm(taken.id, taken.secret, bad), "confirm");
  expect_refused(desk().redrive(taken.id, "payout", "ann", bad), "redrive");
  // The client would not send it so.
  expect_refused(desk().post(order_path(taken.id) + "/confirm",
                             "{\"secret\":" + quoted(otc::format_secret(taken.secret)) +
                                 ",\"quote_tx\":\"0x\xff\"}"),
                 "no UTF-8");
  // And as it should be it goes through.
  EXPECT_EQ(desk().match(taker_, open.id, "", "")->status, 200U);
  EXPECT_EQ(confirm(taken)->status, 200U);
  for (const char* target :
       {"/otc/orders/otc_%00", "/otc/orders?maker=%00", "/otc/orders?pair=RTC%2FUSDC%00",
        "/otc/orders?cursor=%00", "/otc/trades?pair=%00", "/otc/orders/%ff"}) {
    expect_refused(HttpCall(url()).get(target), target);
  }
  expect_sound();
}

}  // namespace
}  // namespace pawl::app::test
