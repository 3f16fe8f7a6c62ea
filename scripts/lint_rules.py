# SPDX-License-Identifier: Apache-2.0
"""House rules of Pawl that a text can be checked for; each message names what to do instead.

usage: lint_rules.py ROOT. Prints "path:line: [rule] message" and exits 1 when there is any.
Rules about code do not look into comments and string literals. An exception stands on the line or in a
comment right above it as "lint: allow(RULE): REASON"; without a reason it counts for nothing.
scripts/lint_self_test.py plants a violation of each rule and sees it caught.
"""

import pathlib
import re
import sys

SOURCE_FOLDERS = ("include", "src", "tests", "bench", "examples", "fuzz")
TEXT_SUFFIXES = {".cpp", ".h", ".py", ".sh", ".md", ".cmake", ".txt", ".json", ".toml", ".sql", ".in", ".yaml"}
SKIPPED_FOLDERS = {".git", "build", ".pawl", "node_modules"}
MAX_LINES = 500

# Folder -> folders it may include, beside itself. Arrows point down, never sideways.
BELOW = {
    "core": (),
    "protocol": ("core",),
    "net": ("protocol", "core"),
    "store": ("protocol", "core"),
    "check": ("protocol", "core"),
    "engine": ("net", "store", "check", "protocol", "core"),
    "systems": ("engine", "net", "store", "check", "protocol", "core"),
    "app": ("systems", "engine", "net", "store", "check", "protocol", "core"),
}
HEAVY_HEADER = re.compile(r"^(boost/|spdlog/|fmt/|sqlite3\.h|libpq-fe\.h|openssl/|toml\+\+|CLI/|gtest/)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')

# (rule, path pattern, regular expression over code without comments and strings, message)
CODE_BANS = [
    ("sleep", r"^(tests|src|include)/",
     r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\s*\(|(?<![\w.:>])(?:::)?sleep\s*\(\s*\w",
     "wait for a signal with a deadline (condition variable, barrier, Asio timer); a poll with a deadline and a"
     " pause that is the subject itself say so: // lint: allow(sleep): REASON"),
    ("rand", r"", r"(?<![\w.:>])(?:std::)?s?rand\s*\(",
     "take a seeded std::mt19937_64 and print the seed, or RAND_bytes where it must not be guessed"),
    ("error-text", r"", r"\bwhat\(\)\s*\)*\s*\.\s*(?:find|contains|starts_with|compare)\b|\bwhat\(\)\s*\)*\s*[!=]=",
     "compare the code (ErrorCode, SQLSTATE, error_code), never the text of an error"),
    ("error-text", r"^(src|include)/",
     r"\b(?:detail|text\(\)|message\(\))\s*\.\s*(?:find|contains|starts_with|compare)\s*\(|\bstrstr\s*\(",
     "compare the code (ErrorCode, SQLSTATE, error_code), never the text of an error"),
    ("unnamed-refusal", r"^(?!include/pawl/guard\.h$)", r"\bpawl::refuse\s*\(|(?<![\w.>:])refuse\s*\(\s*guard::",
     "refuse through PAWL_REQUIRE(guard, condition, code), so that the guard has a name"),
]
LATER = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
# Each is spelled in two parts so that this file does not break its own rule.
LOCAL_PATH = re.compile(r"(?<![\w.$}{)*/-])/(?:home|work|" + r"Users)/[A-Za-z0-9_.-]+|/tmp/" + r"helpers\b|/root/[a-z]")
ALLOWED = re.compile(r"lint: allow\(([a-z-]+)\): *\S{3,}")
VAGUE_NAME = re.compile(r"(?:^|_)(?:utils?|helpers?|managers?|misc|common)(?:_|\.|$)")


def code_of(text):
    """The text with comments and the inside of string and character literals blanked; line breaks stay."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^(\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match):
        found = match.group(0)
        if found.startswith('"') or found.startswith("'"):
            return found[0] * 2
        return "\n" * found.count("\n")
    return token.sub(blank, text)


def layer_of(path):
    """("core", "") or ("systems", "otc") for a path under src, else None."""
    parts = path.split("/")
    if len(parts) < 3 or parts[0] != "src":
        return None
    return parts[1], parts[2] if parts[1] == "systems" else ""


def check_include(path, bracket, name):
    """The complaint about one include, or None."""
    if path.startswith("include/"):
        if bracket == '"' or HEAVY_HEADER.match(name):
            return "public-header", f"a public header includes <pawl/...> and the standard library only, not {name}"
        return None
    layer = layer_of(path)
    first = name.split("/")[0]
    if layer is None or bracket != '"' or "/" not in name or first not in BELOW:
        return None
    if layer[0] == "systems" and first == "systems":
        other = name.split("/")[1]
        if other != layer[1]:
            return "layer", f"systems/{layer[1]} must not know systems/{other}: what both need belongs in the engine"
        return None
    if first != layer[0] and first not in BELOW.get(layer[0], ()):
        below = ", ".join(BELOW.get(layer[0], ())) or "nothing of src"
        return "layer", f"src/{layer[0]} must not include {name}: below it are {below}; arrows point down only"
    return None


def check_source(path, text):
    """Complaints (line, rule, message) about a C++ source."""
    if not text.startswith("// SPDX-License-Identifier: Apache-2.0\n"):
        yield 1, "spdx", "the first line is // SPDX-License-Identifier: Apache-2.0"
    lines = text.count("\n")
    if lines > MAX_LINES:
        yield lines, "file-length", f"{lines} lines: split by subject, at most {MAX_LINES}"
    if path.startswith("src/") and layer_of(path) is not None and layer_of(path)[0] not in BELOW:
        yield 1, "layer", "a new folder of src needs its place in BELOW of scripts/lint_rules.py"
    for number, line in enumerate(text.splitlines(), 1):
        include = INCLUDE.match(line)
        complaint = check_include(path, *include.groups()) if include else None
        if complaint:
            yield number, *complaint
    code = code_of(text)
    for rule, where, pattern, message in CODE_BANS:
        if re.search(where, path):
            for match in re.finditer(pattern, code):
                yield code.count("\n", 0, match.start()) + 1, rule, message


def check_text(path, text):
    """Complaints about any text file."""
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip():
            yield number, "white-space", "trailing white space: remove it"
        if LATER.search(line) and not path.startswith("scripts/lint_") and path != "CONTRIBUTING.md":
            yield number, "later", "do it now or open an issue; sources carry no notes of things to do"
        if LOCAL_PATH.search(line) and not path.startswith("scripts/lint_"):
            yield number, "local-path", "an absolute path of one machine: take it from an option or make it relative"
    if VAGUE_NAME.search(path.rsplit("/", 1)[-1]):
        yield 1, "vague-name", "name the file after the one thing in it, not util, helper, manager, misc or common"
    if re.search(r"\.(sh|py|cmake)$|CMakeLists\.txt$", path):
        if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.splitlines()[:3]):
            yield 1, "spdx", "one of the first lines is # SPDX-License-Identifier: Apache-2.0"


def allowed(lines, line, rule):
    """Is the complaint answered by an exception with a reason?"""
    for number in (line - 1, line - 2):
        if 0 <= number < len(lines):
            match = ALLOWED.search(lines[number])
            if match and match.group(1) == rule and (number == line - 1 or lines[number].lstrip()[:1] in "/#"):
                return True
    return False


def complaints(root):
    for file in sorted(root.rglob("*")):
        path = file.relative_to(root).as_posix()
        if SKIPPED_FOLDERS & set(path.split("/")) or not file.is_file():
            continue
        if file.suffix not in TEXT_SUFFIXES and file.name != "dev":
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found = list(check_text(path, text))
        if file.suffix in {".cpp", ".h"} and path.split("/")[0] in SOURCE_FOLDERS:
            found += check_source(path, text)
        lines = text.splitlines()
        yield from ((path, *one) for one in found if not allowed(lines, one[0], one[1]))


def main():
    found = 0
    for path, line, rule, message in complaints(pathlib.Path(sys.argv[1])):
        print(f"{path}:{line}: [{rule}] {message}")
        found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
