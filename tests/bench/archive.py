#!/usr/bin/env python3
"""Writes RIPE Atlas traceroute results, one a line, as the archives of RIPE have them: archive.py COUNT
[SEED]. Thousands of probes trace a few hundred targets; hops lie in 1.0.0.0 to 9.255.255.255, some are
silent, some private."""
import json
import random
import sys

PROBES, TARGETS = 5000, 300
START = 1795600800  # 2026-11-25T10:00:00Z


def address(chance):
    return f"{chance.randint(1, 9)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randint(1, 254)}"


def hops(way, chance, target):
    """Three replies a hop; the way is the same each time, the RTTs are not."""
    rtt = 0.4
    for number in range(1, way.randint(8, 18)):
        last_octet = way.randint(1, 254)
        responder = f"192.168.{last_octet}.1" if number == 1 else address(way)
        rtt += way.choice([0.3, 0.8, 2, 6, 15])
        if way.random() < 0.08:
            yield {"hop": number, "result": [{"x": "*"}] * 3}
            continue
        replies = [{"from": responder, "ttl": 255 - number, "size": 76,
                    "rtt": round(rtt * chance.uniform(1, 1.2), 3)} for _ in range(3)]
        if way.random() < 0.1:
            label = {"exp": 0, "label": way.randrange(16, 1 << 20), "s": 1, "ttl": 1}
            for reply in replies:
                reply["icmpext"] = {"version": 2, "rfc4884": 1,
                                    "obj": [{"class": 1, "type": 1, "mpls": [label]}]}
        yield {"hop": number, "result": replies}
    yield {"hop": number + 1, "result": [
        {"from": target, "ttl": 52, "size": 48, "rtt": round((rtt + 1) * chance.uniform(1, 1.2), 3)}
        for _ in range(3)]}


def result(number, seed):
    chance = random.Random(f"{seed}/{number}")
    probe, measurement = chance.randrange(PROBES), chance.randrange(TARGETS)
    own, target = (address(random.Random(f"{seed}/{name}"))
                   for name in (f"probe {probe}", f"target {measurement}"))
    way = random.Random(f"{seed}/{probe}/{measurement}")
    begun = START + number % 3600
    return {
        "fw": 5080, "mver": "2.6.2", "lts": 11, "endtime": begun + 4, "dst_name": target,
        "dst_addr": target, "src_addr": "192.168.1.20", "proto": "UDP", "af": 4, "size": 48,
        "paris_id": number % 16, "result": list(hops(way, chance, target)),
        "msm_id": 5000 + measurement, "prb_id": 1 + probe, "timestamp": begun,
        "msm_name": "Traceroute", "from": own, "type": "traceroute",
    }


count, seed = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "1"
try:
    for number in range(count):
        print(json.dumps(result(number, seed), separators=(",", ":")))
except BrokenPipeError:
    sys.stderr.close()
