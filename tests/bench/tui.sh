#!/usr/bin/env bash
# The screen that one walks through (tm-render --tui) on a long log: how soon it shows something,
# what reading everything takes, how soon each key is answered, how much memory it takes, from a file
# and from a pipe. Prints a table and fails where a figure is worse than it must be.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${TM_BIN:-$root/target/release}
rounds=10000 hops=30 presses=20 columns=120 lines=40

usage() {
  cat <<END
Usage: tui.sh [OPTIONS]

  --rounds N   rounds of the log [$rounds]
  --hops N     hops of each [$hops]
  --presses N  times that each key is pressed [$presses]

Binaries: TM_BIN [$bin]. Needs awk, python3.
END
}

die() { echo "tui.sh: $*" >&2 && exit 2; }

while (($#)); do
  case $1 in
    --rounds) rounds=$2 && shift ;;
    --hops) hops=$2 && shift ;;
    --presses) presses=$2 && shift ;;
    -h | --help) usage && exit ;;
    *) die "no option $1; see tui.sh --help" ;;
  esac
  shift
done

for tool in awk python3; do command -v "$tool" >/dev/null || die "$tool is missing"; done
[[ -x $bin/tm-render ]] || die "$bin/tm-render is missing: cargo build --release -p tm-render"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work XDG_CONFIG_HOME=$work/config TERM=xterm-256color
unset "${!TRACEMAP_@}" NO_COLOR

# A path around the world with names, origins and places; RTTs vary, one hop loses every fifth probe.
log() {
  LC_ALL=C awk -v rounds="$rounds" -v hops="$hops" 'BEGIN {
    srand(7)
    for (r = 1; r <= rounds; r++) {
      id = sprintf("019abf00-1111-7222-8333-%012d", r)
      at = sprintf("2026-11-%02dT%02d:%02d:%02d.000000Z", 1 + int(r / 86400), int(r / 3600) % 24, int(r / 60) % 60, r % 60)
      head = sprintf("\"v\":1,\"trace_id\":\"%s\",\"host\":\"www.example.com\",\"resolved_ip\":\"198.18.%d.1\",\"source_ip\":\"192.168.1.2\",\"protocol\":\"udp\",\"port\":33434,\"round\":%d", id, hops, r)
      for (h = 1; h <= hops; h++) {
        a = h * 9 + rand(); b = h * 9 + rand(); c = h * 9 + rand()
        lost = h == 12 && r % 5 == 0
        printf "{\"type\":\"hop\",%s,\"at\":\"%s\",\"hop\":%d,\"ip\":\"198.18.%d.1\",\"probes\":[{\"rtt_ms\":%.3f,\"ok\":true,\"flow\":0},{\"rtt_ms\":%.3f,\"ok\":true,\"flow\":0}%s],\"sent\":3,\"received\":%d,\"loss_pct\":%.1f,\"rtt\":{\"min\":%.3f,\"avg\":%.4f,\"median\":%.3f,\"max\":%.3f,\"stddev\":0.3,\"jitter\":0.3},\"reply\":{\"kind\":\"time_exceeded\",\"type\":11,\"code\":0,\"ttl\":%d,\"note\":null},\"flows\":[0],\"is_destination\":%s,\"is_private\":false,\"is_timeout\":false,\"dns\":{\"hostname\":\"ae%d.cr%d.example.net\",\"names\":[\"ae%d.cr%d.example.net\"],\"source\":\"192.168.1.1:53\"},\"asn\":{\"number\":%d,\"org\":\"Example Network %d\",\"prefix\":\"198.18.%d.0/24\",\"country\":\"DE\",\"source\":\"asn.mmdb\"},\"geo\":{\"city\":\"City %d\",\"country_code\":\"DE\",\"lat\":%.2f,\"lon\":%.2f,\"source\":\"mmdb\",\"confidence\":\"medium\",\"score\":2.5}}\n", \
          head, at, h, h, a, b, lost ? "" : sprintf(",{\"rtt_ms\":%.3f,\"ok\":true,\"flow\":0}", c), 3 - lost, lost * 100 / 3, a, (a + b) / 2, a, b, 64 - h, h == hops ? "true" : "false", h, h, h, h, 64500 + int(h / 5), int(h / 5), h, h, 50 - h, 8 + h * 4
      }
      printf "{\"type\":\"trace\",%s,\"tool\":\"tm-probe\",\"version\":\"0.1.0\",\"platform\":\"linux-x86_64\",\"max_hops\":30,\"probes\":3,\"timeout_s\":2.0,\"method\":\"paris\",\"started_at\":\"%s\",\"completed_at\":\"%s\",\"reached\":true,\"stop\":\"destination\",\"error\":null,\"hops\":%d,\"responded\":%d,\"sent\":%d,\"received\":%d}\n", head, at, at, hops, hops, hops * 3, hops * 3 - (r % 5 == 0)
    }
  }'
}

echo "preparing" >&2
log >"$work/log.ndjson"
echo "$rounds rounds × $hops hops, $(($(stat -c %s "$work/log.ndjson") / 1000000)) MB, $(grep -c '"type":"hop"' "$work/log.ndjson") hop records"

