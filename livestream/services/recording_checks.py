"""Whether a stream that begins now can be recorded: viewers get what is recorded."""

import logging

from django.utils.translation import gettext_lazy as _

from livestream.error_codes import LivestreamErrorCode
from livestream.media import disk
from livestream.media.server import MediaServerBadResponse, MediaServerUnavailable, media_server
from soukloop.core.errors import Unavailable

logger = logging.getLogger(__name__)


def require_recordable() -> None:
    """Raise Unavailable (`media_storage_full`, `media_storage_unwritable`) if recordings can't be written.

    The media server is asked, because its machine and its user are what matters. That it doesn't answer is no
    reason to refuse: there is half an hour for an encoder to connect.
    """
    if disk.is_almost_full():
        logger.error("a stream was refused: %s bytes are free for recordings", disk.free_bytes())
        raise Unavailable(
            _("There is no space for recordings. Try again later."),
            code=LivestreamErrorCode.MEDIA_STORAGE_FULL,
        )
    try:
        can_record = media_server.can_record()
    except MediaServerUnavailable:
        return
    except MediaServerBadResponse as error:
        logger.warning("asking the media server whether it can record failed: %s", error)
        return
    if not can_record:
        logger.error("a stream was refused: the media server can't write recordings")
        raise Unavailable(
            _("Recordings can't be written. Try again later."),
            code=LivestreamErrorCode.MEDIA_STORAGE_UNWRITABLE,
        )
