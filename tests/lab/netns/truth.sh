# shellcheck shell=bash
#
# The truth of the lab as JSON, computed from topology.sh: one path for each
# vantage point, target and family. README.md explains the members.

json_list() { # ITEMS...
  local IFS=,
  local quoted=("${@/#/\"}")
  quoted=("${quoted[@]/%/\"}")
  if (($#)); then echo "[${quoted[*]}]"; else echo "[]"; fi
}

node_address() { # FAMILY NODE
  if [[ $1 == 4 ]]; then echo "${ADDRESS4[$2]}"; else echo "${ADDRESS6[$2]}"; fi
}

target_address() { # FAMILY TARGET
  if [[ $1 == 4 ]]; then echo "${TARGET4[$2]}"; else echo "${TARGET6[$2]}"; fi
}

# Where a node's answer comes from. The target's own address answers at its end.
responder() { # FAMILY NODE TARGET
  if [[ $2 == "$HOST" ]]; then target_address "$1" "$3"; else node_address "$1" "$2"; fi
}

nodes_at() { # TTL
  local name
  for name in "${!TTL[@]}"; do
    [[ ${TTL[$name]} != "$1" ]] || echo "$name"
  done | sort
}

# The last TTL at which anything on the way to a target is heard of.
last_heard() { # TARGET
  if [[ ${FATE[$1]} == open ]]; then echo "${TTL[$HOST]}"; else echo "${TTL[$EDGE]}"; fi
}

print_hops() { # FAMILY TARGET SHIFT
  local ttl name heard
  if (($3)); then
    printf '{"ttl":1,"responders":%s},' "$(json_list "$(node_address "$1" "$NAT_BOX")")"
  fi
  for ((ttl = 1; ttl <= $(last_heard "$2"); ttl++)); do
    heard=()
    for name in $(nodes_at "$ttl"); do
      is_silent "$name" || heard+=("$(responder "$1" "$name" "$2")")
    done
    ((ttl == 1)) || printf ','
    printf '{"ttl":%d,"responders":%s}' $((ttl + $3)) "$(json_list "${heard[@]}")"
  done
}

# Links between responders at neighbouring TTLs; none touches a silent node.
print_links() { # FAMILY TARGET SHIFT
  local name parent separator='' last
  last=$(last_heard "$2")
  if (($3)); then
    printf '{"ttl":1,"from":"%s","to":"%s"}' \
      "$(node_address "$1" "$NAT_BOX")" "$(node_address "$1" "$NAT_JOINS")"
    separator=,
  fi
  for name in "${NODES[@]}"; do
    name=${name%% *}
    for parent in ${PARENTS[$name]}; do
      if [[ $parent == src ]] || is_silent "$parent" || is_silent "$name"; then continue; fi
      ((${TTL[$name]} <= last)) || continue
      printf '%s{"ttl":%d,"from":"%s","to":"%s"}' "$separator" $((${TTL[$parent]} + $3)) \
        "$(responder "$1" "$parent" "$2")" "$(responder "$1" "$name" "$2")"
      separator=,
    done
  done
}

reply() { # KIND TYPE CODE NOTE
  local note=null
  [[ $4 == null ]] || note="\"$4\""
  printf '{"kind":"%s","type":%s,"code":%s,"note":%s}' "$1" "$2" "$3" "$note"
}

print_final_replies() { # FAMILY TARGET
  local unreachable="3 3" echo_reply="0 0" words all
  [[ $1 == 4 ]] || unreachable="1 4" echo_reply="129 0"
  case ${FATE[$2]} in
    dropped) ;;
    open)
      # shellcheck disable=SC2086  # type and code are two words
      printf '"udp":%s,"udp:%d":%s,"icmp":%s,"tcp":%s,"tcp:%d":%s' \
        "$(reply dest_unreachable $unreachable null)" \
        "$UDP_ECHO" "$(reply udp_reply null null null)" \
        "$(reply echo_reply $echo_reply null)" \
        "$(reply rst null null null)" \
        "$TCP_OPEN" "$(reply syn_ack null null null)"
      ;;
    *)
      read -ra words <<<"${REFUSAL[${FATE[$2]}]}"
      [[ $1 == 4 ]] || words=("${words[@]:4}")
      all=$(reply dest_unreachable "${words[@]:1:3}")
      printf '"udp":%s,"icmp":%s,"tcp":%s' "$all" "$all" "$all"
      ;;
  esac
}

print_outcome() { # FAMILY TARGET SHIFT
  local reached=false stop=unreachable ttl=$((${TTL[$EDGE]} + $3))
  case ${FATE[$2]} in
    open) reached=true stop=destination ttl=$((${TTL[$HOST]} + $3)) ;;
    dropped) stop=gap_limit ttl=null ;;
  esac
  printf '{"reached":%s,"stop":"%s","ttl":%s,"replies":{%s}}' \
    "$reached" "$stop" "$ttl" "$(print_final_replies "$1" "$2")"
}

print_path() { # FROM FAMILY TARGET
  local shift=0 source
  source=$(node_address "$2" src)
  if [[ $1 == nat ]]; then
    shift=1
    source=$(node_address "$2" "$NAT_HOST")
  fi
  printf '{"from":"%s","source":"%s","target":"%s","family":%d,"address":"%s",\n  "hops":[%s],\n  "links":[%s],\n  "outcome":%s}' \
    "$1" "$source" "$3" "$2" "$(target_address "$2" "$3")" \
    "$(print_hops "$2" "$3" "$shift")" "$(print_links "$2" "$3" "$shift")" \
    "$(print_outcome "$2" "$3" "$shift")"
}

print_truth() {
  local from name family separator=''
  printf '{"lab":"netns","tcp_open":[%d],"udp_open":[%d],\n' "$TCP_OPEN" "$UDP_ECHO"
  printf '"nat":{"ipv4":"%s","ipv6":"%s"},\n"paths":[\n' "$NAT_OUTSIDE4" "$NAT_OUTSIDE6"
  for from in src nat; do
    for name in "${TARGET_NAMES[@]}"; do
      for family in 4 6; do
        printf '%s%s' "$separator" "$(print_path "$from" "$family" "$name")"
        separator=$',\n'
      done
    done
  done
  printf '\n]}\n'
}
