"""Run the server as a process: `python -m payments.testing.stripe_server PORT [SECONDS]`.

It ends by itself after SECONDS (an hour), or when the process that started it has ended.
"""

import os
import signal
import sys
import threading
import time

from payments.testing.stripe_server.server import StripeServer

LIFETIME = 3600.0


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2 or not arguments[0].isdigit():
        print(__doc__, file=sys.stderr)
        return 2
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    parent, ends_at = os.getppid(), time.monotonic() + float(arguments[1] if arguments[1:] else LIFETIME)
    server = StripeServer(int(arguments[0])).start()
    print(f"{server.url} {server.secret_key}", flush=True)
    while not ended.wait(0.5) and os.getppid() == parent and time.monotonic() < ends_at:
        pass
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
