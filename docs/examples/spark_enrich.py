#!/usr/bin/env python3
"""Enriches and sums up an archive of traces on Apache Spark, with tracemap's filters as they are.

    spark_enrich.py --mapper 'enrich.sh ripe-atlas' traceroute-*.bz2 OUT    one result a line
    spark_enrich.py --mapper enrich.sh --records log-*.ndjson OUT           records of tracemap

OUT/records: the enriched records, as text. OUT/hops: Parquet, one row a hop record, by day.
OUT/networks: Parquet, one row an AS and country.
"""
import argparse
import json
import os
import re
import shlex
import zlib

from pyspark.sql import SparkSession, functions as f

# What of a record becomes a column. Members that a record does not have are NULL.
HOP = """
    type STRING, trace_id STRING, host STRING, resolved_ip STRING, source_ip STRING,
    protocol STRING, at STRING, hop INT, ip STRING, sent INT, received INT,
    rtt STRUCT<min: DOUBLE, median: DOUBLE>,
    asn STRUCT<number: LONG, org: STRING, prefix: STRING, source: STRING, error: STRING>,
    geo STRUCT<city: STRING, country_code: STRING, lat: DOUBLE, lon: DOUBLE,
               confidence: STRING, source: STRING>
"""
TRACE_ID = re.compile(r'"trace_id":"([^"\\]*)"')


def trace_of(line):
    """The trace that a record belongs to."""
    found = TRACE_ID.search(line)
    if found:
        return found.group(1)
    try:
        return str(json.loads(line)["trace_id"])
    except (ValueError, TypeError, KeyError):
        return ""


def whole_traces(lines, partitions):
    """All records of a trace in one partition, one after the other, in their order: tm-geo holds
    a hop against the hops before it."""
    numbered = lines.zipWithIndex().map(lambda line: ((trace_of(line[0]), line[1]), line[0]))
    shared = numbered.repartitionAndSortWithinPartitions(
        partitions, partitionFunc=lambda key: zlib.crc32(key[0].encode()))
    return shared.values()


def hops_of(spark, records):
    """The hop records in typed columns."""
    parsed = spark.read.text(records).select(f.from_json("value", HOP).alias("r")).select("r.*")
    hops = parsed.where("type = 'hop'").drop("type")
    return hops.withColumn("at", f.to_timestamp("at")).withColumn("day", f.to_date("at"))


def networks_of(hops):
    """What is known of each AS and country: how many addresses answered in how many traces, how
    fast. Hops that nobody knows the network of are a row too; private ones are among them."""
    return hops.where("ip IS NOT NULL").groupBy("asn.number", "geo.country_code").agg(
        f.max("asn.org").alias("org"),
        f.countDistinct("ip").alias("responders"),
        f.countDistinct("trace_id").alias("traces"),
        f.countDistinct("source_ip").alias("vantages"),
        f.count("*").alias("hops"),
        f.percentile("rtt.min", 0.5).alias("rtt_min_median"),
    )


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--mapper", required=True, help="the command that enriches a partition")
    args.add_argument("--records", action="store_true", help="the input is records: keep traces whole")
    args.add_argument("--only-records", action="store_true", help="do not sum up")
    args.add_argument("--partitions", type=int, help="share the work out in so many parts")
    args.add_argument("input", nargs="+")
    args.add_argument("output")
    args = args.parse_args()

    spark = SparkSession.builder.appName("tracemap").config(
        "spark.sql.session.timeZone", "UTC").getOrCreate()
    context = spark.sparkContext
    partitions = args.partitions or 4 * context.defaultParallelism
    lines = context.textFile(",".join(args.input), partitions)
    if args.records:
        lines = whole_traces(lines, partitions)
    elif lines.getNumPartitions() < partitions:
        lines = lines.repartition(partitions)  # .gz files cannot be read from the middle

    # PySpark starts the command with an empty environment, and ignores its exit code if not told.
    handed = {name: value for name, value in os.environ.items()
              if name in ("PATH", "HOME") or name.endswith("_DB")}
    command = shlex.join(["bash", *shlex.split(args.mapper)])
    enriched = lines.pipe(command, env=handed, checkCode=True)
    enriched.saveAsTextFile(f"{args.output}/records")

    if not args.only_records:
        hops = hops_of(spark, f"{args.output}/records")
        hops.write.partitionBy("day").parquet(f"{args.output}/hops")
        networks_of(hops).coalesce(1).write.parquet(f"{args.output}/networks")
    spark.stop()


if __name__ == "__main__":
    main()
