"""FCM's stand-in as a process: python -m bench.push.fcm DIRECTORY SECONDS"""

import json
import sys
import threading
from pathlib import Path

from notifications.tests.fake_fcm import FakeFcm


def main() -> None:
    directory, seconds = Path(sys.argv[1]), float(sys.argv[2])
    with FakeFcm(directory) as fcm:
        fcm.takes_after = seconds
        values = {
            "FCM_CREDENTIALS": fcm.credentials,
            "FCM_URL": fcm.server.url,
            "SSL_CERT_FILE": str(fcm.server.certificate),
        }
        unfinished = directory / "ready.json.unfinished"
        unfinished.write_text(json.dumps(values))
        unfinished.rename(directory / "ready.json")
        threading.Event().wait()


if __name__ == "__main__":
    main()
