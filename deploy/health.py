"""Asks a URL of this container for a container's health check; the image has no curl."""

import os
import sys
import urllib.error
import urllib.request


def main(url: str) -> int:
    """Answer 0 for a 200, otherwise 1 with the reason on standard error."""
    # The app answers to its public names only, and is asked at 127.0.0.1.
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip()
    request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - our own URL
    try:
        with urllib.request.urlopen(request, timeout=4) as answer:  # noqa: S310
            return 0 if answer.status == 200 else 1
    except OSError as error:
        body = error.read(300).decode(errors="replace") if isinstance(error, urllib.error.HTTPError) else ""
        print(error, body, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
