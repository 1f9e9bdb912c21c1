#!/usr/bin/env bash
# tm-probe beside its peers, measured in the same run on the same networks: the
# simulated internets of tests/lab/topologies and the kernel's own routers of
# tests/lab/netns. Prints medians and their ratio to tm-probe's. A peer that is
# missing, or that did not really trace, is named as such and never timed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${TM_BIN:-$root/target/release}
tm_probe=${TM_PROBE:-$bin/tm-probe}
tm_sim=${TM_SIM:-$bin/tm-sim}
topologies=${TM_TOPOLOGIES:-$root/tests/lab/topologies}
lab=$root/tests/lab/netns/lab.sh
runs=10 slow_runs=3 slow_ms=3000 only='' out=''

usage() {
  cat <<END
Usage: peers.sh [OPTIONS]

  --runs N        timed runs of each command [$runs]
  --slow-runs N   of commands that take more than $((slow_ms / 1000)) s [$slow_runs]
  --only WORDS    of: startup chain long firewalled fanout netns netns-dark
  --out DIR       keep every measurement there as hyperfine's JSON

Binaries: TM_BIN, or TM_PROBE and TM_SIM [$bin].
Topologies: TM_TOPOLOGIES [$topologies].
END
}

die() {
  echo "peers.sh: $*" >&2
  exit 2
}

parse_options() {
  while (($#)); do
    case $1 in
      --runs) runs=$2 && shift ;;
      --slow-runs) slow_runs=$2 && shift ;;
      --only) only=$2 && shift ;;
      --out) out=$2 && shift ;;
      -h | --help) usage && exit ;;
      *) die "no option $1; see peers.sh --help" ;;
    esac
    shift
  done
}

wanted() { [[ ! $only || " $only " == *" $1 "* ]]; }

# --- one command ----------------------------------------------------------

