# SPDX-License-Identifier: Apache-2.0
"""Proves that the house rules bite: each case is one file in an otherwise empty tree, with the rule that must
catch it, or None where nothing may be said (look-alikes, comments, strings, exceptions with a reason)."""

import pathlib
import sys
import tempfile

import lint_rules

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
PLAIN = SPDX + "int main() {}\n"
LATER = "TO" + "DO"

CASES = [
    ("spdx", "src/core/key.cpp", "int main() {}\n"),
    ("spdx", "scripts/new.sh", "echo\n"),
    ("spdx", "tests/unit/CMakeLists.txt", "add_test()\n"),
    (None, "src/core/key.cpp", PLAIN),
    ("file-length", "src/core/key.cpp", SPDX + "\n" * 500),
    (None, "src/core/key.cpp", SPDX + "\n" * 499),
    ("layer", "src/core/key.cpp", SPDX + '#include "store/store.h"\n'),
    ("layer", "src/protocol/plan.cpp", SPDX + '#include "engine/driver.h"\n'),
    ("layer", "src/store/sqlite/write.cpp", SPDX + '#include "net/http.h"\n'),
    ("layer", "src/net/router.cpp", SPDX + '#  include "systems/otc/decide.h"\n'),
    ("layer", "src/engine/driver.cpp", SPDX + '#include "systems/otc/decide.h"\n'),
    ("layer", "src/systems/otc/decide.cpp", SPDX + '#include "systems/hub/entry.h"\n'),
    ("layer", "src/systems/otc/decide.cpp", SPDX + '#include "app/config.h"\n'),
    ("layer", "src/wizards/spell.cpp", PLAIN),
    (None, "src/systems/otc/decide.cpp", SPDX + '#include "systems/otc/rows.h"\n#include "net/http.h"\n'),
    (None, "src/app/serve.cpp", SPDX + '#include "systems/otc/routes.h"\n#include "core/json.h"\n'),
    (None, "tests/unit/plan_test.cpp", SPDX + '#include "protocol/plan.h"\n#include "engine/driver.h"\n'),
    ("public-header", "include/pawl/key.h", SPDX + '#include "core/json.h"\n'),
    ("public-header", "include/pawl/key.h", SPDX + "#include <boost/json.hpp>\n"),
    (None, "include/pawl/key.h", SPDX + "#include <pawl/error.h>\n#include <string>\n"),
    ("sleep", "tests/unit/a_test.cpp", SPDX + "std::this_thread::sleep_for(1ms);\n"),
    ("sleep", "tests/unit/a_test.cpp", SPDX + "usleep(5);\n"),
    ("sleep", "src/engine/driver.cpp", SPDX + "std::this_thread::sleep_until(then);\n"),
    ("sleep", "src/engine/driver.cpp", SPDX + "::sleep(1);\n"),
    ("sleep", "src/engine/driver.cpp", SPDX + "sleep_for(x);  // lint: allow(sleep):\n"),
    ("sleep", "src/engine/driver.cpp", SPDX + "sleep_for(x);  // lint: allow(rand): a wrong rule\n"),
    ("sleep", "src/engine/driver.cpp", SPDX + "x();  // lint: allow(sleep): another line\nsleep_for(x);\n"),
    (None, "src/engine/driver.cpp", SPDX + "// lint: allow(sleep): polls, with a deadline\nsleep_for(x);\n"),
    (None, "src/engine/driver.cpp", SPDX + "co_await exchange.sleep(5);  // sleep_for(x)\n"),
    ("rand", "src/core/key.cpp", SPDX + "int x = rand() % 6;\n"),
    ("rand", "bench/load.cpp", SPDX + "std::srand(1);\n"),
    (None, "src/core/key.cpp", SPDX + 'int x = random(strand()); auto s = "rand()"; /* rand() */\n'),
    ("error-text", "src/net/client.cpp", SPDX + 'if (std::string(e.what()).find("timed out") != npos)\n'),
    ("error-text", "tests/net/client_test.cpp", SPDX + 'EXPECT_TRUE(std::string_view(e.what()) == "x");\n'),
    ("error-text", "src/store/store.cpp", SPDX + 'if (strstr(message, "locked"))\n'),
    ("error-text", "src/store/store.cpp", SPDX + 'if (error.detail.starts_with("locked"))\n'),
    (None, "tests/net/client_test.cpp", SPDX + 'EXPECT_NE(error.detail.find("bytes"), npos);\n'),
    ("unnamed-refusal", "src/systems/otc/decide.cpp", SPDX + "return pawl::refuse({}, code);\n"),
    ("unnamed-refusal", "src/systems/otc/decide.cpp", SPDX + "return refuse(guard::open, code);\n"),
    (None, "src/systems/otc/decide.cpp", SPDX + "PAWL_REQUIRE(guard::open, ok, code); books.refuse(request);\n"),
    (None, "include/pawl/guard.h", SPDX + "return ::pawl::refuse((guard), x);\n"),
    ("later", "src/core/key.cpp", SPDX + f"// {LATER}: finish\n"),
    ("later", "docs/guide.md", "FIX" + "ME\n"),
    ("white-space", "docs/guide.md", "text \n"),
    ("local-path", "docs/guide.md", "see /ho" + "me/someone/pawl\n"),
    ("local-path", "src/core/key.cpp", SPDX + 'auto data = "/wo' + 'rk/main/data";\n'),
    (None, "docs/guide.md", "GET /v1/wo" + "rk/items, https://x.org/home/page, build/home/a\n"),
    ("vague-name", "src/core/string_utils.cpp", PLAIN),
    ("vague-name", "tests/unit/test_helper.h", PLAIN),
    (None, "src/core/utilisation.cpp", PLAIN),
]


def main():
    wrong = 0
    for number, (rule, path, text) in enumerate(CASES):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            file = root / path
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")
            found = sorted({complaint[2] for complaint in lint_rules.complaints(root)})
        if found != ([rule] if rule else []):
            print(f"case {number} ({path}): expected {rule or 'nothing'}, found {found or 'nothing'}:\n{text[:200]}")
            wrong += 1
    untested = {ban[0] for ban in lint_rules.CODE_BANS} - {case[0] for case in CASES}
    if untested:
        print(f"rules without a case: {sorted(untested)}")
    print(f"{len(CASES)} cases, {wrong} wrong")
    return 1 if wrong or untested else 0


if __name__ == "__main__":
    sys.exit(main())
