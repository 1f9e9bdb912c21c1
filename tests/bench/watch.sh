#!/usr/bin/env bash
# tm-watch and tm-diff over long logs: a day's log (2,880 rounds of 20 hops) through tm-watch, the
# memory of a day beside that of a month, the day's log compared with itself by tm-diff, and kills
# while `tracemap watch` logs. Prints a table and fails where a figure is worse than it must be.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${TM_BIN:-$root/target/release}
kills=200

usage() {
  cat <<END
Usage: watch.sh [OPTIONS]

  --kills N  kill -9 while logging, so many times; 0: leave that out [$kills]

Binaries: TM_BIN [$bin]. Needs python3, GNU time, and cargo for the kills.
END
}

die() { echo "watch.sh: $*" >&2 && exit 2; }

while (($#)); do
  case $1 in
    --kills) kills=$2 && shift ;;
    -h | --help) usage && exit ;;
    *) die "no option $1; see watch.sh --help" ;;
  esac
  shift
done
for tool in tm-watch tm-diff tm-anomalies; do
  [[ -x $bin/$tool ]] || die "$bin/$tool is missing: cargo build --release -p tm-watch -p tm-diff -p tm-tests --bins"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
home=$HOME
export HOME=$work XDG_STATE_HOME=$work XDG_CONFIG_HOME=$work/none
unset "${!TRACEMAP_@}"
"$bin/tm-anomalies" day >"$work/day.jsonl"

# Seconds of CPU time of the fastest of five runs: other programs disturb that less than a clock.
seconds() { # COMMAND…
  python3 - "$@" <<'PY'
import resource, subprocess, sys
def spent():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
best = None
for _ in range(5):
    begun = spent()
    subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
    took = spent() - begun
    best = took if best is None else min(best, took)
print(f"{best:.2f}")
PY
}

# Megabytes that tm-watch takes at its peak over a log that `tm-anomalies WHICH` writes.
memory() { # WHICH
  "$bin/tm-anomalies" "$1" | command time -f %M -o "$work/peak" "$bin/tm-watch" >/dev/null
  awk '{ printf "%.1f", $1 / 1024 }' "$work/peak"
}

failures=0
must() { # WHAT VALUE LIMIT UNIT
  local verdict=ok
  awk -v value="$2" -v limit="$3" 'BEGIN { exit !(value < limit) }' || verdict=TOO_BAD
  [[ $verdict == ok ]] || failures=$((failures + 1))
  printf '%-46s %7s %-3s < %-5s %s\n' "$1" "$2" "$4" "$3" "$verdict"
}

octets=$(stat -c %s "$work/day.jsonl")
echo "a day's log: $(wc -l <"$work/day.jsonl") records, $((octets / 1000000)) MB"
must "tm-watch: a day's log" "$(seconds "$bin/tm-watch" "$work/day.jsonl")" 1 s
must "tm-diff: that log with itself" "$(seconds "$bin/tm-diff" "$work/day.jsonl" "$work/day.jsonl")" 2 s
day=$(memory day) month=$(memory month)
must "tm-watch: memory over a day" "$day" 16 MB
must "tm-watch: memory over a month" "$month" "$(awk -v day="$day" 'BEGIN { print day + 2 }')" MB

if ((kills)); then
  cd "$root"
  HOME=$home TRACEMAP_KILLS=$kills cargo test --quiet --locked -p tm-tests \
    --test watch_live kills -- --nocapture 2>&1 | grep 'kills while logging' ||
    { echo "a line was lost or torn" && failures=$((failures + 1)); }
fi
exit $((failures > 0))
