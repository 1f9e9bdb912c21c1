#!/usr/bin/env bash
# tm-asn, and tm-geo where it is built, with a local database: how many 440-octet records they
# enrich in a second of one core beside `jq -c .` in the same run, how fast lines pass that are not
# theirs, how much memory ten million lines take, how soon an answer leaves, how fast they start.
# Prints a table and fails where a figure is worse than it must be.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${TM_BIN:-$root/target/release}
lines=1000000 long=10000000 core=0 mmdb=''

usage() {
  cat <<END
Usage: enrich.sh [OPTIONS]

  --lines N    records of the log [$lines]
  --long N     lines of the long run [$long]
  --core N     the core to run on [$core]
  --mmdb FILE  database of places for tm-geo; without it tm-geo is left out

Binaries: TM_BIN [$bin]. Needs jq, taskset, python3.
END
}

die() { echo "enrich.sh: $*" >&2 && exit 2; }

while (($#)); do
  case $1 in
    --lines) lines=$2 && shift ;;
    --long) long=$2 && shift ;;
    --core) core=$2 && shift ;;
    --mmdb) mmdb=$2 && shift ;;
    -h | --help) usage && exit ;;
    *) die "no option $1; see enrich.sh --help" ;;
  esac
  shift
done

for tool in jq taskset python3; do command -v "$tool" >/dev/null || die "$tool is missing"; done
[[ -x $bin/tm-asn ]] || die "$bin/tm-asn is missing: cargo build --release -p tm-asn"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work XDG_CACHE_HOME=$work/cache XDG_DATA_HOME=$work/data XDG_CONFIG_HOME=$work/config
unset "${!TRACEMAP_@}"

# --- what is measured on ----------------------------------------------------

# A million prefixes, and records of a thousand responders in them. The log stands in memory where
# there is a place for it.
table() {
  awk 'BEGIN {
    for (n = 0; n < 1000000; n++)
      printf "%d.%d.%d.0/24\t%d\n", 1 + int(n / 65536), int(n / 256) % 256, n % 256, 1 + n % 60000
  }'
}

log() { # TYPE LINES
  awk -v type="$1" -v lines="$2" 'BEGIN {
    for (n = 0; n < lines; n++) {
      k = n % 1000; rtt = sprintf("%.3f", 1 + (n % 997) / 7)
      printf "{\"type\":\"%s\",\"v\":1,\"trace_id\":\"019abf00-1111-7222-8333-444455556666\",\"host\":\"www.example.com\",\"resolved_ip\":\"198.41.0.4\",\"source_ip\":\"192.168.1.2\",\"protocol\":\"udp\",\"port\":33434,\"round\":1,\"at\":\"2026-11-24T10:00:00.000000Z\",\"hop\":%d,\"ip\":\"%d.%d.%d.%d\",\"probes\":[{\"rtt_ms\":%s,\"ok\":true,\"flow\":0}],\"sent\":1,\"received\":1,\"loss_pct\":0.0,\"rtt\":{\"min\":%s,\"avg\":%s,\"median\":%s,\"max\":%s,\"stddev\":0.0,\"jitter\":null},\"is_private\":false}\n",
        type, 1 + n % 30, 1 + k % 9, k % 256, (k * 7) % 256, 1 + k % 254, rtt, rtt, rtt, rtt, rtt
    }
  }'
}

echo "preparing" >&2
table >"$work/table.dat"
"$bin/tm-asn" build "$work/table.dat" -o "$work/asn.mmdb"
place=$work
[[ -w /dev/shm ]] && (($(df --output=avail -k /dev/shm | tail -1) > lines)) && place=$(mktemp -d -p /dev/shm)
trap 'rm -rf "$work" "$place"' EXIT
log hop "$lines" >"$place/log"
log note "$lines" >"$place/notes"
log hop 1 >"$work/one"
octets=$(($(stat -c %s "$place/log") / lines))

# --- measuring --------------------------------------------------------------

