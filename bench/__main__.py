"""Run the benchmarks named on the command line, or all."""

import importlib
import importlib.util
import sys
import time

BENCHES = {
    "feeds": "bench.feeds",
    "rooms": "bench.rooms",
    "messages": "bench.messages",
    "streams": "bench.streams",
    "going_live": "bench.going_live",
}


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        sys.exit(f"No such benchmark: {', '.join(unknown)}. There are: {', '.join(BENCHES)}.")
    for name in names or BENCHES:
        if importlib.util.find_spec(BENCHES[name]) is None:
            continue
        started = time.monotonic()
        print(f"== {name} ==", flush=True)
        importlib.import_module(BENCHES[name]).main()
        print(f"({time.monotonic() - started:.0f} s)\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
