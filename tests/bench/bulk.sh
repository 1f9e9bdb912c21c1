#!/usr/bin/env bash
# Bulk probing beside scamper, into the simulated internet of tests/lab/topologies/fanout.toml, in
# one run: packets that the simulator took a second, answers, the most memory, and whether every hop
# is the true one. Two processors have to do for the simulator and the tool together.
#
# Usage: bulk.sh [DESTINATIONS [RATE [SCAMPER-DESTINATIONS]]]
#
# scamper needs real root, and sends at most 10,000 packets a second.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${TM_BIN:-$root/target/release}
probe=${TM_PROBE:-$bin/tm-probe}
destinations=${1:-100000} rate=${2:-110000} peer_destinations=${3:-10000}
max_hops=16

# Runs its arguments from the third on, and prints a row: the packets that the simulator read, as
# the kernel counts them; their rate from a tenth to nine tenths of them; destinations a second of
# the whole run; the most memory. $1: name; $2: destinations.
measure='
import os, resource, subprocess, sys, threading, time
name, destinations, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
def sent():
    with open("/proc/net/dev") as counters:
        line = next(line for line in counters if line.strip().startswith("tm0:"))
    return int(line.split(":")[1].split()[9])
samples, begun, first = [], time.monotonic(), sent()
child = subprocess.Popen(command, stdout=open(os.environ["BULK_OUT"], "wb"))
while child.poll() is None:
    samples.append((time.monotonic(), sent() - first))
    time.sleep(0.02)
took, packets = time.monotonic() - begun, sent() - first
inner = [(at, n) for at, n in samples if 0.1 * packets <= n <= 0.9 * packets]
rate = (inner[-1][1] - inner[0][1]) / (inner[-1][0] - inner[0][0]) if len(inner) > 1 else packets / took
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"{name}\t{destinations} destinations\t{packets} packets\t{rate:.0f} a second\t"
      f"{destinations / took:.0f} destinations a second in all\t{memory:.0f} MiB\texit {child.returncode}")
'

# Counts hop records, and those that are not the truth: 10.0.TTL.1 up to TTL 5, then the target.
judge='
import re, sys
hops = silent = wrong = 0
member = re.compile(rb"\"host\":\"([^\"]+)\".*?\"hop\":(\d+),\"ip\":(?:\"([^\"]+)\"|null)")
for line in open(sys.argv[1], "rb"):
    found = member.search(line)
    if not found:
        continue
    host, ttl, ip = found.groups()
    hops += 1
    silent += ip is None
    wrong += ip not in (None, b"10.0.%s.1" % ttl if int(ttl) <= 5 else host)
print(f"\t{hops} hops, of them {silent} silent, {wrong} wrong")
'

if [[ ${BULK_INSIDE:-} ]]; then
  row() { python3 -c "$measure" "$@"; }
  ip link set tm0 txqueuelen 60000
  row "tm-probe --bulk --rate $rate" "$destinations" \
    "$probe" --bulk -v -m "$max_hops" --near-rate 0 --rate "$rate" --targets "$BULK_LIST"
  python3 -c "$judge" "$BULK_OUT"
  head -n "$peer_destinations" "$BULK_LIST" >"$BULK_LIST.peer"
  row "tm-probe --rate 0 -q 1" "$peer_destinations" \
    "$probe" -q 1 --rate 0 --targets "$BULK_LIST.peer"
  if command -v scamper >/dev/null && ((EUID == 0)); then
    row "scamper -p 10000 trace -q 1" "$peer_destinations" \
      scamper -p 10000 -O text -c "trace -q 1" -f "$BULK_LIST.peer"
  else
    echo "scamper: not measured: it is not installed, or this is not real root"
  fi
  exit
fi

BULK_OUT=$(mktemp) BULK_LIST=$(mktemp) BULK_INSIDE=yes
export BULK_OUT BULK_LIST BULK_INSIDE
trap 'rm -f "$BULK_OUT" "$BULK_LIST" "$BULK_LIST.peer"' EXIT
# Scattered, so that no two are one range.
python3 -c "
import ipaddress, sys
for n in range(int(sys.argv[1])):
    print(ipaddress.ip_address(0x64400000 + 3 * n))" "$destinations" >"$BULK_LIST"
flags=()
((EUID != 0)) || flags=(--real-root)
taskset -c 0,1 "$bin/tm-sim" "${flags[@]}" "$root/tests/lab/topologies/fanout.toml" -- \
  "$BASH" "${BASH_SOURCE[0]}" "$@"
