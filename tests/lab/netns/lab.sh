#!/usr/bin/env bash
# A network of real kernel routers in namespaces, for one command. No root needed.
# What there is: README.md beside this file; what is true of it: lab.sh --truth.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=topology.sh
source "$here/topology.sh"

usage() {
  cat <<END
Usage: lab.sh [OPTIONS] [--] [COMMAND ARGS...]

Builds the lab, runs COMMAND in it and exits with COMMAND's code. Without
COMMAND: an interactive shell. The lab ends with the command, whatever ends it.

  --from src|nat   the vantage point: the plain one, or the one behind the
                   masquerading box [src]
  --drop-caps      run COMMAND without any capability, as a normal user would
  --ping-group     let COMMAND open unprivileged ICMP (ping) sockets
  --icmp-limits    leave the kernel's limits on ICMP errors in force
  --offload        leave checksum offload on, so that quoted datagrams of
                   ordinary sockets carry unfinished checksums
  --real-root      as root: do without a user namespace. scamper and tcpdump want
                   to become other users, of whom a user namespace has none
  --truth          print what is true of the lab as JSON; build nothing
  -h, --help       this text

Targets: ${TARGET_NAMES[*]} (TCP $TCP_OPEN and UDP $UDP_ECHO open on $HOST).
END
}

die() {
  echo "lab.sh: $*" >&2
  exit 125 # as env and timeout do when they themselves fail
}

vantage=src command=()
drop_caps='' ping_group='' icmp_limits='' offload='' real_root='' truth='' inside=''
parse_options() {
  while [[ ${1:-} == -* ]]; do
    case $1 in
      --from) vantage=${2:-} && shift ;;
      --from=*) vantage=${1#*=} ;;
      --drop-caps) drop_caps=1 ;;
      --ping-group) ping_group=1 ;;
      --icmp-limits) icmp_limits=1 ;;
      --offload) offload=1 ;;
      --real-root) real_root=1 ;;
      --truth) truth=1 ;;
      --inside) inside=1 ;; # this script's own second life, in its namespaces
      -h | --help) usage && exit ;;
      --) shift && break ;;
      *) die "no option $1; see lab.sh --help" ;;
    esac
    shift
  done
  case $vantage in
    src | "$NAT_HOST") ;;
    nat) vantage=$NAT_HOST ;;
    *) die "--from takes src or nat, not '$vantage'" ;;
  esac
  command=("$@")
}

# --- namespaces -----------------------------------------------------------

# Everything below happens in namespaces of our own. They live as long as a
# process is in them, so there is nothing to tear down: this very process becomes
# COMMAND, and signals and exit codes need no forwarding.
enter_namespaces() {
  local ways=("unshare -rnm") way
  ((EUID != 0)) || ways+=("unshare -nm") # containers that forbid user namespaces
  [[ ! $real_root ]] || ways=("unshare -nm")
  for way in "${ways[@]}"; do
    # shellcheck disable=SC2086  # a command and its flags
    if $way mount -t tmpfs lab /mnt 2>/dev/null; then
      exec $way -- "$BASH" "$here/lab.sh" --inside "$@"
    fi
  done
  die "namespaces are forbidden here. As root, or after one of
  sysctl -w kernel.unprivileged_userns_clone=1                  (Debian)
  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0      (Ubuntu 24.04)"
}

# `ip netns` wants /run/netns, and a normal user cannot create it: then /run is
# replaced whole. Either is seen by us alone.
mount_netns() {
  if [[ -d /run/netns ]]; then
    mount -t tmpfs lab /run/netns
  else
    mount -t tmpfs lab /run
    mkdir /run/netns
  fi
}

in_node() { # NODE COMMAND...
  local node=$1
  shift
  nsenter --net="/run/netns/$node" -- "$@"
}

# --- building -------------------------------------------------------------

declare -A UP_BATCH=() IP_BATCH=() # NODE: lines for `ip -batch`

# Hardware addresses are chosen so that neighbours can be entered by hand: no ARP
# and no neighbour discovery to lose or delay the first probes.
mac() { # LINK SIDE
  printf '02:00:00:00:%02x:%02x' "$1" "$2"
}

link_batch() {
  local row i=0 a b
  for row in "${NAMES[@]}"; do
    echo "netns add $row"
  done
  for row in "${LINKS[@]}"; do
    read -r a _ _ b _ <<<"$row"
    echo "link add $b netns $a address $(mac $i 1) type veth peer name $a netns $b address $(mac $i 2)"
    i=$((i + 1))
  done
}

