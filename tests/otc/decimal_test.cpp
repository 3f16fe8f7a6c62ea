// SPDX-License-Identifier: Apache-2.0
//
// Decimal text to integers and back, ids, wallets, secrets: tables of the exact answers and
// properties over everything else.
#include "systems/otc/decimal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>

#include "systems/otc/identifiers.h"

namespace pawl::otc {
namespace {

using namespace std::string_literals;

struct Case {
  std::string text;
  std::string expected;  // the integer, or the error's code
};

template <class T>
std::string shown(const Result<T>& result) {
  if (result) return std::to_string(*result);
  return std::string(result.error().code.code);
}

TEST(Amount, ExactAnswers) {
  const std::vector<Case> cases = {
      {"0.099999", "amount_out_of_range"},
      {"0.1", "100000"},
      {"0.100000", "100000"},
      {"00001", "1000000"},
      {"1.5", "1500000"},
      {"100000", "100000000000"},
      {"100000.000001", "amount_out_of_range"},
      {"0.1000000", "amount_too_precise"},
      {"0.0999995", "amount_too_precise"},
      {"-1", "amount_out_of_range"},
      {"-0", "amount_out_of_range"},
      {"0", "amount_out_of_range"},
      {"1e400", "amount_malformed"},
      {"1e999999", "amount_malformed"},
      {"1e-400", "amount_malformed"},
      {"1e1", "amount_malformed"},
      {"NaN", "amount_malformed"},
      {"Infinity", "amount_malformed"},
      {"-Infinity", "amount_malformed"},
      {"0x10", "amount_malformed"},
      {"1_000", "amount_malformed"},
      {"\xef\xbc\x95", "amount_malformed"},  // full-width 5
      {" 5", "amount_malformed"},
      {"5 ", "amount_malformed"},
      {"+5", "amount_malformed"},
      {"--5", "amount_malformed"},
      {"5.", "amount_malformed"},
      {".5", "amount_malformed"},
      {"1.2.3", "amount_malformed"},
      {"1,5", "amount_malformed"},
      {"", "amount_malformed"},
      {"-", "amount_malformed"},
      {".", "amount_malformed"},
      {"5\0"s, "amount_malformed"},
      {std::string(32, '9'), "amount_out_of_range"},
      {"9223372036854775808", "amount_out_of_range"},
      {"18446744073709.551617", "amount_out_of_range"},  // 2^64 + 1 micro
      {std::string(31, '0') + "1", "1000000"},
      {std::string(32, '0') + "1", "amount_malformed"},
      {std::string(1 << 20, '1'), "amount_malformed"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(shown(parse_amount(c.text)), c.expected) << c.text.substr(0, 40);
  }
}

TEST(Amount, LimitsStandInTheDetail) {
  EXPECT_EQ(parse_amount("0").error().detail, "from 0.1 to 100000");
  EXPECT_EQ(parse_price("0").error().detail, "from 0.000000001 to 1000");
}

TEST(Price, ExactAnswers) {
  const std::vector<Case> cases = {
      {"0", "price_out_of_range"},
      {"0.000000001", "1"},
      {"0.0000000005", "price_too_precise"},
      {"0.1", "100000000"},
      {"1000", "1000000000000"},
      {"1000.000000000", "1000000000000"},
      {"1000.000000001", "price_out_of_range"},
      {"1000.0000000001", "price_too_precise"},
      {"-0.1", "price_out_of_range"},
      {"1e1", "price_malformed"},
      {"NaN", "price_malformed"},
      {std::string(32, '9'), "price_out_of_range"},
  };
  for (const auto& c : cases) EXPECT_EQ(shown(parse_price(c.text)), c.expected) << c.text;
}

TEST(Ttl, RefusesOutsideAndNeverClamps) {
  for (const std::int64_t ttl : {INT64_MIN, std::int64_t{-5}, std::int64_t{0}, std::int64_t{1},
                                 std::int64_t{3599}, std::int64_t{2592001}, INT64_MAX}) {
    EXPECT_EQ(shown(check_ttl_seconds(ttl)), "ttl_out_of_range") << ttl;
  }
  for (const std::int64_t ttl : {3600, 604800, 2592000}) EXPECT_EQ(check_ttl_seconds(ttl), ttl);
}

TEST(Amount, WorstTextIsReadInMicroseconds) {
  const std::string text = "99999.999999";
  constexpr int rounds = 10'000;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) ASSERT_TRUE(parse_amount(text));
  const auto each = (std::chrono::steady_clock::now() - begin) / rounds;
  EXPECT_LT(each, std::chrono::microseconds(10));
}

// Case 59, our half: every amount of the range that floating point truncates comes back exactly.
TEST(Amount, EveryMicroFromOneTenthToThreeRoundTrips) {
  for (MicroUnits amount = 100'000; amount <= 3'000'000; ++amount) {
    const auto back = parse_amount(format_amount(amount));
    if (back != amount) FAIL() << amount << " became " << shown(back);
  }
}

RC_GTEST_PROP(Amount, RoundTrips, ()) {
  const auto amount = *rc::gen::inRange(min_amount_micro, max_amount_micro + 1);
  RC_ASSERT(parse_amount(format_amount(amount)).value() == amount);
}

RC_GTEST_PROP(Price, RoundTrips, ()) {
  const auto price = *rc::gen::inRange(min_price_nano, max_price_nano + 1);
  RC_ASSERT(parse_price(format_nano(price)).value() == price);
}

RC_GTEST_PROP(Amount, AnyTextGetsAnAnswerInsideTheLimitsOrAnError, (const std::string& text)) {
  const auto amount = parse_amount(text);
  RC_ASSERT(!amount || (*amount >= min_amount_micro && *amount <= max_amount_micro));
}

TEST(Format, IsTheShortestText) {
  EXPECT_EQ(format_amount(0), "0");
  EXPECT_EQ(format_amount(1), "0.000001");
  EXPECT_EQ(format_amount(1'000'000), "1");
  EXPECT_EQ(format_amount(-1'500'000), "-1.5");
  EXPECT_EQ(format_nano(INT64_MIN), "-9223372036.854775808");
}

TEST(Total, IsExactAndRoundsHalfUp) {
  EXPECT_EQ(total_nano(10'000'000, 100'000'000), 1'000'000'000);
  EXPECT_EQ(total_nano(max_amount_micro, max_price_nano), 100'000'000'000'000'000);
  EXPECT_EQ(total_nano(100'000, 1), 0);  // 0.1 nano
  EXPECT_EQ(total_nano(499'999, 1), 0);  // just below a half
  EXPECT_EQ(total_nano(500'000, 1), 1);  // a half goes up
  EXPECT_EQ(total_nano(1'500'000, 1), 2);
  EXPECT_EQ(total_nano(1'000'001, 999'999'999'999), 1'000'000'999'999);
}

RC_GTEST_PROP(Total, IsWithinHalfANanoOfTheProduct, ()) {
  const auto amount = *rc::gen::inRange(min_amount_micro, max_amount_micro + 1);
  const auto price = *rc::gen::inRange(min_price_nano, max_price_nano + 1);
  // amount = a * 10^6 + b, so that amount * price / 10^6 = a * price + b * price / 10^6.
  const auto a = amount / 1'000'000;
  const auto b = amount % 1'000'000;
  const auto rest = total_nano(amount, price) - a * price;
  const auto error = rest * 1'000'000 - b * price;  // in millionths of a nano
  RC_ASSERT(error > -500'000 && error <= 500'000);
}

TEST(Wallet, OnlyTheCanonicalFormIsOne) {
  const std::string good = "RTC56475aa75463474c0285df5dbf2bcab73da65135";
  ASSERT_TRUE(Wallet::parse(good));
  EXPECT_EQ(Wallet::parse(good)->text(), good);
  std::string upper = good;
  upper[5] = 'A';
  for (const auto& bad :
       {upper, "rtc" + good.substr(3), good + "0", good.substr(0, 42), " " + good, good + " ",
        "RTC"s + std::string(40, 'g'), ""s, good.substr(0, 42) + "\0"s}) {
    ASSERT_FALSE(Wallet::parse(bad)) << bad;
    EXPECT_EQ(Wallet::parse(bad).error().code, wallet_not_canonical);
  }
}

TEST(Wallet, IsStoredAsItsText) {
  Wallet out;
  EXPECT_TRUE(Codec<Wallet>::from_value(Value{std::string()}, out));
  EXPECT_TRUE(out.is_none());
  EXPECT_FALSE(Codec<Wallet>::from_value(Value{std::string("RTC1")}, out));
  EXPECT_FALSE(Codec<Wallet>::from_value(Value{std::int64_t{1}}, out));
}

TEST(Ids, FollowFromWhatTheyName) {
  const auto wallet = *Wallet::parse("RTC56475aa75463474c0285df5dbf2bcab73da65135");
  const std::string nonce = "000102030405060708090a0b0c0d0e0f";
  const auto id = make_order_id(wallet, nonce);
  EXPECT_EQ(id, "otc_" + sha256_hex(wallet.text() + ":" + nonce).substr(0, 32));
  EXPECT_EQ(id, make_order_id(wallet, nonce));
  EXPECT_NE(id, make_order_id(wallet, "100102030405060708090a0b0c0d0e0f"));
  EXPECT_TRUE(parse_order_id(id));
  EXPECT_EQ(make_trade_id(id), make_trade_id(id));
  EXPECT_TRUE(make_trade_id(id).starts_with("trade_"));
  EXPECT_EQ(make_trade_id(id).size(), 38U);
  for (const auto& bad : {"otc_"s, id + "0", "OTC_" + id.substr(4), "../" + id, id + "/"}) {
    EXPECT_FALSE(parse_order_id(bad)) << bad;
  }
  EXPECT_TRUE(parse_nonce(nonce));
  for (const auto& bad : {nonce + "0", nonce.substr(1), "0A" + nonce.substr(2), ""s}) {
    EXPECT_FALSE(parse_nonce(bad)) << bad;
  }
}

TEST(Secret, ExactAnswers) {
  std::string ones;
  for (int i = 0; i < 32; ++i) ones += "11";
  const auto secret = parse_secret(ones);
  ASSERT_TRUE(secret);
  const std::string hash = "02d449a31fbb267c8f352e9968a79e3e5fc95c1bbeaa502fd6454ebde5a4bedc";
  EXPECT_EQ(htlc_hash_of(*secret), hash);
  EXPECT_TRUE(check_secret(*secret, hash));

  Secret other = *secret;
  other.bytes[31] ^= 1;
  EXPECT_EQ(check_secret(other, hash).error().code, secret_wrong);
  EXPECT_EQ(check_secret(*secret, "").error().code, secret_wrong);
  EXPECT_EQ(check_secret(*secret, hash + "0").error().code, secret_wrong);

  const std::string mixed = "aB" + ones.substr(2);
  ASSERT_TRUE(parse_secret(mixed));
  EXPECT_EQ(format_secret(*parse_secret(mixed)), "ab" + ones.substr(2));

  for (const auto& bad : {ones.substr(2), ones + "11", ones.substr(1), "0x" + ones.substr(2),
                          "zz" + ones.substr(2), " 1" + ones.substr(2), ""s}) {
    ASSERT_FALSE(parse_secret(bad)) << bad;
    EXPECT_EQ(parse_secret(bad).error().code, secret_malformed);
  }
}

TEST(Pairs, AnyCaseIsReadAndTheUnknownRefused) {
  EXPECT_EQ(parse_pair("rtc/usdc"), Pair::rtc_usdc);
  EXPECT_EQ(parse_pair("RTC/ETH"), Pair::rtc_eth);
  EXPECT_EQ(parse_pair("Rtc/Erg"), Pair::rtc_erg);
  EXPECT_EQ(parse_pair("RTC/BTC").error().code, pair_unknown);
  EXPECT_EQ(parse_pair("").error().code, pair_unknown);
  EXPECT_EQ(parse_pair(" RTC/ETH").error().code, pair_unknown);
  EXPECT_EQ(quote_currency(Pair::rtc_erg), "ERG");
  EXPECT_EQ(parse_side("SELL"), Side::sell);
  EXPECT_EQ(parse_side("hold").error().code, side_unknown);
}

}  // namespace
}  // namespace pawl::otc
