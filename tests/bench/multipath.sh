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

# How often it missed a link, with Clopper and Pearson's interval at 95 %.
interval='
  def tail($n; $p; $k): reduce range($k) as $i
    ({term: pow(1 - $p; $n), below: 0};
     .below += .term | .term *= ($n - $i) / ($i + 1) * $p / (1 - $p)) | 1 - .below;
  def solve($n; $k; $wanted): reduce range(50) as $_ ([0, 1];
    ((.[0] + .[1]) / 2) as $middle
    | if tail($n; $middle; $k) < $wanted then [$middle, .[1]] else [.[0], $middle] end) | .[0];
  def tenths: . * 1000 | round / 10;
  def interval($n; $k):
    "\(if $k == 0 then 0 else solve($n; $k; 0.025) end | tenths) to "
    + "\(if $k == $n then 1 else solve($n; $k + 1; 0.975) end | tenths) %";'

row() { # NAME RUNS FILTER COMMAND...
  local name=$1 count=$2 filter=$3 i began results
  shift 3
  results=$(mktemp -p "$folder")
  began=${EPOCHREALTIME/./}
  for ((i = 0; i < count; i++)); do
    "$@" 2>/dev/null
  done | jq -c "$filter" >"$results"
  jq -rs --arg name "$name" --argjson truth "$truth" --argjson us $((${EPOCHREALTIME/./} - began)) "$interval"'
    map(.found = ([.links[] | select(IN($truth[]))] | length)) | length as $n
    | if $n == 0 then "\($name)\tnothing: is it installed, and is this real root?" else
      (map(select(.found < ($truth | length))) | length) as $missed
      | "\($name)\t\($n) runs\t\(map(.sent) | min)-\(map(.sent) | max), mean \((map(.sent) | add) / $n | round) probes\t"
      + "all \($truth | length) links in \($n - $missed); missed in \(interval($n; $missed))\t"
      + "\($us / $n / 10000 | round / 100) s a run" end' "$results"
}

# jq reads the lines of one run as one.
probe_run() { "$lab" "$probe" --discover-paths "$@" "$target" | jq -sc .; }
scamper_run() {
  "$lab" --real-root scamper -O json -p 1000 -c "tracelb -P udp-sport -W 15 -w 1 -c $1" -i "$target"
}
ours() { row "tm-probe $*" "$runs" "$ours" probe_run "$@"; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Peers mostly wait; both have networks of their own, beside ours.
for confidence in 95 99; do
  row "scamper tracelb -c $confidence" "$peer_runs" "$theirs" scamper_run "$confidence" \
    >"$folder/scamper-$confidence" &
done
ours --confidence 95 --per-balancer >"$folder/each-95"
ours --confidence 99 --per-balancer >"$folder/each-99"
ours --confidence 95 >"$folder/all-95"
ours --confidence 99 >"$folder/all-99"
wait
echo "So sure of each balancer by itself, 95 %:"
cat "$folder/each-95" "$folder/scamper-95"
echo "The same, 99 %:"
cat "$folder/each-99" "$folder/scamper-99"
echo "So sure of the whole graph, 95 %: of three balancers each by 98.3 %, which takes -c 99:"
cat "$folder/all-95" "$folder/scamper-99"
echo "The same, 99 %, for which scamper has no -c:"
cat "$folder/all-99"
