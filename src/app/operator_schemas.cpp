// SPDX-License-Identifier: Apache-2.0
//
// The schemas of what operators send and are shown. They say what operator_json.cpp writes; a test
// holds real answers against them.
#include "app/operator_routes.h"

namespace pawl::app {

void add_operator_schemas(net::Router& router) {
  router.add_schema("Ok", R"({"type":"object","required":["ok"],"additionalProperties":false,
"properties":{"ok":{"const":true}}})");
  router.add_schema("OperatorVerb", R"({"type":"object","required":["as"],
"additionalProperties":false,"properties":{"as":{"type":"string","minLength":1,"maxLength":100},
"reason":{"type":"string","maxLength":500},"token":{"type":["integer","null"],"minimum":1,
"description":"Of an effect: refuse unless it is still this one."}}})");
  router.add_schema("Effect", R"({"type":"object","additionalProperties":false,
"required":["id","kind","machine","key","idempotency_key","state","outcome","attempt","inquiry",
"token","code","reference","created","next_at","ended_at","history",
"trace_id"],
"properties":{"id":{"type":"integer"},"kind":{"type":"string"},"machine":{"type":"string"},
"key":{"type":"string"},"idempotency_key":{"type":"string"},
"state":{"enum":["ready","sending","accepted","polling","unknown","inquiring","waiting","ended"]},
"outcome":{"type":"string","description":"Empty until it has ended."},
"attempt":{"type":"integer"},"inquiry":{"type":"integer"},"token":{"type":"integer"},
"code":{"type":"string"},"reference":{"type":"string"},
"created":{"type":["string","null"],"format":"date-time"},
"next_at":{"type":["string","null"],"format":"date-time"},
"ended_at":{"type":["string","null"],"format":"date-time"},"history":{"type":"string"},
"trace_id":{"type":"string"}}})");
  router.add_schema("EffectList", R"({"type":"object","required":["effects","next_after"],
"additionalProperties":false,"properties":{"effects":{"type":"array",
"items":{"$ref":"#/components/schemas/Effect"}},"next_after":{"type":["integer","null"]}}})");
  router.add_schema("TimelineEntry", R"({"type":"object","additionalProperties":false,
"required":["time","version","command","source","who","id","from","to","why","reason",
"trace_id","lane","sequence","effects"],"properties":{"time":{"type":["string","null"],"format":"date-time"},
"version":{"type":"integer"},"command":{"type":"string"},"source":{"type":"string"},
"who":{"type":"string"},"id":{"type":"string"},"from":{"type":"string"},"to":{"type":"string"},
"why":{"type":"string"},"reason":{"type":"string"},"trace_id":{"type":"string"},
"lane":{"type":"integer"},
"sequence":{"type":"integer"},"effects":{"type":"array","items":{"type":"integer"}}}})");
  router.add_schema("Entity", R"({"type":"object","additionalProperties":false,
"required":["machine","key","version","readable","row","timeline","effects"],
"properties":{"machine":{"type":"string"},"key":{"type":"string"},"version":{"type":"integer"},
"epoch":{"type":"string"},"history_starts_at":{"type":["string","null"],"format":"date-time"},
"readable":{"type":"boolean"},"row":{"type":"object"},"timeline":{"type":"array",
"items":{"$ref":"#/components/schemas/TimelineEntry"}},"effects":{"type":"array",
"items":{"$ref":"#/components/schemas/Effect"}}}})");
  router.add_schema("ParkedList", R"({"type":"object","required":["parked"],
"additionalProperties":false,"properties":{"parked":{"type":"array","items":{"type":"object",
"additionalProperties":false,"required":["id","source","machine","key","kind","code","detail"],
"properties":{"id":{"type":"integer"},"source":{"type":"string"},"machine":{"type":"string"},
"key":{"type":"string"},"kind":{"type":"string"},"code":{"type":"string"},
"detail":{"type":"string"}}}}}})");
  router.add_schema("AlertList", R"({"type":"object","required":["alerts"],
"additionalProperties":false,"properties":{"alerts":{"type":"array","items":{"type":"object",
"additionalProperties":false,"required":["id","code","machine","key","effect_id","detail",
"first_seen","last_seen","count","acked_by"],
"properties":{"id":{"type":"integer"},"code":{"type":"string"},"machine":{"type":"string"},
"key":{"type":"string"},"effect_id":{"type":["integer","null"]},"attempt":{"type":"integer"},
"detail":{"type":"string"},
"first_seen":{"type":["string","null"],"format":"date-time"},
"last_seen":{"type":["string","null"],"format":"date-time"},"count":{"type":"integer"},
"acked_by":{"type":"string"}}}}}})");
  router.add_schema("Statistics", R"({"type":"object","required":["commits","works",
"largest_batch","open_effects","exchanges_under_way","waiting","rows_removed"],
"additionalProperties":{"type":"integer"}})");
}

}  // namespace pawl::app