# A line of the results: network, tool, median in ms or a word, runs.
record() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$results"; }

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# The first run warms up, tells how many more can be afforded, and shows whether
# the command traces at all: one that fails at once would win every race.
measure() { # NETWORK TOOL LEAST-LINES COMMAND...
  local network=$1 tool=$2 least=$3 started took count status=0
  shift 3
  if ! command -v "$1" >/dev/null; then
    record "$network" "$tool" missing 0
    return
  fi
  started=$(now_ms)
  "$@" >"$scratch/first" 2>"$scratch/first.err" </dev/null || status=$?
  took=$(($(now_ms) - started))
  # 1: traced, and the answer is no.
  if ((status > 1 || $(grep -cE '[0-9]+\.[0-9]|::' "$scratch/first") < least)); then
    record "$network" "$tool" failed 0
    echo "peers.sh: $network: $tool did not trace: $(tail -n 1 "$scratch/first.err")" >&2
    return
  fi
  count=$runs
  ((took <= slow_ms)) || count=$slow_runs
  record "$network" "$tool" "$(median_ms "$count" "$network-${tool//[ \/]/_}" "$@")" "$count"
}

median_ms() { # COUNT NAME COMMAND...
  local count=$1 json=$scratch/$2.json
  shift 2
  if command -v hyperfine >/dev/null; then
    hyperfine --shell none --ignore-failure --runs "$count" --style none \
      --export-json "$json" -- "${*@Q}" >/dev/null 2>&1
    sed -n 's/^ *"median": \([0-9.e-]*\),*$/\1/p' "$json" |
      LC_ALL=C awk '{ printf "%.2f", $1 * 1000 }'
  else
    local i started
    for ((i = 0; i < count; i++)); do
      started=${EPOCHREALTIME/[.,]/}
      "$@" >/dev/null 2>&1 </dev/null || :
      echo $((${EPOCHREALTIME/[.,]/} - started))
    done | sort -n | awk '{ t[NR] = $1 } END {
      printf "%.2f", (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2000 }'
  fi
}

# --- what is compared -----------------------------------------------------

# Every tool sends three probes to every hop. scamper -Q does; without it, it goes
# on after the first answer. -p lifts its default of 20 packets a second.
compare_traces() { # NETWORK TARGET
  measure "$1" "tm-probe" 3 "$tm_probe" -q 3 "$2"
  measure "$1" "tm-probe --rate 0" 3 "$tm_probe" -q 3 --rate 0 "$2"
  measure "$1" "traceroute -N 16" 3 traceroute -n -q 3 -N 16 "$2"
  measure "$1" "traceroute" 3 traceroute -n "$2"
  measure "$1" "mtr -c 1 (1 probe)" 3 mtr -n -c 1 -r "$2"
  measure "$1" "scamper" 3 scamper -p 1000 -O text -c "trace -q 3 -Q" -i "$2"
  measure "$1" "scamper (1st answer)" 3 scamper -p 1000 -O text -c "trace -q 3" -i "$2"
  measure "$1" "trip" 3 trip -C 1 -m json "$2"
}

# One probe to every hop of a thousand targets.
compare_bulk() { # NETWORK TARGETS-FILE
  local least
  least=$(wc -l <"$2")
  measure "$1" "tm-probe --rate 0" "$least" "$tm_probe" -q 1 --rate 0 --targets "$2"
  measure "$1" "scamper -p $scamper_pps" "$least" \
    scamper -p "$scamper_pps" -O text -c "trace -q 1" -f "$2"
  measure "$1" "traceroute, 64 at once" "$least" \
    xargs -a "$2" -n 1 -P 64 traceroute -n -q 1 -N 16
}

compare_startup() {
  measure startup "tm-probe" 0 "$tm_probe" --version
  measure startup "traceroute" 0 traceroute --version
  measure startup "mtr" 0 mtr --version
  measure startup "trip" 0 trip --version
}

# --- networks -------------------------------------------------------------

# This script again, in the network: measuring outside would time its building.
inside() { # COMMAND-PREFIX... -- FUNCTION ARGS...
  local prefix=()
  while [[ $1 != -- ]]; do
    prefix+=("$1")
    shift
  done
  shift
  PEERS_INSIDE="$*" "${prefix[@]}" "$BASH" "$here/peers.sh" "${options[@]}"
}

# The first destination's addresses, one a line, at most a thousand. Reads what it
# needs of the TOML and no more.
targets_of() { # TOPOLOGY-FILE
  python3 - "$1" <<'END'
import ipaddress, itertools, re, sys
text = open(sys.argv[1]).read().split("[[path]]", 1)[1]
value = re.search(r"^\s*destinations\s*=\s*(\[[^\]]*\])", text, re.M)[1]
nets = (ipaddress.ip_network(a) for a in re.findall(r'"([^"]+)"', value))
hosts = (h for n in nets if n.version == 4 for h in (n.hosts() if n.num_addresses > 1 else n))
for host in itertools.islice(hosts, 1000):
    print(host)
END
}

on_simulator() { # NAME FUNCTION
  local name=$1 file=$topologies/$1.toml list=$scratch/$1.targets
  wanted "$name" || return 0
  if ! command -v "$tm_sim" >/dev/null || [[ ! -f $file ]]; then
    record "$name" "(the network: tm-sim $name.toml)" missing 0
    return
  fi
  targets_of "$file" >"$list"
  if [[ $2 == compare_bulk ]]; then
    inside "$tm_sim" "$file" -- "$2" "$name" "$list"
  else
    inside "$tm_sim" "$file" -- "$2" "$name" "$(head -n 1 "$list")"
  fi
}

# scamper and mtr become other users, which only the real root can.
on_netns() { # NAME TARGET
  local flags=()
  wanted "$1" || return 0
  ((EUID != 0)) || flags=(--real-root)
  inside "$lab" "${flags[@]}" -- compare_traces "$1" "$2"
}

print_table() {
  LC_ALL=C awk -F '\t' '
    $2 ~ /^tm-probe/ && !($1 in base) && $3 + 0 > 0 { base[$1] = $3 }
    { line[NR] = $0 }
    END {
      printf "%-12s %-32s %12s %5s  %s\n", "network", "command", "median ms", "runs", "ratio to tm-probe"
      for (i = 1; i <= NR; i++) {
        split(line[i], f, "\t")
        if (f[1] != last && i > 1) print ""
        last = f[1]
        ratio = (f[1] in base) && f[3] + 0 > 0 ? sprintf("%.2f", f[3] / base[f[1]]) : "-"
        printf "%-12s %-32s %12s %5s  %s\n", f[1], f[2], f[3], f[4] ? f[4] : "-", ratio
      }
    }' "$results"
}

main() {
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  results=$scratch/results.tsv
  : >"$results"
  export PEERS_SCRATCH=$scratch
  ! wanted startup || compare_startup
  on_simulator chain compare_traces
  on_simulator long compare_traces
  on_simulator firewalled compare_traces
  on_simulator fanout compare_bulk
  on_netns netns 10.9.0.1
  on_netns netns-dark 10.9.0.2
  print_table
  if [[ $out ]]; then
    mkdir -p "$out"
    find "$scratch" -name '*.json' -exec cp -t "$out" {} +
    cp "$results" "$out/"
  fi
}

options=("$@")
scamper_pps=${SCAMPER_PPS:-10000}
parse_options "$@"
if [[ ${PEERS_INSIDE:-} ]]; then
  scratch=$PEERS_SCRATCH results=$PEERS_SCRATCH/results.tsv
  read -ra step <<<"$PEERS_INSIDE"
  "${step[@]}"
else
  main
fi
