#!/usr/bin/env python3
"""Records over NATS, kept by JetStream until they were read.

    tm-probe --interval 30 example.com | records_nats.py publish trace.oslo
    records_nats.py consume 'trace.>' --as archive | tm-asn | tm-geo
    records_nats.py consume trace.oslo --as watch-oslo --until-idle 5 | tm-watch --only-alerts

`publish` sends a line as it comes, and the next one once the server has stored it; `consume` lets
the server forget a line once it was written: after a failure some come twice, none is lost. The
server is NATS_URL (nats://127.0.0.1:4222). Needs nats-py; the server needs -js.
"""
import argparse
import asyncio
import os
import sys

import nats
from nats.errors import Error, TimeoutError

STREAM, SUBJECTS = "traces", "trace.>"


async def silent(_):
    """What goes on is said once, by what is raised in the end."""


async def publish(stream, args):
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        await stream.publish(args.subject, line.rstrip(b"\n"))


async def consume(stream, args):
    reader = await stream.pull_subscribe(args.subject, durable=args.name, stream=STREAM)
    idle = args.until_idle
    while True:
        try:
            messages = await reader.fetch(500, timeout=idle or 3600)
        except TimeoutError:
            if idle:
                return
            continue
        for message in messages:
            sys.stdout.buffer.write(message.data + b"\n")
        sys.stdout.buffer.flush()
        for message in messages:
            await message.ack()


async def main(args):
    url = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
    client = await nats.connect(url, max_reconnect_attempts=5, connect_timeout=5,
                                error_cb=silent)
    stream = client.jetstream()
    await stream.add_stream(name=STREAM, subjects=[SUBJECTS])
    await args.what(stream, args)
    await client.flush()
    await client.close()


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
commands = parser.add_subparsers(required=True)
command = commands.add_parser("publish", help="send the lines of stdin")
command.add_argument("subject", help="trace.VANTAGE")
command.set_defaults(what=publish)
command = commands.add_parser("consume", help="write the lines that come")
command.add_argument("subject", help="trace.VANTAGE, or 'trace.>' for all")
command.add_argument("--as", dest="name", required=True,
                     help="the reader's name, by which the server knows what it has read")
command.add_argument("--until-idle", type=float, metavar="SECONDS", help="end when nothing comes")
command.set_defaults(what=consume)
try:
    asyncio.run(main(parser.parse_args()))
except (BrokenPipeError, KeyboardInterrupt):
    sys.stderr.close()
except (Error, OSError) as error:
    sys.exit(f"records_nats.py: {error or type(error).__name__}")
