// SPDX-License-Identifier: Apache-2.0
//
// The signed texts, byte for byte against the reference's vectors, and every refusal in its order.
#include "systems/otc/authorization.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/json.h"
#include "systems/otc/canonical_json.h"

namespace pawl::otc {
namespace {

using namespace std::string_literals;

constexpr std::int64_t vector_time = 1'760'000'000;

SigningKey vector_key() {
  std::array<unsigned char, 32> seed;
  for (unsigned i = 0; i < 32; ++i) seed[i] = static_cast<unsigned char>(i);
  return SigningKey::from_seed(seed);
}

CreateOrder sell_order() {
  CreateOrder order;
  order.amount_micro = 10'000'000;
  order.price_nano = 100'000'000;
  order.ttl_seconds = 604'800;
  order.eth_address = "0xabc";
  order.nonce = "000102030405060708090a0b0c0d0e0f";
  order.htlc_hash = "02d449a31fbb267c8f352e9968a79e3e5fc95c1bbeaa502fd6454ebde5a4bedc";
  return order;
}

TEST(Vectors, KeyAndWallet) {
  EXPECT_EQ(vector_key().public_key_hex(),
            "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
  EXPECT_EQ(vector_key().wallet().text(), "RTC56475aa75463474c0285df5dbf2bcab73da65135");
}

// The reference's create has neither nonce nor hash: its field set, through our encoder.
TEST(Vectors, ReferenceCreate) {
  CanonicalObject object;
  object.set("action", "create_order").set("order_id", "create_order");
  object.set("wallet", vector_key().wallet().text()).set("timestamp", vector_time);
  object.set("side", "sell").set("pair", "RTC/USDC").set("ttl_seconds", 604'800);
  object.set("amount_micro_rtc", 10'000'000).set("price_per_rtc_nano_quote", 100'000'000);
  object.set("eth_address", "0xabc");
  const auto text = object.text();
  ASSERT_TRUE(text);
  EXPECT_EQ(text->size(), 269U);
  EXPECT_EQ(sha256_hex(*text), "044ab1589e0f508d94a42c7da21d810cee24056e1805a83d638913a7302cab45");
  EXPECT_EQ(vector_key().sign(*text),
            "1fcb9e9da83e204ac0723e14cbc8a34fdae95b189157c1f116f34c575a64ddb5"
            "78bfea899fca41362b8148cb55017e5068e17959bf367879d2f373faee9a3d0e");
}

struct Vector {
  Action action;
  std::size_t bytes;
  std::string sha256;
  std::string signature;
};

TEST(Vectors, MatchAndCancel) {
  const std::vector<Vector> vectors = {
      {MatchOrder{"otc_0123456789abcdef", "", ""}, 153,
       "3037dc831f5a63535a4691dbf50e358267b58c242fc1b654ebb2d3d9600dd617",
       "20f3fa6e8a274af4eaffdad41227847f26657588eb832490a5d21abf70caeefb"
       "f669feee3dd35ebe947c1591a439f2c6047736503bb104f5c2e317e686cbc108"},
      {CancelOrder{"otc_0123456789abcdef"}, 137,
       "083b43d6ac93c15bd4cf6c7d74729e9d6ecfe1c807337a328111553139492d2d",
       "3c12b14fe11af20bd3cd43efdd36e71569779da514dc84243130d598a605e0af"
       "80e38bb35085ab8409dd7c8c0ffc3cdfbe0735808d8372c76e72473ee36fe006"},
  };
  const auto key = vector_key();
  for (const auto& v : vectors) {
    const auto text = canonical_text(v.action, key.wallet(), vector_time);
    ASSERT_TRUE(text);
    EXPECT_EQ(text->size(), v.bytes);
    EXPECT_EQ(sha256_hex(*text), v.sha256);
    EXPECT_EQ(key.sign(*text), v.signature);
    const WalletAuth auth(key.public_key_hex(), v.signature, vector_time);
    EXPECT_TRUE(authorize(auth, key.wallet(), v.action, vector_time));
  }
}

TEST(CanonicalText, CreateBindsNonceAndHash) {
  const auto text = canonical_text(sell_order(), vector_key().wallet(), vector_time);
  EXPECT_EQ(text.value(),
            R"({"action":"create_order","amount_micro_rtc":10000000,"eth_address":"0xabc",)"
            R"("htlc_hash":"02d449a31fbb267c8f352e9968a79e3e5fc95c1bbeaa502fd6454ebde5a4bedc",)"
            R"("nonce":"000102030405060708090a0b0c0d0e0f","order_id":"create_order",)"
            R"("pair":"RTC/USDC","price_per_rtc_nano_quote":100000000,"side":"sell",)"
            R"("timestamp":1760000000,"ttl_seconds":604800,)"
            R"("wallet":"RTC56475aa75463474c0285df5dbf2bcab73da65135"})");
}

TEST(CanonicalText, ConfirmAndATakersHash) {
  const auto wallet = vector_key().wallet();
  EXPECT_EQ(canonical_text(ConfirmOrder{"otc_1", "0xfe", "ab"}, wallet, 7).value(),
            R"({"action":"confirm_order","order_id":"otc_1","quote_tx":"0xfe",)"
            R"("secret_sha256":"ab","timestamp":7,"wallet":")" +
                wallet.text() + R"("})");
  EXPECT_EQ(canonical_text(MatchOrder{"otc_1", "", "ab"}, wallet, 7).value(),
            R"({"action":"match_order","eth_address":"","htlc_hash":"ab","order_id":"otc_1",)"
            R"("timestamp":7,"wallet":")" +
                wallet.text() + R"("})");
}

