#!/usr/bin/env bash
# An archive of RIPE Atlas results through tm-import | tm-asn | tm-geo: by one process a stage, by
# two shares on two cores, and on Apache Spark with one and two workers; wall-clock time, the better
# of two runs, Spark's start included. Checks that all of them write the same records.
#   spark.sh [RESULTS]      (40000)
# Needs release binaries (make bench says which), taskset, Java, and PySpark in target/python, which
# `make scale` puts there.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${TM_BIN:-$root/target/release}
count=${1:-40000}
python=$root/target/python/bin
work=$(mktemp -d)
# Executors of a local cluster leave what they unpacked beside PySpark.
trap 'rm -rf "$work" "$python"/../lib/python3*/site-packages/pyspark/work' EXIT
export PATH=$python:$bin:$PATH SPARK_LOCAL_IP=127.0.0.1 HOME=$work
unset "${!TRACEMAP_@}"
for tool in spark-submit tm-import tm-asn tm-geo tm-places-mmdb java taskset; do
  command -v "$tool" >/dev/null || { echo "spark.sh: $tool is missing; see its head" >&2 && exit 2; }
done

cd "$work"
cp "$root"/docs/examples/{enrich.sh,spark_enrich.py} .
awk 'BEGIN { for (n = 65536; n < 655360; n++)
  printf "%d.%d.%d.0/24\t%d\n", int(n / 65536), int(n / 256) % 256, n % 256, 1 + n % 60000 }' >table.dat
tm-asn build table.dat -o asn.mmdb
tm-places-mmdb "$work"
python3 "$root/tests/bench/archive.py" "$count" >archive.ndjson
mkdir bundle && cp enrich.sh asn.mmdb places.mmdb "$bin"/tm-{import,asn,geo} bundle
tar -czf tracemap.tar.gz -C bundle .

one_core() { taskset -c 0 ./enrich.sh ripe-atlas <archive.ndjson >out; }
one() { ./enrich.sh ripe-atlas <archive.ndjson >out; }
two() { split -n r/2 --filter='./enrich.sh ripe-atlas >$FILE' archive.ndjson out-; }
spark() { # MASTER MAPPER FLAG…
  local master=$1 mapper=$2
  shift 2
  spark-submit --master "$master" --conf spark.ui.enabled=false "$@" spark_enrich.py \
    --mapper "$mapper ripe-atlas" --partitions 8 --only-records archive.ndjson out 2>spark.log ||
    { tail -n 20 spark.log >&2 && exit 1; }
}

wanted=''
measure() { # NAME COMMAND…
  local best='' name=$1 begun took sum
  shift
  for _ in 1 2; do
    rm -rf out out-*
    begun=$(date +%s%N)
    "$@"
    took=$((($(date +%s%N) - begun) / 1000000))
    [[ $best ]] && ((best <= took)) || best=$took
  done
  sum=$(find . -path './out*' -type f ! -name '.*' ! -name _SUCCESS -exec cat {} + | LC_ALL=C sort | sha256sum)
  [[ ${wanted:=$sum} == "$sum" ]] || { echo "$name: other records" >&2 && exit 1; }
  printf '%-44s %8.1f s %10d traces/s\n' "$name" "$((best))e-3" "$((count * 1000 / best))"
}

# Seconds of CPU that one tool takes for the whole.
alone() { # INPUT OUTPUT TOOL…
  local input=$1 output=$2 took TIMEFORMAT='%U %S'
  shift 2
  took=$({ time "$@" <"$input" >"$output"; } 2>&1)
  awk -v name="$1 alone, CPU time" -v took="$took" -v records="$(wc -l <alone-import)" 'BEGIN {
    split(took, part, " "); took = part[1] + part[2]
    printf "%-44s %8.1f s %10d records/s\n", name, took, records / took }'
}

tm-import --from ripe-atlas archive.ndjson >alone-import
echo "$count results, $(($(stat -c %s archive.ndjson) / 1000000)) MB, $(wc -l <alone-import) records; $(nproc) cores"
alone archive.ndjson out tm-import --from ripe-atlas
alone alone-import alone-asn tm-asn --offline --no-cache --db asn.mmdb
alone alone-asn out tm-geo --offline --no-cache --mmdb places.mmdb
measure 'one pipeline, one core' one_core
measure 'one pipeline' one
measure 'two pipelines (split)' two
measure 'Spark, local[1]' spark 'local[1]' ./enrich.sh
measure 'Spark, local[2]' spark 'local[2]' ./enrich.sh
measure 'Spark, one worker: local-cluster[1,1,1024]' spark 'local-cluster[1,1,1024]' tracemap/enrich.sh --archives tracemap.tar.gz#tracemap
measure 'Spark, two workers: local-cluster[2,1,1024]' spark 'local-cluster[2,1,1024]' tracemap/enrich.sh --archives tracemap.tar.gz#tracemap