plan_end() { # NODE IFACE OWN4 OWN6 PEER4 PEER6 PEER-MAC
  UP_BATCH[$1]+="
link set $2 addrgenmode none
link set $2 up"
  IP_BATCH[$1]+="
addr add $3 peer $5 dev $2
addr add $4 peer $6 dev $2 nodad
neigh add $5 lladdr $7 dev $2 nud permanent
neigh add $6 lladdr $7 dev $2 nud permanent"
}

plan_links() {
  local row i=0 a a4 a6 b b4 b6
  for row in "${LINKS[@]}"; do
    read -r a a4 a6 b b4 b6 <<<"$row"
    plan_end "$a" "$b" "$a4" "$a6" "$b4" "$b6" "$(mac $i 2)"
    plan_end "$b" "$a" "$b4" "$b6" "$a4" "$a6" "$(mac $i 1)"
    NEIGHBOUR4["$a $b"]=$b4 NEIGHBOUR6["$a $b"]=$b6
    NEIGHBOUR4["$b $a"]=$a4 NEIGHBOUR6["$b $a"]=$a6
    i=$((i + 1))
  done
}

plan_routes() {
  local name next hops4 hops6
  for name in "${NAMES[@]}"; do
    hops4='' hops6=''
    for next in ${CHILDREN[$name]:-}; do
      hops4+=" nexthop via ${NEIGHBOUR4[$name $next]} dev $next onlink"
      hops6+=" nexthop via ${NEIGHBOUR6[$name $next]} dev $next onlink"
    done
    [[ $hops4 ]] && IP_BATCH[$name]+="
route add $TARGET_NET4$hops4
route add $TARGET_NET6$hops6"
    next=${PARENTS[$name]%% *}
    [[ $name == src ]] && next=${CHILDREN[src]%% *}
    [[ $next && $next != src ]] && IP_BATCH[$name]+="
route add default via ${NEIGHBOUR4[$name $next]} dev $next onlink
route add default via ${NEIGHBOUR6[$name $next]} dev $next onlink"
  done
}

plan_targets() {
  local name
  for name in "${TARGET_NAMES[@]}"; do
    [[ ${FATE[$name]} == open ]] || continue
    IP_BATCH[$HOST]+="
addr add ${TARGET4[$name]} dev lo
addr add ${TARGET6[$name]} dev lo nodad"
  done
}

# Runs in a node. Interfaces are set one by one since they exist by now; a kernel
# without a setting has nothing to switch off.
settings() { # NODE
  cat <<'END'
put() { [ ! -w "$2" ] || echo "$1" 2>/dev/null >"$2" || :; }
cd /proc/sys/net
for f in ipv4/conf/*/rp_filter ipv4/conf/*/send_redirects \
  ipv6/conf/*/accept_dad ipv6/conf/*/accept_ra; do put 0 "$f"; done
END
  # The five-tuple, as policy 1 would hash it. But policy 1 believes the hash that
  # the sender's socket left in the packet, which is drawn anew for each socket:
  # one flow would take two ways. And since all routers share the kernel's one
  # seed, hashing the same fields again would always go the same way again: the
  # protocol is left out at every other distance.
  local fields=0x37
  ((${TTL[$1]:-0} % 2)) && fields=0x33
  cat <<END
for v in ipv4 ipv6; do
  put $((fields)) \$v/fib_multipath_hash_fields
  put 3 \$v/fib_multipath_hash_policy
done
END
  if [[ ! $icmp_limits ]]; then
    cat <<'END'
put 0 ipv4/icmp_ratelimit
put 0 ipv6/icmp/ratelimit
put 1000000 ipv4/icmp_msgs_per_sec
put 1000000 ipv4/icmp_msgs_burst
END
  fi
  case $1 in
    src | "$NAT_HOST") [[ ! $ping_group ]] || echo "put '0 0' ipv4/ping_group_range" ;;
    "$HOST") ;;
    *) echo "put 1 ipv4/ip_forward; put 1 ipv6/conf/all/forwarding" ;;
  esac
}

firewall() { # NODE
  if is_silent "$1"; then
    cat <<'END'
table inet silent {
  chain output {
    type filter hook output priority filter
    icmp type time-exceeded drop
    icmpv6 type time-exceeded drop
  }
}
END
  elif [[ $1 == "$EDGE" ]]; then
    edge_firewall
  elif [[ $1 == "$NAT_BOX" ]]; then
    echo "table inet nat {
      chain postrouting {
        type nat hook postrouting priority srcnat
        oifname $NAT_JOINS masquerade
      }
    }"
  fi
}