std::string encoded(std::string_view value) {
  CanonicalObject object;
  object.set("k", value);
  const auto text = object.text();
  return text ? text->substr(5, text->size() - 6) : std::string(text.error().code.code);
}

// Expected texts are what Python's json.dumps answers for the same values.
TEST(CanonicalText, Escapes) {
  EXPECT_EQ(encoded("a b~"), R"("a b~")");
  EXPECT_EQ(encoded("\"\\/"), R"("\"\\/")");
  EXPECT_EQ(encoded("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(encoded("\0"s), R"("\u0000")");
  EXPECT_EQ(encoded("\x1f"), R"("\u001f")");
  EXPECT_EQ(encoded("\x7f"), R"("\u007f")");
  EXPECT_EQ(encoded("\u00e4"), R"("\u00e4")");
  EXPECT_EQ(encoded("\u20ac\uffff"), R"("\u20ac\uffff")");
  EXPECT_EQ(encoded("\U0001f600"), R"("\ud83d\ude00")");
  EXPECT_EQ(encoded("\U0010ffff"), R"("\udbff\udfff")");
}

TEST(CanonicalText, RefusesWhatIsNotUtf8) {
  for (const auto& bad : {"\x80"s, "\xc0\xaf"s, "\xc3"s, "\xe0\x80\xaf"s, "\xed\xa0\x80"s,
                          "\xf0\x80\x80\x80"s, "\xf4\x90\x80\x80"s, "\xff"s, "a\xe2\x82"s}) {
    EXPECT_EQ(encoded(bad), "text_not_utf8");
  }
}

RC_GTEST_PROP(CanonicalText, IsPrintableAsciiForAnyBytes, (const std::string& value)) {
  CanonicalObject object;
  const auto text = object.set("k", value).text();
  if (!text) return;
  for (const char c : *text) RC_ASSERT(c >= ' ' && c <= '~');
}

std::string refusal(const std::optional<WalletAuth>& auth, const Wallet& wallet,
                    const Action& action, std::int64_t now) {
  const auto result = authorize(auth, wallet, action, now);
  return result ? "ok" : std::string(result.error().code.code);
}

TEST(Authorize, RefusalsInTheirOrder) {
  const auto key = vector_key();
  const auto wallet = key.wallet();
  const Action action = sell_order();
  const auto good = key.sign_action(action, vector_time);
  const auto with = [&good](auto change) {
    WalletAuth auth = good;
    change(auth);
    return auth;
  };
  const auto check = [&](const WalletAuth& auth) {
    return refusal(auth, wallet, action, vector_time);
  };
  using Kind = WalletAuth::TimestampKind;
  EXPECT_EQ(check(good), "ok");
  EXPECT_EQ(refusal(std::nullopt, Wallet(), action, vector_time),
            "wallet_must_be_native_rtc_address");
  EXPECT_EQ(refusal(std::nullopt, wallet, action, vector_time), "wallet_auth_required");

  const auto required = "wallet_auth_public_key_signature_timestamp_required";
  EXPECT_EQ(check(with([](auto& a) { a.public_key.clear(); })), required);
  EXPECT_EQ(check(with([](auto& a) { a.signature.clear(); })), required);
  EXPECT_EQ(check(with([](auto& a) { a.timestamp_kind = Kind::absent; })), required);
  EXPECT_EQ(check(with([](auto& a) { a.timestamp_kind = Kind::not_an_integer; })),
            "wallet_auth_invalid_timestamp");

  const auto expired = "wallet_auth_timestamp_expired";
  EXPECT_EQ(check(with([](auto& a) {
              a.timestamp_seconds += 301;
              a.public_key = "zz";  // the time is looked at first
            })),
            expired);
  for (const auto extreme : {INT64_MIN, INT64_MAX, std::int64_t{0}}) {
    EXPECT_EQ(check(with([=](auto& a) { a.timestamp_seconds = extreme; })), expired);
  }

  const auto stranger = SigningKey::generate();
  EXPECT_EQ(check(with([&](auto& a) {
              a.public_key = stranger.public_key_hex();
              a.signature = "zz";  // the wallet is looked at first
            })),
            "wallet_auth_public_key_does_not_match_wallet");

  const auto encoding = "wallet_auth_invalid_encoding";
  const auto text = [](std::string t) { return [t](auto& a) { a.public_key = t; }; };
  EXPECT_EQ(check(with(text("zz"))), encoding);
  EXPECT_EQ(check(with(text(good.public_key + "00"))), encoding);
  EXPECT_EQ(check(with(text(" " + good.public_key.substr(1)))), encoding);
  EXPECT_EQ(check(with([](auto& a) { a.signature.pop_back(); })), encoding);
  EXPECT_EQ(check(with([](auto& a) { a.signature[0] = ' '; })), encoding);
  EXPECT_EQ(check(with([](auto& a) { a.signature = "\xef\xbc\x91" + a.signature.substr(3); })),
            encoding);

  const auto invalid = "wallet_auth_invalid_signature";
  EXPECT_EQ(check(with([](auto& a) { a.signature[0] = a.signature[0] == '0' ? '1' : '0'; })),
            invalid);
  EXPECT_EQ(check(with([](auto& a) { a.signature = std::string(128, '0'); })), invalid);
  EXPECT_EQ(check(with([](auto& a) { a.timestamp_seconds += 1; })), invalid);
}

// Case 69, from the JSON on.
TEST(ReadWalletAuth, TimestampMustBeAJsonInteger) {
  const auto key = vector_key();
  const Action action = CancelOrder{"otc_0123456789abcdef"};
  const auto good = key.sign_action(action, vector_time);
  const auto check = [&](const std::string& timestamp) {
    const auto body = json::parse(R"({"public_key":")" + good.public_key + R"(","signature":")" +
                                  good.signature + R"(","timestamp":)" + timestamp + "}");
    EXPECT_TRUE(body) << timestamp;
    return refusal(read_wallet_auth(&*body), key.wallet(), action, vector_time);
  };
  EXPECT_EQ(check("1760000000"), "ok");
  for (const auto& bad : {R"("1760000000")", "1760000000.0", "1.76e9", "true", "[]", "{}", "1e400",
                          "1000000000000000000000000000000"}) {
    EXPECT_EQ(check(bad), "wallet_auth_invalid_timestamp") << bad;
  }
  EXPECT_EQ(check("null"), "wallet_auth_public_key_signature_timestamp_required");
}

