#!/usr/bin/env bash
# Discovery of all paths beside scamper's tracelb, on the kernel routers of tests/lab/netns in one
# run: probes sent, links found of those that are true, time. scamper needs real root, and waits
# 0.15 s between two probes at the least.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
probe=${TM_PROBE:-${TM_BIN:-$root/target/release}/tm-probe}
lab=$root/tests/lab/netns/lab.sh
runs=${1:-20} peer_runs=${2:-3}
target=10.9.0.1

links='[.paths[] | select(.from == "src" and .target == "dst" and .family == 4) | .links[]
        | "\(.from) \(.to)"] | sort | unique'
truth=$("$lab" --truth | jq -c "$links")

# The links of hop records: equal flows at neighbouring TTLs.
ours='[.[] | select(.type == "hop" and .ip)] as $h
  | {sent: (.[] | select(.type == "trace") | .sent),
     links: ([$h[] as $a | $h[] | select(.hop == $a.hop + 1)
              | select(any(.flows[]; IN($a.flows[]))) | "\($a.ip) \(.ip)"] | unique)}'
# scamper links nodes over a silent hop, too, which is no link of neighbours: only true ones count.
theirs='select(.type == "tracelb") | {sent: .probec,
  links: [.nodes[] as $n | $n.links[]?[]? | "\($n.addr) \(.addr)"] | unique}'

row() { # NAME RUNS FILTER COMMAND...
  local name=$1 count=$2 filter=$3 i began
  shift 3
  began=${EPOCHREALTIME/./}
  for ((i = 0; i < count; i++)); do
    "$@" 2>/dev/null
  done | jq -c "$filter" >"$results"
  jq -rs --arg name "$name" --argjson truth "$truth" --argjson us $((${EPOCHREALTIME/./} - began)) '
    map(.found = ([.links[] | select(IN($truth[]))] | length)) | length as $n
    | if $n == 0 then "\($name)\tnothing: is it installed, and is this real root?" else
      "\($name)\t\($n) runs\t\(map(.sent) | min)-\(map(.sent) | max), mean \((map(.sent) | add) / $n | round) probes\t"
      + "all \($truth | length) links in \(map(select(.found == ($truth | length))) | length) of \($n)\t"
      + "\($us / $n / 10000 | round / 100) s a run" end' "$results"
}

# jq reads the lines of one run as one.
probe_run() { "$lab" "$probe" --discover-paths "$@" "$target" | jq -sc .; }
scamper_run() {
  "$lab" --real-root scamper -O json -p 1000 -c "tracelb -P udp-sport -W 15 -w 1 -c $1" -i "$target"
}

results=$(mktemp)
trap 'rm -f "$results"' EXIT
for confidence in 95 99; do
  row "tm-probe --confidence $confidence" "$runs" "$ours" probe_run --confidence "$confidence"
  row "tm-probe --confidence $confidence --per-balancer" "$runs" "$ours" \
    probe_run --confidence "$confidence" --per-balancer
  row "scamper tracelb -c $confidence" "$peer_runs" "$theirs" scamper_run "$confidence"
done
