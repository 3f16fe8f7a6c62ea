// SPDX-License-Identifier: Apache-2.0
//
// The desk's HTTP API over an engine and its store: queries with limits, filters and cursors, and
// bodies of writes that nobody signed. Each request gets one answer of JSON, and none is our
// defect. The input is "METHOD target" on a line, then the body.
#include <stdlib.h>

#include <filesystem>
#include <optional>

#include "core/json.h"
#include "fuzz/target.h"
#include "systems/otc/commands.h"
#include "systems/otc/machine.h"
#include "systems/otc/routes.h"

namespace {

using namespace pawl;
using namespace pawl::otc;
using fuzz::check;

class Desk {
 public:
  Desk() {
    declare(registry_, config_);
    std::string folder = (std::filesystem::temp_directory_path() / "pawl-fuzz-XXXXXX").string();
    check(mkdtemp(folder.data()) != nullptr, "there is a place for the store");
    SqliteOptions options;
    options.path = folder + "/pawl.db";
    options.readers = 1;
    auto store = open_sqlite(options, registry_);
    check(store.has_value(), "the store opens");
    engine_ = std::make_unique<Engine>(std::move(*store), registry_, EngineOptions{});
    check(engine_->start().has_value(), "the engine starts");
    add_routes(router_, *engine_, config_);
    check(!router_.defect(), "the routes are declared well");
    for (int i = 0; i < 3; ++i) create(i);
    // All files are open by now; without their names nothing is left behind however this ends.
    std::filesystem::remove_all(folder);
  }

  const net::Router& router() const { return router_; }

 private:
  void create(int number) {
    Create order;
    order.maker = Wallet::of(PublicKeyBytes{});
    order.order_id = make_order_id(order.maker, std::to_string(number));
    order.side = Side::buy;
    order.amount_micro = 1'000'000;
    order.price_nano = 1'000'000 + number;
    order.address = "0xa";
    const auto receipt = engine_->call(order, {.principal = "fuzz", .id = std::to_string(number)});
    check(receipt && receipt->done, "an order is on the board");
    const auto row = engine_->read(Key<Order>{order.order_id});
    check(row && *row && (*row)->row.state == OrderState::open, "and is open");
  }

  Registry registry_;
  Config config_;
  std::unique_ptr<Engine> engine_;
  net::Router router_;
};

void check_answer(const net::Response& response) {
  check(response.status >= 200 && response.status < 500, "a request is not our defect");
  check(json::parse(response.body).has_value(), "the answer is JSON");
}

}  // namespace

PAWL_FUZZ(desk_requests) {
  static const Desk desk;
  fuzz::Input parts(input);
  const std::string_view line = parts.line();
  const std::size_t space = line.find(' ');
  net::Request request;
  request.method = line.substr(0, space);
  request.target = space == std::string_view::npos ? "" : line.substr(space + 1);
  request.body = parts.rest();
  const auto match = desk.router().find(request.method, request.target);
  if (!match) return check_answer(match.error());
  // A confirm needs no signature: it would be decided, and wait.
  if (match->route->method == "POST" && match->path.ends_with("/confirm")) return;
  request.path = match->path;
  request.path_parameters = match->path_parameters;
  request.query_parameters = match->query_parameters;
  std::optional<net::Response> answer;
  match->route->handler(request, net::Responder([&answer](net::Response given) {
                          check(!answer, "a request is answered once");
                          answer = std::move(given);
                        }));
  check(answer.has_value(), "a request is answered");
  check_answer(*answer);
}
