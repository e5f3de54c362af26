"""The media server as we need it: who is publishing, and an end to it. This one speaks to nginx-rtmp."""

import http.client
import re
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from django.conf import settings

_TIMEOUT = 3.0
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class MediaServerAway(Exception):
    """Nobody answers at MEDIA_CONTROL_URL: no stream is on air there, as far as anybody can tell."""


class MediaServerRefuses(Exception):
    """Somebody answers there, but not what was asked for: a wrong secret or a wrong address."""


class MediaServer:
    """nginx with the RTMP module, whose statistics and control pages MEDIA_CONTROL_URL leads to."""

    def publishers(self) -> dict[str, set[str]]:
        """Return public id → the client ids of its encoders (one, if all is well).

        Raises MediaServerAway and MediaServerRefuses.
        """
        return self._publishers("live")

    def recordings(self) -> set[str]:
        """Return the public ids whose recording is still being written; raises as `publishers` does."""
        return set(self._publishers("pkg"))

    def drop(self, public_id: str) -> bool:
        """Cut a stream's publisher off; tells whether there was one.

        Raises MediaServerAway and MediaServerRefuses.
        """
        path = f"/control/drop/publisher?app=live&name={quote(public_id)}"
        return self._ask("POST", path).strip() not in (b"", b"0")

    def _publishers(self, application_name: str) -> dict[str, set[str]]:
        text = self._ask("GET", "/stat").decode("utf-8", errors="replace")
        try:
            # An encoder chooses some of what is shown here: what XML forbids could hide every other stream.
            statistics = ET.fromstring(_NOT_XML.sub("", text))  # noqa: S314 - our own media server
        except ET.ParseError as error:
            raise MediaServerRefuses(f"statistics: {error}") from error
        found: dict[str, set[str]] = {}
        for application in statistics.iter("application"):
            if application.findtext("name") != application_name:
                continue
            for stream in application.iter("stream"):
                clients = {
                    client.findtext("id") or ""
                    for client in stream.iter("client")
                    if client.find("publishing") is not None
                }
                if clients:
                    found[stream.findtext("name") or ""] = clients
        return found

    def _ask(self, method: str, path: str) -> bytes:
        base = urlsplit(settings.MEDIA_CONTROL_URL)
        kind = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
        connection = kind(base.hostname or "", base.port, timeout=_TIMEOUT)
        try:
            connection.request(method, base.path + path, headers={"X-Media-Secret": settings.MEDIA_SECRET})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise MediaServerAway(str(error) or type(error).__name__) from error
        finally:
            connection.close()
        if response.status != 200:
            raise MediaServerRefuses(f"{path}: {response.status}")
        return body


media_server = MediaServer()
