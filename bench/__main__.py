"""Run the benchmarks named on the command line, or all."""

import argparse
import importlib
import time
from pathlib import Path

BENCHES = {
    "api": "bench.api",
    "feeds": "bench.feeds",
    "rooms": "bench.rooms",
    "messages": "bench.messages",
    "streams": "bench.streams",
    "going_live": "bench.going_live",
    "video": "bench.video",
    "encoders": "bench.encoders",
    "push": "bench.push",
    "screens": "bench.screens",
    "ledger": "bench.ledger",
    "buying": "bench.buying",
}
COMPARABLE = ("api", "feeds")  # with the server of another checkout


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHES))
    parser.add_argument(
        "--before",
        type=Path,
        metavar="CHECKOUT",
        help=f"for {' and '.join(COMPARABLE)}: also measure the server of another checkout, in turn;"
        " its migrations must be the same",
    )
    options = parser.parse_args()
    for name in options.names:
        if name not in BENCHES:
            parser.error(f"no such benchmark: {name}; there are {', '.join(BENCHES)}")
    for name in options.names or BENCHES:
        started = time.monotonic()
        print(f"== {name} ==", flush=True)
        run = importlib.import_module(BENCHES[name]).main
        run(options.before) if name in COMPARABLE else run()
        print(f"({time.monotonic() - started:.0f} s)\n", flush=True)


if __name__ == "__main__":
    main()
