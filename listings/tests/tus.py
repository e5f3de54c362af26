"""A small client of tus 1.0 for tests."""

import base64
from typing import Any

from rest_framework.test import APIClient

URL = "/api/v1/uploads/videos"
VERSION = {"Tus-Resumable": "1.0.0"}
PART = "application/offset+octet-stream"


class TusClient:
    """Uploads by Django's test client, as a library for apps does."""

    def __init__(self, client: APIClient) -> None:
        self.client = client

    def begin(self, size: int, name: str = "video.mp4", **headers: str) -> Any:
        metadata = f"filename {base64.b64encode(name.encode()).decode()},filetype dmlkZW8vbXA0"
        length = {"Upload-Length": str(size), "Upload-Metadata": metadata}
        return self.client.post(URL, headers=VERSION | length | headers)

    def offset(self, location: str) -> int:
        """Return where to go on."""
        answer = self.client.head(location, headers=VERSION)
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        return int(answer["Upload-Offset"])

    def append(self, location: str, offset: int, part: bytes, **headers: str) -> Any:
        given = VERSION | {"Upload-Offset": str(offset)} | headers
        send: Any = self.client.generic
        return send("PATCH", location, part, content_type=PART, headers=given)

    def delete(self, location: str) -> Any:
        return self.client.delete(location, headers=VERSION)

    def upload(self, data: bytes, part_size: int = 64 * 1024) -> str:
        """Upload all of a file; return its location."""
        begun = self.begin(len(data))
        assert begun.status_code == 201, begun.content
        location: str = begun["Location"]
        while (offset := self.offset(location)) < len(data):
            answer = self.append(location, offset, data[offset : offset + part_size])
            assert answer.status_code == 204, answer.content
            assert int(answer["Upload-Offset"]) == min(len(data), offset + part_size)
        return location
