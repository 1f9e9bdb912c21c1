#!/usr/bin/env bash
# Times tm-export: a page of thirty hops as a whole process (median of 50), and a log of COUNT
# (1,000,000) hop records to each format that streams, with its peak memory, beside what jq and
# python3 need for as much in the same run.
# Needs release binaries: cargo build --release -p tm-export -p tm-tests --bins
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
count=${1:-1000000}
bin=${BIN:-$root/target/release}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tm-bench.XXXXXX")
trap 'rm -r "$scratch"' EXIT

now() { date +%s%N; }

"$bin/tm-tour" long >"$scratch/long.ndjson"
times=()
for _ in $(seq 50); do
	started=$(now)
	"$bin/tm-export" --format html "$scratch/long.ndjson" >"$scratch/long.html"
	times+=($((($(now) - started) / 1000)))
done
mapfile -t sorted < <(printf '%s\n' "${times[@]}" | sort -n)
awk -v us="${sorted[25]}" -v least="${sorted[0]}" -v size="$(wc -c <"$scratch/long.html")" \
	'BEGIN { printf "html, 30 hops: %.1f ms (median of 50, least %.1f), %d KB\n", us / 1000, least / 1000, size / 1000 }'

"$bin/tm-tour" log "$count" >"$scratch/log.ndjson"
size=$(wc -c <"$scratch/log.ndjson")
hops=$(grep -c '"type":"hop"' "$scratch/log.ndjson")
awk -v hops="$hops" -v size="$size" 'BEGIN { printf "\n%d hop records, %.0f MB\n\n", hops, size / 1e6 }'
printf '%-22s %8s %12s %8s %9s %7s\n' program seconds records/s MB/s 'peak MB' ratio

base=
# The seconds and the peak memory of a command that reads the log: what python3 says of its child.
measure() { # NAME COMMAND...
	local name=$1 told
	shift
	told=$(python3 - "$scratch/log.ndjson" "$@" <<-'END'
		import resource, subprocess, sys, time
		started = time.monotonic()
		with open(sys.argv[1], "rb") as log:
		    subprocess.run(sys.argv[2:], stdin=log, stdout=subprocess.DEVNULL, check=True)
		took = time.monotonic() - started
		print(took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)
	END
	)
	read -r seconds peak <<<"$told"
	[ -n "$base" ] || base=$seconds
	awk -v name="$name" -v s="$seconds" -v peak="$peak" -v hops="$hops" -v size="$size" -v base="$base" \
		'BEGIN { printf "%-22s %8.1f %12d %8.0f %9.0f %7.2f\n", name, s, hops / s, size / 1e6 / s, peak, base / s }'
}

# The peers: reading and printing every record, and the columns of our table by Python's csv.
measure 'jq -c .' jq -c .
measure 'python3 json, csv' python3 -c '
import csv, json, sys
out = csv.writer(sys.stdout)
for line in sys.stdin:
    hop = json.loads(line)
    if hop["type"] != "hop":
        continue
    dns, asn, geo, rtt = (hop.get(name) or {} for name in ("dns", "asn", "geo", "rtt"))
    out.writerow([hop["trace_id"], hop["host"], hop["round"], hop["at"], hop["hop"], hop["ip"],
        dns.get("hostname"), asn.get("number"), asn.get("org"), geo.get("city"), geo.get("lat"),
        geo.get("lon"), hop["sent"], hop["received"], hop["loss_pct"], rtt.get("min"),
        rtt.get("avg"), rtt.get("max"), rtt.get("jitter"), json.dumps(hop["probes"])])
'
for format in csv ndjson influx parquet sqlite; do
	measure "tm-export $format" "$bin/tm-export" --quiet --format "$format"
done
measure 'tm-export json --last' "$bin/tm-export" --quiet --format json --last
