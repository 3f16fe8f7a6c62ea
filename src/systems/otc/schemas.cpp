// SPDX-License-Identifier: Apache-2.0
//
// The schemas of the desk's bodies and answers. They say what views.cpp and the routes write.
#include "systems/otc/declarations.h"

namespace pawl::otc {

namespace {

// The members of an order, without braces, so that an answer to a write can have one more.
constexpr const char* order_required =
    R"("order_id","status","status_since","side","pair","maker_wallet","taker_wallet","amount_rtc",
"amount_micro_rtc","price_per_rtc","price_per_rtc_nano_quote","total_quote","total_quote_nano",
"quote_currency","htlc_hash","maker_eth_address","taker_eth_address","quote_tx","created_at",
"expires_at","matched_at","settle_until","completed_at","escrow_locked","escrow_refunded","reason",
"trade_id")";
constexpr const char* order_properties =
    R"("order_id":{"$ref":"#/components/schemas/OrderId"},
"status":{"enum":["opening","open","matching","matched","settling","payout_pending",
"settlement_recovery","refund_pending","completed","cancelled","expired","rejected"]},
"status_since":{"type":"string","format":"date-time"},
"side":{"$ref":"#/components/schemas/Side"},"pair":{"$ref":"#/components/schemas/Pair"},
"maker_wallet":{"$ref":"#/components/schemas/Wallet"},
"taker_wallet":{"anyOf":[{"$ref":"#/components/schemas/Wallet"},{"type":"null"}]},
"amount_rtc":{"$ref":"#/components/schemas/Decimal"},
"amount_micro_rtc":{"$ref":"#/components/schemas/IntegerText"},
"price_per_rtc":{"$ref":"#/components/schemas/Decimal"},
"price_per_rtc_nano_quote":{"$ref":"#/components/schemas/IntegerText"},
"total_quote":{"$ref":"#/components/schemas/Decimal"},
"total_quote_nano":{"$ref":"#/components/schemas/IntegerText"},
"quote_currency":{"type":"string"},
"htlc_hash":{"type":["string","null"],"pattern":"^[0-9a-f]{64}$"},
"maker_eth_address":{"type":"string"},"taker_eth_address":{"type":"string"},
"quote_tx":{"type":["string","null"]},"created_at":{"type":"string","format":"date-time"},
"expires_at":{"type":"string","format":"date-time"},
"matched_at":{"type":["string","null"],"format":"date-time"},
"settle_until":{"type":["string","null"],"format":"date-time"},
"completed_at":{"type":["string","null"],"format":"date-time"},
"escrow_locked":{"type":"boolean"},"escrow_refunded":{"type":"boolean"},
"reason":{"type":"string"},"trade_id":{"type":["string","null"]},
"htlc_secret":{"type":["string","null"],"pattern":"^[0-9a-f]{64}$",
"description":"There once the order is completed."})";

std::string object(const std::string& required, const std::string& properties) {
  return R"({"type":"object","additionalProperties":false,"required":[)" + required +
         R"(],"properties":{)" + properties + "}}";
}

std::string page(const char* name, const char* item) {
  return object(std::string("\"") + name + R"(","next_cursor")",
                std::string("\"") + name +
                    R"(":{"type":"array","items":{"$ref":"#/components/schemas/)" + item +
                    R"("}},"next_cursor":{"type":["string","null"]})");
}

void add_words(net::Router& router) {
  router.add_schema("OrderId", R"({"type":"string","pattern":"^otc_[0-9a-f]{32}$"})");
  router.add_schema("Wallet", R"({"type":"string","pattern":"^RTC[0-9a-f]{40}$"})");
  router.add_schema("Side", R"({"enum":["buy","sell"]})");
  router.add_schema("Pair", R"({"enum":["RTC/ETH","RTC/USDC","RTC/ERG"]})");
  router.add_schema("Decimal", R"({"type":"string","pattern":"^-?[0-9]+([.][0-9]+)?$"})");
  router.add_schema("IntegerText", R"({"type":"string","pattern":"^-?[0-9]+$"})");
  router.add_schema("WalletAuth", R"({"type":"object","required":["public_key","signature",
"timestamp"],"properties":{"public_key":{"type":"string","pattern":"^[0-9a-f]{64}$"},
"signature":{"type":"string","pattern":"^[0-9a-f]{128}$"},
"timestamp":{"type":"integer","description":"Unix seconds, at most 300 s away."}}})");
}