TEST(ReadWalletAuth, MembersOfOtherTypesCountAsAbsent) {
  EXPECT_FALSE(read_wallet_auth(nullptr));
  for (const auto& text : {"null", "[]", "\"x\"", "1", "true"}) {
    const auto value = json::parse(text);
    ASSERT_TRUE(value);
    EXPECT_FALSE(read_wallet_auth(&*value)) << text;
  }
  const auto body = json::parse(R"({"public_key":1,"signature":["x"]})");
  ASSERT_TRUE(body);
  const auto auth = read_wallet_auth(&*body);
  ASSERT_TRUE(auth);
  EXPECT_TRUE(auth->public_key.empty());
  EXPECT_TRUE(auth->signature.empty());
  EXPECT_EQ(auth->timestamp_kind, WalletAuth::TimestampKind::absent);
}

TEST(Authorize, WindowIs300SecondsBothWays) {
  const auto key = vector_key();
  const Action action = CancelOrder{"otc_0123456789abcdef"};
  const auto auth = key.sign_action(action, vector_time);
  for (const std::int64_t skew : {-300, -1, 0, 1, 300}) {
    EXPECT_EQ(refusal(auth, key.wallet(), action, vector_time + skew), "ok") << skew;
  }
  for (const std::int64_t skew : {-301, 301}) {
    EXPECT_EQ(refusal(auth, key.wallet(), action, vector_time + skew),
              "wallet_auth_timestamp_expired")
        << skew;
  }
}

