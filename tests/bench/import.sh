#!/bin/sh
# Times the import of COUNT (100,000) RIPE Atlas results, as an array and one a line.
# Needs release binaries: cargo build --release -p tm-import
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
count=${1:-100000}
import=${TM_IMPORT:-$root/target/release/tm-import}
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
one=$(head -n 1 "$root/tests/fixtures/import/atlas.ndjson")
awk -v one="$one" -v count="$count" 'BEGIN { for (i = 0; i < count; i++) print one }' >"$scratch/lines"
{ printf '['; paste -sd, "$scratch/lines"; printf ']'; } >"$scratch/array"
for input in lines array; do
	size=$(wc -c <"$scratch/$input")
	started=$(date +%s%N)
	"$import" "$scratch/$input" >/dev/null
	took=$((($(date +%s%N) - started) / 1000000))
	echo "$input: $((size / 1000000)) MB in $took ms, $((size / 1000 / took)) MB/s, $((count * 1000 / took)) traces/s"
done
