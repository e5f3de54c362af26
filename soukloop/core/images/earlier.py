"""Pictures that were stored by versions without smaller sizes."""

import logging

from soukloop.core.errors import BadRequest
from soukloop.core.hooks import Hook
from soukloop.core.images.pictures import has_sizes
from soukloop.core.images.storing import add_sizes

logger = logging.getLogger(__name__)

earlier_pictures: Hook[[], int] = Hook()
"""`callback()`: store an app's pictures that have no smaller sizes again, with these; return how many rows
were changed. May be called again after it was interrupted."""


def with_sizes(name: str) -> str | None:
    """Store a picture again, with smaller sizes, and return its new name.

    Returns None for a picture that has them, or that can't be read.
    """
    if not name or has_sizes(name):
        return None
    try:
        return add_sizes(name)
    except (FileNotFoundError, BadRequest) as error:
        logger.warning("picture %s gets no sizes: %s", name, error)
        return None