python3 - "$bin/tm-render" "$work/log.ndjson" "$presses" "$columns" "$lines" "$rounds" <<'PY'
import fcntl, os, pty, re, select, signal, statistics, struct, subprocess, sys, termios, time

program, log, presses, columns, lines, rounds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
failures = 0

def must(what, value, limit, unit):
    global failures
    verdict = "ok" if value < limit else "TOO_BAD"
    failures += value >= limit
    print(f"{what:<50} {value:>9.1f} {unit:<3} < {limit:<6g} {verdict}")

class Screen:
    """The program on a terminal of its own; what it draws is only timed."""
    def __init__(self, command, stdin=None):
        control, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.begun = time.perf_counter()
        def own():
            os.setsid()
            fcntl.ioctl(1, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(command, stdin=stdin or terminal, stdout=terminal, stderr=terminal, preexec_fn=own)
        os.close(terminal)
        self.control = control

    def until_quiet(self, quiet, first=10.0):
        """When the drawing that is under way has ended, and what was drawn."""
        drawn, last, wait = b"", None, first
        while select.select([self.control], [], [], wait)[0]:
            drawn += os.read(self.control, 1 << 16)
            last, wait = time.perf_counter(), quiet
        assert last, "nothing is drawn"
        return last, drawn

    def first(self, text):
        """When a text that stands on the screen at last came."""
        drawn = b""
        while text not in drawn:
            drawn += os.read(self.control, 1 << 16)
        return time.perf_counter()

    def press(self, key):
        """Milliseconds from a key to the end of the drawing that answers it."""
        begun = time.perf_counter()
        os.write(self.control, key)
        last, _ = self.until_quiet(0.04)
        return (last - begun) * 1000

    def processor(self):
        """Seconds of it so far."""
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Megabytes at the peak."""
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1000

    def quit(self):
        os.write(self.control, b"q")
        while True:
            try:
                if not os.read(self.control, 1 << 16):
                    break
            except OSError:
                break
        assert self.process.wait() == 0

def opened(name, screen):
    must(f"{name}: first hops on the screen", (screen.first(b"198.18.1.1") - screen.begun) * 1000, 1000, "ms")
    key = screen.press(b"j")
    must(f"{name}: a key while it reads", key, 50, "ms")
    last, _ = screen.until_quiet(0.3)
    print(f"{name + ': all is read and shown':<50} {(last - screen.begun) * 1000:>9.1f} ms, the machine being what it is")
    must(f"{name}: processor time that takes", screen.processor() * 1000, 3000, "ms")

screen = Screen([program, "--tui", log])
opened("file", screen)
KEYS = {
    "j": b"j", "k": b"k", "Enter, details": b"\r", "a, alerts": b"a", "i, figures": b"i", "m, map": b"m", "w, world": b"w",
    "f, flows": b"f", "s, sort": b"s", "space, mark": b" ", "h, help": b"h", "c, columns": b"c",
    "r, draw anew": b"r", "Home, first round": b"\x1b[H", "End, last round": b"\x1b[F",
}
answers = {}
for name, key in KEYS.items():
    if name.startswith("w"):
        screen.press(b"m")
    answers[name] = [screen.press(key) for _ in range(presses)]
    if name.startswith("w"):
        screen.press(b"m")
screen.press(b"\x1b[H")
answers["→, a round on"] = [screen.press(b"\x1b[C") for _ in range(presses)]
answers["Home and End by turns"] = [screen.press(key) for _ in range(presses) for key in (b"\x1b[F", b"\x1b[H")]
screen.press(b"\x1b[F")
answers["←, a round back from the end"] = [screen.press(b"\x1b[D") for _ in range(presses)]
answers["p, play"] = []
for _ in range(3):
    begun = time.perf_counter()
    os.write(screen.control, b"p")
    select.select([screen.control], [], [], 5)
    answers["p, play"].append((time.perf_counter() - begun) * 1000)
    screen.until_quiet(0.2)
    screen.press(b"\x1b[D")
for name, times in answers.items():
    must(f"key {name}: median", statistics.median(times), 50, "ms")
    must(f"key {name}: worst", max(times), 50, "ms")
must("file: memory at the peak", screen.memory(), 128, "MB")
screen.quit()

cat = subprocess.Popen(["cat", log], stdout=subprocess.PIPE)
screen = Screen([program, "--tui"], cat.stdout)
opened("pipe", screen)
must("pipe: memory at the peak", screen.memory(), 128, "MB")
screen.quit()
cat.stdout.close()
cat.wait()

# Played as fast as it goes, while keys are pressed.
screen = Screen([program, "--replay", log])
screen.first(b"198.18.1.1")
for _ in range(8):
    os.write(screen.control, b"+")
time.sleep(0.5)
times = []
for _ in range(presses):
    while select.select([screen.control], [], [], 0)[0]:
        os.read(screen.control, 1 << 16)
    begun = time.perf_counter()
    os.write(screen.control, b"j")
    select.select([screen.control], [], [], 5)
    times.append((time.perf_counter() - begun) * 1000)
    time.sleep(0.1)
must("replay at 100 rounds/s, key: median", statistics.median(times), 50, "ms")
must("replay at 100 rounds/s, key: worst", max(times), 50, "ms")
must("replay: memory at the peak", screen.memory(), 128, "MB")
screen.quit()
sys.exit(failures > 0)
PY
