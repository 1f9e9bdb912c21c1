# The latest round of each host in Prometheus' text format:
#   jq -rn -f prometheus.jq watch_*.jsonl > tracemap.prom.$$ && mv tracemap.prom.$$ tracemap.prom
def quoted: tostring | gsub("\\\\"; "\\\\") | gsub("\""; "\\\"") | gsub("\n"; "\\n");
def metric($name; $help; $type; $rows):
  if ($rows | length) == 0 then empty
  else "# HELP \($name) \($help)", "# TYPE \($name) \($type)", ($rows[] | $name + .) end;
def of($host): "{host=\"\($host | quoted)\"}";

reduce (inputs | objects | select(.host != null)) as $record ({};
  .[$record.host] as $known
  | if $record.type == "trace" and $record.stop != "interrupted" then
      .[$record.host] = ($known // {} | .trace = $record | .rounds += 1
        | .end = (if $record.reached then .seen else null end) | .seen = null)
    elif $record.type == "hop" and $record.is_destination then
      .[$record.host].seen = $record
    elif $record.type == "alert" then
      .[$record.host].standing |=
        (if $record.kind == "recovered" then del(.[$record.of // "?"]) else .[$record.kind] = 1 end)
    else . end)
| to_entries | map(select(.value.trace != null)) as $hosts
| metric("tracemap_reached"; "Whether the destination answered in the latest round."; "gauge";
    [$hosts[] | of(.key) + " " + (if .value.trace.reached then "1" else "0" end)]),
  metric("tracemap_round_timestamp_seconds"; "When the latest round ended."; "gauge";
    [$hosts[] | of(.key) + " " + (.value.trace.completed_at | sub("\\.[0-9]+Z$"; "Z") | fromdate | tostring)]),
  metric("tracemap_hops"; "TTLs of the latest round."; "gauge";
    [$hosts[] | of(.key) + " \(.value.trace.hops)"]),
  metric("tracemap_rtt_seconds"; "Median RTT to the destination in the latest round."; "gauge";
    [$hosts[] | select(.value.end.rtt != null) | of(.key) + " \(.value.end.rtt.median / 1000)"]),
  metric("tracemap_loss_ratio"; "Part of the probes to the destination lost in the latest round."; "gauge";
    [$hosts[] | of(.key) + " " + (if .value.end then .value.end.loss_pct / 100 else 1 end | tostring)]),
  metric("tracemap_alert"; "1 while an alert of this kind stands."; "gauge";
    [$hosts[] | .key as $host | .value.standing // {} | keys[]
      | "{host=\"\($host | quoted)\",kind=\"\(.)\"} 1"])
