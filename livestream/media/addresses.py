"""URLs at which encoders publish and viewers watch, all derived from settings."""

from django.conf import settings
from django.core.files.storage import Storage, storages


def rtmp_url() -> str:
    return str(settings.RTMP_URL)


def hls_url(public_id: str) -> str:
    return f"{settings.MEDIA_URL}live/{public_id}/index.m3u8"


def dash_url(public_id: str) -> str:
    return f"{settings.MEDIA_URL}live/{public_id}/manifest.mpd"


def replay_storage() -> Storage:
    """Return the storage of replays: a folder that the media server serves, or a bucket."""
    return storages["replays"]


def playlist_name(public_id: str) -> str:
    return f"{public_id}.m3u8"


def mp4_name(public_id: str) -> str:
    return f"{public_id}/video.mp4"


def poster_name(public_id: str) -> str:
    return f"{public_id}/poster.jpg"


def vod_url(public_id: str) -> str:
    return replay_storage().url(playlist_name(public_id))


def mp4_url(public_id: str) -> str:
    return replay_storage().url(mp4_name(public_id))


def poster_url(public_id: str) -> str:
    return replay_storage().url(poster_name(public_id))
