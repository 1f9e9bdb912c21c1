#!/usr/bin/env bash
# What the tests cover: lines, functions and regions by crate, and the files that are covered
# least. The tools that tests start are instrumented like the tests themselves. HTML with every
# line: target/llvm-cov/html.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo=${CARGO:-cargo}
json=target/llvm-cov/coverage.json

usage() {
  cat <<END
Usage: coverage.sh [--quick] [-p PACKAGE]...

  --quick      unit tests alone: no tools, no labs
  -p PACKAGE   with --quick: of this crate
END
}

quick=no
case ${1:-} in
  -h | --help) usage && exit ;;
  --quick) quick=yes && shift ;;
esac

mkdir -p target/llvm-cov
if [[ $quick == yes ]]; then
  "$cargo" llvm-cov clean --workspace
  (($#)) || set -- --workspace --bins
  "$cargo" llvm-cov test --locked --json --summary-only --output-path "$json" --lib "$@"
else
  # Tests start the tools as they stand beside them.
  # shellcheck disable=SC1090
  source <("$cargo" llvm-cov show-env --sh)
  "$cargo" llvm-cov clean --workspace
  "$cargo" build --locked --workspace --bins
  "$cargo" test --locked --no-fail-fast --workspace || echo "coverage.sh: some tests failed" >&2
  rm -rf target/debug/desks # programs that tests made, and that were not built
  "$cargo" llvm-cov report --json --summary-only --output-path "$json"
fi

python3 - "$json" <<'END'
import collections, json, os, sys

files = json.load(open(sys.argv[1]))["data"][0]["files"]
crates = collections.defaultdict(lambda: collections.Counter())
least = []
for file in files:
    path = os.path.relpath(file["filename"])
    if not path.startswith(("shared/", "tools/")) or "/src/" not in path:
        continue
    for kind in ("lines", "functions", "regions"):
        crates[path.split("/src/")[0]][kind, "count"] += file["summary"][kind]["count"]
        crates[path.split("/src/")[0]][kind, "covered"] += file["summary"][kind]["covered"]
    lines = file["summary"]["lines"]
    least.append((lines["covered"] - lines["count"], lines["percent"], path))

def row(name, counts):
    part = lambda kind: 100 * counts[kind, "covered"] / max(1, counts[kind, "count"])
    print(f"| {name} | {counts['lines', 'count']} | " + " | ".join(f"{part(k):.1f} %" for k in ("lines", "functions", "regions")) + " |")

print("| crate | lines | covered | functions | regions |\n|---|---|---|---|---|")
for name in sorted(crates):
    row(name, crates[name])
row("all", sum(crates.values(), collections.Counter()))
print("\nMost lines that no test reaches:\n")
for missed, percent, path in sorted(least)[:15]:
    print(f"{-missed:5} {percent:5.1f} %  {path}")
END
