"""Finished files of video on their way to a storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files import File

CONTENT_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4s": "video/iso.segment",
    ".ts": "video/mp2t",  # of replays made by earlier versions
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
}


class FinishedFile(File[bytes]):
    """A local file that Django's file system storage moves instead of copying."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self.path = path
        self.content_type = CONTENT_TYPES[path.suffix]

    def temporary_file_path(self) -> str:
        return str(self.path)


class StorageFailed(OSError):
    """The storage raised an error of its library; the job may succeed later."""


@contextmanager
def errors_of_storage(action: str) -> Iterator[None]:
    """Raise OSError for the errors of a storage's library."""
    try:
        yield
    except (OSError, NotImplementedError):
        raise
    except Exception as error:  # each storage's library has its own
        raise StorageFailed(f"{action}: {error}") from error
