// SPDX-License-Identifier: Apache-2.0
//
// A signed request's body: read strictly, its canonical text holds exactly the fields, what is
// signed verifies, and anything else does not. The input is the JSON body of any of the actions.
#include "systems/otc/authorization.h"

#include "core/json.h"
#include "core/utf8.h"
#include "fuzz/target.h"
#include "systems/otc/errors.h"
#include "systems/otc/request_body.h"

namespace {

using namespace pawl;
using namespace pawl::otc;
using fuzz::check;

constexpr std::int64_t now_seconds = 1'700'000'000;

std::string text_in(const RequestBody& body, std::string_view name) {
  return body.text(name).value_or("");
}

std::vector<Action> actions_in(const RequestBody& body) {
  CreateOrder create;
  create.side = parse_side(text_in(body, "side")).value_or(Side::sell);
  create.pair = parse_pair(text_in(body, "pair")).value_or(Pair::rtc_eth);
  create.amount_micro = parse_amount(text_in(body, "amount_rtc")).value_or(0);
  create.price_nano = parse_price(text_in(body, "price_per_rtc")).value_or(0);
  create.ttl_seconds =
      body.optional_integer("ttl_seconds").value_or(std::nullopt).value_or(default_ttl_seconds);
  create.eth_address = text_in(body, "eth_address");
  create.nonce = text_in(body, "nonce");
  create.htlc_hash = text_in(body, "htlc_hash");
  const std::string order_id = text_in(body, "order_id");
  return {create, MatchOrder{order_id, create.eth_address, create.htlc_hash}, CancelOrder{order_id},
          ConfirmOrder{order_id, text_in(body, "quote_tx"), create.htlc_hash}};
}

void check_member(const json::Value& object, std::string_view name, std::string_view text) {
  const auto* member = object.find(name);
  check(member != nullptr && member->as_string() == text, "the text holds what was signed");
}

// The canonical text read back as JSON: nothing is lost and nothing can be read as something else.
void check_text(const std::string& text, const Action& action, const Wallet& wallet,
                std::int64_t timestamp) {
  for (const char c : text) check(c >= ' ' && c <= '~', "the text is printable ASCII");
  const auto object = json::parse(text);
  check(object && object->is_object(), "the text is a JSON object");
  check_member(*object, "wallet", wallet.text());
  const auto* time = object->find("timestamp");
  check(time != nullptr && time->as_int64() == timestamp, "the text holds the time");
  std::string_view before;
  for (const auto& member : *object->as_object()) {
    check(before < member.key, "the keys are sorted");
    before = member.key;
  }
  if (const auto* create = std::get_if<CreateOrder>(&action)) {
    check_member(*object, "eth_address", create->eth_address);
    check_member(*object, "nonce", create->nonce);
    check_member(*object, "htlc_hash", create->htlc_hash);
    check(object->find("ttl_seconds")->as_int64() == create->ttl_seconds, "and the time to live");
  } else if (const auto* match = std::get_if<MatchOrder>(&action)) {
    check_member(*object, "order_id", match->order_id);
    check_member(*object, "eth_address", match->eth_address);
  } else if (const auto* confirm = std::get_if<ConfirmOrder>(&action)) {
    check_member(*object, "quote_tx", confirm->quote_tx);
    check_member(*object, "secret_sha256", confirm->secret_sha256);
  }
}

void check_signing(const Action& action, const std::string& text, std::int64_t timestamp) {
  static const SigningKey key = SigningKey::from_seed({1, 2, 3});
  static const SigningKey another = SigningKey::from_seed({4, 5, 6});
  const Wallet wallet = key.wallet();
  const WalletAuth auth = key.sign_action(action, timestamp);
  const auto signed_text = authorize(auth, wallet, action, timestamp);
  check(signed_text.has_value(), "what was signed verifies");
  check(signed_text->text == text, "and the text that verified is the canonical one");
  check(verify_signed(*signed_text, wallet).has_value(), "also later");
  check(!verify_signed(*signed_text, another.wallet()), "for this wallet alone");
  SignedText changed = *signed_text;
  changed.text.back() = ' ';
  check(!verify_signed(changed, wallet), "and for this text alone");
  check(!authorize(auth, wallet, action, timestamp + wallet_auth_window_seconds + 1),
        "and within its time");
}

}  // namespace

PAWL_FUZZ(wallet_authorization) {
  net::Request request;
  request.body = input;
  const auto body = RequestBody::read(
      request, {"wallet", "wallet_auth", "order_id", "side", "pair", "amount_rtc", "price_per_rtc",
                "ttl_seconds", "eth_address", "nonce", "htlc_hash", "quote_tx"});
  if (!body) return;
  if (const auto free = body->free_text("quote_tx", 20)) {
    check(free->size() <= 20 && utf8::is_valid(*free), "free text is bounded");
  }
  const auto auth = read_wallet_auth(body->find("wallet_auth"));
  const auto sent_wallet = Wallet::parse(text_in(*body, "wallet"));
  const std::int64_t timestamp = auth ? auth->timestamp_seconds : now_seconds;
  for (const Action& action : actions_in(*body)) {
    // Any time that a client may send; the server's own is a clock's.
    const auto signed_text = authorize(auth, sent_wallet.value_or(Wallet()), action, now_seconds);
    if (signed_text) {
      check(canonical_text(action, *sent_wallet, timestamp) == signed_text->text,
            "what verified is the action's text");
    }
    const Wallet wallet = SigningKey::from_seed({1, 2, 3}).wallet();
    const auto text = canonical_text(action, wallet, now_seconds);
    check(text.has_value(), "what JSON carried is UTF-8");
    check_text(*text, action, wallet, now_seconds);
    check_signing(action, *text, now_seconds);
  }
}