void add_bodies(net::Router& router) {
  const std::string wait = R"("wait_ms":{"type":"integer","minimum":0})";
  const std::string auth = R"("wallet_auth":{"$ref":"#/components/schemas/WalletAuth"})";
  const std::string wallet = R"("wallet":{"$ref":"#/components/schemas/Wallet"})";
  const std::string address = R"("eth_address":{"type":"string","maxLength":200})";
  const std::string hash = R"("htlc_hash":{"type":"string","pattern":"^[0-9a-fA-F]{64}$"})";
  router.add_schema(
      "CreateOrder",
      object(R"("side","pair","wallet","amount_rtc","price_per_rtc","nonce","wallet_auth")",
             R"("side":{"type":"string"},"pair":{"type":"string"},)" + wallet +
                 R"(,"amount_rtc":{"$ref":"#/components/schemas/Decimal"},
"price_per_rtc":{"$ref":"#/components/schemas/Decimal"},
"nonce":{"type":"string","pattern":"^[0-9a-fA-F]{32}$"},
"ttl_seconds":{"type":"integer","minimum":3600,"maximum":2592000},)" +
                 address + "," + hash + "," + auth + "," + wait));
  router.add_schema("MatchOrder",
                    object(R"("wallet","wallet_auth")",
                           wallet + "," + address + "," + hash + "," + auth + "," + wait));
  router.add_schema("ConfirmOrder",
                    object(R"("secret","quote_tx")",
                           R"("secret":{"type":"string","pattern":"^[0-9a-fA-F]{64}$"},
"quote_tx":{"type":"string","minLength":1,"maxLength":200},)" +
                               wallet + "," + auth + "," + wait));
  router.add_schema("CancelOrder",
                    object(R"("wallet","wallet_auth")", wallet + "," + auth + "," + wait));
  router.add_schema("RedriveOrder", object(R"("action","reason")",
                                           R"("action":{"enum":["payout","refund"]},
"reason":{"type":"string","minLength":1,"maxLength":200},)" +
                                               wait));
}

void add_figures(net::Router& router) {
  const std::string decimal = R"({"$ref":"#/components/schemas/Decimal"})";
  const std::string price =
      R"({"anyOf":[{"$ref":"#/components/schemas/Decimal"},{"type":"null"}]})";
  const std::string count = R"({"type":"integer","minimum":0})";
  router.add_schema("Level", object(R"("price","total_rtc","order_count")",
                                    "\"price\":" + decimal + ",\"total_rtc\":" + decimal +
                                        ",\"order_count\":" + count));
  const std::string levels = R"({"type":"array","items":{"$ref":"#/components/schemas/Level"}})";
  router.add_schema(
      "Book", object(R"("pair","asks","bids","last_price","volume_24h_rtc","trades_24h","spread")",
                     R"("pair":{"$ref":"#/components/schemas/Pair"},"asks":)" + levels +
                         ",\"bids\":" + levels + ",\"last_price\":" + price +
                         ",\"volume_24h_rtc\":" + decimal + ",\"trades_24h\":" + count +
                         ",\"spread\":" + price));
  router.add_schema("OpenSide", object(R"("count","total_rtc")",
                                       "\"count\":" + count + ",\"total_rtc\":" + decimal));
  const std::string side = R"({"$ref":"#/components/schemas/OpenSide"})";
  router.add_schema(
      "PairFigures",
      object(R"("pair","total_trades","total_volume_rtc","trades_24h","volume_24h_rtc",
"volume_7d_rtc","open_sells","open_buys","last_price","high_24h","low_24h")",
             R"("pair":{"$ref":"#/components/schemas/Pair"},"total_trades":)" + count +
                 ",\"total_volume_rtc\":" + decimal + ",\"trades_24h\":" + count +
                 ",\"volume_24h_rtc\":" + decimal + ",\"volume_7d_rtc\":" + decimal +
                 ",\"open_sells\":" + side + ",\"open_buys\":" + side + ",\"last_price\":" + price +
                 ",\"high_24h\":" + price + ",\"low_24h\":" + price));
  router.add_schema("Figures", object("\"pairs\"",
                                      R"("pairs":{"type":"array",
"items":{"$ref":"#/components/schemas/PairFigures"}})"));
}

}  // namespace

void add_schemas(net::Router& router) {
  add_words(router);
  add_bodies(router);
  add_figures(router);
  router.add_schema("Order", object(order_required, order_properties));
  router.add_schema(
      "OrderWrite",
      object(std::string("\"ok\",") + order_required, std::string(R"("ok":{"type":"boolean",
"description":"True only if it ended well."},)") + order_properties));
  router.add_schema("OrderPage", page("orders", "Order"));
  router.add_schema(
      "Trade",
      object(R"("trade_id","order_id","side","pair","maker_wallet","taker_wallet","amount_rtc",
"amount_micro_rtc","price_per_rtc","price_per_rtc_nano_quote","total_quote","total_quote_nano",
"quote_currency","quote_tx","completed_at")",
             R"("trade_id":{"type":"string"},"order_id":{"$ref":"#/components/schemas/OrderId"},
"side":{"$ref":"#/components/schemas/Side"},"pair":{"$ref":"#/components/schemas/Pair"},
"maker_wallet":{"$ref":"#/components/schemas/Wallet"},
"taker_wallet":{"$ref":"#/components/schemas/Wallet"},
"amount_rtc":{"$ref":"#/components/schemas/Decimal"},
"amount_micro_rtc":{"$ref":"#/components/schemas/IntegerText"},
"price_per_rtc":{"$ref":"#/components/schemas/Decimal"},
"price_per_rtc_nano_quote":{"$ref":"#/components/schemas/IntegerText"},
"total_quote":{"$ref":"#/components/schemas/Decimal"},
"total_quote_nano":{"$ref":"#/components/schemas/IntegerText"},
"quote_currency":{"type":"string"},"quote_tx":{"type":"string"},
"completed_at":{"type":"string","format":"date-time"})"));
  router.add_schema("TradePage", page("trades", "Trade"));
}

}  // namespace pawl::otc