// Case 71: a signature is worth nothing for another action, another order or another field.
TEST(Authorize, SignatureBindsActionOrderAndEveryField) {
  const auto key = vector_key();
  const std::string id = "otc_0123456789abcdef";
  std::vector<Action> actions = {sell_order(),
                                 MatchOrder{id, "", ""},
                                 MatchOrder{id, "x", ""},
                                 MatchOrder{id, "", "ab"},
                                 CancelOrder{id},
                                 CancelOrder{id + "0"},
                                 ConfirmOrder{id, "tx", "ab"},
                                 ConfirmOrder{id, "ty", "ab"},
                                 ConfirmOrder{id, "tx", "ac"}};
  const auto vary = [&actions](auto change) {
    auto order = sell_order();
    change(order);
    actions.push_back(order);
  };
  vary([](auto& o) { o.side = Side::buy; });
  vary([](auto& o) { o.pair = Pair::rtc_eth; });
  vary([](auto& o) { o.amount_micro += 1; });
  vary([](auto& o) { o.price_nano += 1; });
  vary([](auto& o) { o.ttl_seconds += 1; });
  vary([](auto& o) { o.eth_address += "0"; });
  vary([](auto& o) { o.nonce[0] = '1'; });
  vary([](auto& o) { o.htlc_hash[0] = '1'; });
  for (std::size_t signed_for = 0; signed_for < actions.size(); ++signed_for) {
    const auto auth = key.sign_action(actions[signed_for], vector_time);
    for (std::size_t used_for = 0; used_for < actions.size(); ++used_for) {
      EXPECT_EQ(refusal(auth, key.wallet(), actions[used_for], vector_time),
                signed_for == used_for ? "ok" : "wallet_auth_invalid_signature")
          << signed_for << " used for " << used_for;
    }
  }
}

TEST(Authorize, AnswersWhatWasSigned) {
  const auto key = vector_key();
  const auto auth = key.sign_action(sell_order(), vector_time);
  const auto signed_text = authorize(auth, key.wallet(), sell_order(), vector_time);
  ASSERT_TRUE(signed_text);
  EXPECT_TRUE(verify_signed(*signed_text, key.wallet()));
  EXPECT_TRUE(verify(auth, key.wallet(), signed_text->text, vector_time));
  auto forged = *signed_text;
  forged.text[20] ^= 1;
  EXPECT_FALSE(verify_signed(forged, key.wallet()));
  EXPECT_FALSE(verify_signed(*signed_text, SigningKey::generate().wallet()));
}

TEST(Authorize, TextThatIsNotUtf8IsRefusedAndNotSigned) {
  const auto key = vector_key();
  const auto auth = key.sign_action(MatchOrder{"otc_1", "", ""}, vector_time);
  EXPECT_EQ(refusal(auth, key.wallet(), MatchOrder{"otc_1", "\xff", ""}, vector_time),
            "text_not_utf8");
}

RC_GTEST_PROP(Authorize, AnyFlippedBitOfTheSignatureIsRefused, ()) {
  static const auto key = SigningKey::generate();
  static const Action action = sell_order();
  auto auth = key.sign_action(action, vector_time);
  const auto at = *rc::gen::inRange<std::size_t>(0, auth.signature.size());
  const auto digit = *rc::gen::elementOf("0123456789abcdef"s);
  RC_PRE(auth.signature[at] != digit);
  auth.signature[at] = digit;
  RC_ASSERT(refusal(auth, key.wallet(), action, vector_time) == "wallet_auth_invalid_signature");
}

}  // namespace
}  // namespace pawl::otc
