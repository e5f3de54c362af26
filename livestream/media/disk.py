"""Space for recordings."""

import shutil

from django.conf import settings

from livestream.media import recordings


def free_bytes() -> int | None:
    """Return how much is free where recordings are written; None if this process doesn't see that folder."""
    folder = recordings.folder()
    return shutil.disk_usage(folder).free if folder.is_dir() else None


def is_almost_full() -> bool:
    """Return whether less than DISK_FREE_MIN_BYTES is free, so that running streams may break."""
    free = free_bytes()
    return free is not None and free < settings.DISK_FREE_MIN_BYTES