# Seconds of CPU, of the fastest of five runs: what others do on the core is not counted.
seconds() { # COMMAND…
  python3 - "$core" "$@" <<'PY'
import os, subprocess, sys
best = None
for _ in range(5):
    before = os.times()
    with open(os.devnull, "wb") as null:
        subprocess.run(["taskset", "-c", *sys.argv[1:]], stdout=null, check=True)
    after = os.times()
    took = after.children_user + after.children_system - before.children_user - before.children_system
    best = took if best is None else min(best, took)
print(f"{best:.3f}")
PY
}

# Milliseconds until a process has come and gone with one record: the median of a hundred.
start() { # COMMAND…
  python3 - "$@" <<'PY'
import statistics, subprocess, sys, time
times = []
for _ in range(100):
    begun = time.perf_counter()
    subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
    times.append(time.perf_counter() - begun)
print(f"{statistics.median(times) * 1000:.1f}")
PY
}

# Milliseconds from a record going in to the same record coming out, one at a time: the 99th of a
# hundred.
live() { # COMMAND…
  python3 - "$work/one" "$@" <<'PY'
import subprocess, sys, time
line = open(sys.argv[1], "rb").read()
tool = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
times = []
for n in range(200):
    begun = time.perf_counter()
    tool.stdin.write(line.replace(b'"ip":"1.0.0.1"', b'"ip":"2.0.%d.1"' % n))
    tool.stdout.readline()
    times.append(time.perf_counter() - begun)
tool.stdin.close()
tool.wait()
print(f"{sorted(times)[197] * 1000:.2f}")
PY
}

# Megabytes of memory that are the process's own at its peak, over very many lines. The pages of a
# mapped database are the system's, but they are counted all the same.
memory() { # COMMAND…
  python3 - "$place/log" "$((long / lines))" "$@" <<'PY'
import os, resource, subprocess, sys
log, times = sys.argv[1], int(sys.argv[2])
tool = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
with open(log, "rb") as records:
    for _ in range(times):
        offset = 0
        while part := os.read(records.fileno(), 1 << 20):
            tool.stdin.write(part)
        os.lseek(records.fileno(), 0, os.SEEK_SET)
tool.stdin.close()
assert tool.wait() == 0
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
}

failures=0
must() { # WHAT VALUE ge|lt LIMIT UNIT
  local verdict=ok
  awk -v value="$2" -v limit="$4" -v how="$3" \
    'BEGIN { exit !(how == "ge" ? value >= limit : value < limit) }' || verdict=TOO_BAD
  [[ $verdict == ok ]] || failures=$((failures + 1))
  printf '%-44s %10s %-12s %s %-6s %s\n' "$1" "$2" "$5" "${3/ge/≥}" "$4" "$verdict" | sed 's/ lt / < /'
}

rate() { awk -v lines="$lines" -v seconds="$1" 'BEGIN { printf "%.2f", lines / seconds / 1e6 }'; }
ratio() { awk -v one="$1" -v other="$2" 'BEGIN { printf "%.1f", one / other }'; }

bench() { # NAME COMMAND…
  local name=$1 own pass
  shift
  own=$(seconds "$@" "$place/log")
  pass=$(seconds "$@" "$place/notes")
  must "$name: records enriched" "$(rate "$own")" ge 1 "M/s"
  must "$name: times jq -c ." "$(ratio "$jq" "$own")" ge 4 "×"
  must "$name: other records passed" "$(rate "$pass")" ge 2 "M/s"
  must "$name: start to end, one record" "$(start "$@" "$work/one")" lt 5 "ms"
  must "$name: live, record in to record out" "$(live "$@")" lt 5 "ms"
  must "$name: memory over $((long / 1000000)) M lines" "$(memory "$@")" lt 64 "MB"
}

jq=$(seconds jq -c . "$place/log")
echo "$lines records of $octets octets, $(rate "$jq") M/s with jq -c ."
bench tm-asn "$bin/tm-asn" --offline --db "$work/asn.mmdb"
if [[ $mmdb ]]; then
  [[ -x $bin/tm-geo ]] || die "$bin/tm-geo is missing"
  bench tm-geo "$bin/tm-geo" --offline --mmdb "$mmdb"
fi
exit $((failures > 0))