# Refusals come before routing, as a router's own would; drops after it, so that
# the edge itself is still seen.
edge_firewall() {
  local name refuse='' drop='' kind4 kind6
  for name in "${TARGET_NAMES[@]}"; do
    case ${FATE[$name]} in
      open) ;;
      dropped) drop+="
    ip daddr ${TARGET4[$name]} drop
    ip6 daddr ${TARGET6[$name]} drop" ;;
      *)
        read -r kind4 _ _ _ kind6 _ <<<"${REFUSAL[${FATE[$name]}]}"
        refuse+="
    ip daddr ${TARGET4[$name]} reject with icmp type $kind4
    ip6 daddr ${TARGET6[$name]} reject with icmpv6 type $kind6"
        ;;
    esac
  done
  echo "table inet edge {
  chain prerouting { type filter hook prerouting priority filter; $refuse
  }
  chain forward { type filter hook forward priority filter; $drop
  }
}"
}

switch_on() { # NODE
  {
    settings "$1"
    printf "ip -batch - <<'END'\nlink set lo up%s\nEND\n" "${UP_BATCH[$1]}"
  } | in_node "$1" sh -e
}

configure() { # NODE
  local rules
  rules=$(firewall "$1")
  in_node "$1" ip -batch - <<<"${IP_BATCH[$1]}"
  [[ ! $rules ]] || in_node "$1" nft -f - <<<"$rules"
}

in_all_nodes() { # FUNCTION
  local name pid pids=()
  for name in "${NAMES[@]}"; do
    "$1" "$name" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || die "the lab could not be built"
  done
}

# The system's own Python where there is one: shims in front of others are slow.
host_py() { # NODE ARGS...
  local python=/usr/bin/python3 node=$1
  shift
  [[ -x $python ]] || python=python3
  in_node "$node" "$python" -IS "$here/host.py" "$@"
}

start_host() {
  local checksum=() ready
  [[ $offload ]] || checksum=(--checksum "${PARENTS[$HOST]}")
  # It watches this process, which becomes COMMAND, and must not be its child: a
  # command that waits for all of its children (scamper) would wait for ever.
  exec 3< <(host_py "$HOST" "${checksum[@]}" --until $$ \
    --tcp "$TCP_OPEN" --udp-echo "$UDP_ECHO" </dev/null &)
  wait $!
  if [[ ! $offload ]]; then
    host_py "$vantage" --checksum "$(vantage_iface)" || die "checksum offload would not go off"
  fi
  read -r ready <&3 || die "the host did not come up"
  [[ $ready == serving ]] || die "the host says: $ready"
  exec 3<&-
}

vantage_iface() {
  if [[ $vantage == src ]]; then echo "${CHILDREN[src]%% *}"; else echo "$NAT_BOX"; fi
}

build() {
  declare -gA NEIGHBOUR4=() NEIGHBOUR6=() # "NODE OTHER": the other's address there
  mount_netns
  link_batch | ip -batch - || die "links could not be made"
  plan_links
  plan_routes
  plan_targets
  # Both ends of a link have to be up before an IPv6 route may lead over it.
  in_all_nodes switch_on
  in_all_nodes configure
  start_host
}

# --- running --------------------------------------------------------------

banner() {
  local name
  echo "tracemap's lab, at $vantage. Targets:"
  for name in "${TARGET_NAMES[@]}"; do
    printf '  %-11s %-12s %-12s %s\n' "$name" "${TARGET4[$name]}" "${TARGET6[$name]}" "${FATE[$name]}"
  done
  echo "Nodes: ${NAMES[*]}. In another: nsenter --net=/run/netns/NODE COMMAND"
}

run() {
  local run=(nsenter --net="/run/netns/$vantage" --)
  if [[ $drop_caps ]]; then
    run+=(setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs)
  fi
  if ((${#command[@]} == 0)); then
    banner
    export PS1="lab:$vantage\$ "
    command=(bash --norc -i)
  fi
  exec "${run[@]}" "${command[@]}"
}

parse_options "$@"
if [[ $truth ]]; then
  # shellcheck source=truth.sh
  source "$here/truth.sh"
  print_truth
elif [[ $inside ]]; then
  build
  run
else
  for tool in ip nft nsenter setpriv python3; do
    command -v "$tool" >/dev/null || die "needs $tool (iproute2, nftables, util-linux, python3)"
  done
  enter_namespaces "$@"
fi
