"""URLs at which encoders publish and viewers watch, all derived from settings."""

from uuid import UUID

from django.conf import settings
from django.core.files.storage import Storage, storages

from livestream.media.playback_tokens import make_token


def rtmp_url() -> str:
    return str(settings.RTMP_URL)


def rtmps_url() -> str:
    """Return the encrypted address for encoders; empty if there is none."""
    return str(settings.RTMPS_URL)


class MediaAddresses:
    """The addresses of one stream's video, for one viewer or, without `viewer_id`, for everybody.

    Each begins with a playback token. Playlists name their files relative to themselves, so that players send
    the token with every request.
    """

    def __init__(self, public_id: str, *, viewer_id: UUID | None) -> None:
        self._public_id = public_id
        self._base = f"{settings.MEDIA_URL}{make_token(public_id, viewer_id=viewer_id)}/"

    @property
    def hls(self) -> str:
        return f"{self._base}live/{self._public_id}/index.m3u8"

    @property
    def dvr(self) -> str:
        """Return the address of the HLS playlist that goes back to the stream's start."""
        return f"{self._base}live/{self._public_id}/dvr.m3u8"

    @property
    def dash(self) -> str:
        return f"{self._base}live/{self._public_id}/manifest.mpd"

    @property
    def still(self) -> str:
        """Return the address of the newest still of a live stream."""
        return f"{self._base}live/{self._public_id}/still.jpg"

    @property
    def vod(self) -> str:
        return f"{self._base}vods/{playlist_name(self._public_id)}"

    @property
    def mp4(self) -> str:
        return f"{self._base}vods/{mp4_name(self._public_id)}"

    @property
    def poster(self) -> str:
        return f"{self._base}vods/{poster_name(self._public_id)}"

    def clip(self, clip_id: UUID) -> str:
        return f"{self._base}clips/{clip_name(self._public_id, clip_id)}"

    def clip_poster(self, clip_id: UUID) -> str:
        return f"{self._base}clips/{clip_poster_name(self._public_id, clip_id)}"


def replay_storage() -> Storage:
    """Return the storage of replays: a folder of the media server, or a bucket that it reads."""
    return storages["replays"]


def playlist_name(public_id: str) -> str:
    return f"{public_id}.m3u8"


def mp4_name(public_id: str) -> str:
    return f"{public_id}/video.mp4"


def poster_name(public_id: str) -> str:
    return f"{public_id}/poster.jpg"


def clip_name(public_id: str, clip_id: UUID) -> str:
    return f"{public_id}/clip-{clip_id.hex}.mp4"


def clip_poster_name(public_id: str, clip_id: UUID) -> str:
    return f"{public_id}/clip-{clip_id.hex}.jpg"
