"""The adapter to the media server (nginx-rtmp): lists publishers and recordings, and drops publishers."""

import http.client
import re
from collections.abc import Iterator
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from django.conf import settings

_TIMEOUT_SECONDS = 3.0
_PROBE_TIMEOUT_SECONDS = 1.0
# nginx answers 409 for a missing folder, 500 for one without permission, 507 for a full disk.
_CANNOT_WRITE = (409, 500, 507)
# The server takes the kind of an enhanced RTMP packet for the number of a codec. No encoder sends these.
_CODECS_OF_ENHANCED_RTMP = ("Jpeg", "ScreenVideo")
_INVALID_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class MediaServerUnavailable(Exception):
    """No server responds at MEDIA_CONTROL_URL, so no stream can be published there."""


class MediaServerBadResponse(Exception):
    """The server's response isn't valid: MEDIA_SECRET or MEDIA_CONTROL_URL is wrong."""


class MediaServer:
    """nginx with the RTMP module, whose statistics and control pages are at MEDIA_CONTROL_URL."""

    def publishers(self) -> dict[str, set[str]]:
        """Return public id → the client ids of its encoders (normally one).

        Raises MediaServerUnavailable and MediaServerBadResponse.
        """
        found: dict[str, set[str]] = {}
        for stream in self._streams():
            clients = {
                client.findtext("id") or ""
                for client in stream.iter("client")
                if client.find("publishing") is not None
            }
            if clients:
                found[stream.findtext("name") or ""] = clients
        return found

    def unrecordable_publishers(self) -> set[str]:
        """Return the public ids of the streams whose pictures come as enhanced RTMP: HEVC, AV1 or VP9.

        The server records none of these pictures. Raises the errors of `publishers`.
        """
        return {
            stream.findtext("name") or ""
            for stream in self._streams()
            if stream.findtext("meta/video/codec") in _CODECS_OF_ENHANCED_RTMP
        }

    def recordings(self) -> set[str]:
        """Return the public ids of the streams being recorded, which are those being published.

        The media server closes a publisher's recording before it removes the publisher from its statistics.
        Raises the errors of `publishers`.
        """
        return set(self.publishers())

    def drop(self, public_id: str) -> bool:
        """Disconnect a stream's publisher; return whether there was one.

        Raises MediaServerUnavailable and MediaServerBadResponse.
        """
        path = f"/control/drop/publisher?app=live&name={quote(public_id)}"
        return self._request("POST", path).strip() not in (b"", b"0")

    def can_record(self) -> bool:
        """Return whether the media server can write recordings, by letting it write a few bytes.

        Raises MediaServerUnavailable, and MediaServerBadResponse if it can't tell.
        """
        status, _ = self._send(
            "PUT", "/recordings/.writable", body=b"writable", timeout=_PROBE_TIMEOUT_SECONDS
        )
        if status in (201, 204):
            return True
        if status in _CANNOT_WRITE:
            return False
        raise MediaServerBadResponse(f"writing a recording: {status}")

    def _streams(self) -> Iterator[ET.Element]:
        """Yield the statistics of each stream to which encoders publish."""
        text = self._request("GET", "/stat").decode("utf-8", errors="replace")
        try:
            # Encoders send some of these texts: one invalid character would make all of the XML unreadable.
            statistics = ET.fromstring(_INVALID_IN_XML.sub("", text))  # noqa: S314 - our own media server
        except ET.ParseError as error:
            raise MediaServerBadResponse(f"statistics: {error}") from error
        for application in statistics.iter("application"):
            if application.findtext("name") == "live":
                yield from application.iter("stream")

    def _request(self, method: str, path: str) -> bytes:
        status, body = self._send(method, path)
        if status != 200:
            raise MediaServerBadResponse(f"{path}: {status}")
        return body

    def _send(
        self, method: str, path: str, *, body: bytes | None = None, timeout: float = _TIMEOUT_SECONDS
    ) -> tuple[int, bytes]:
        base = urlsplit(settings.MEDIA_CONTROL_URL)
        connection_class = (
            http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
        )
        connection = connection_class(base.hostname or "", base.port, timeout=timeout)
        status, answer = 403, b""
        try:
            # The media server knows one secret; while it is replaced that may be another one than ours.
            for secret in (settings.MEDIA_SECRET, *settings.MEDIA_SECRET_FALLBACKS):
                headers = {"X-Media-Secret": secret}
                connection.request(method, base.path + path, body=body, headers=headers)
                response = connection.getresponse()
                status, answer = response.status, response.read()
                if status != 403:
                    break
            return status, answer
        except (OSError, http.client.HTTPException) as error:
            raise MediaServerUnavailable(str(error) or type(error).__name__) from error
        finally:
            connection.close()


media_server = MediaServer()
