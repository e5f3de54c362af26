"""Videos that sellers uploaded, on their products."""

from uuid import UUID

from django.utils.translation import gettext_lazy as _

from listings.models import Product, VideoUpload
from soukloop.core.errors import ValidationFailed
from soukloop.core.images import public_url
from soukloop.core.uploads import stored_name


def use_video(product: Product) -> None:
    """Check a product's video, if it was uploaded here, and take its poster where no thumbnail is given.

    Locks the video's row, so that it isn't deleted before the product is saved. Raises ValidationFailed
    unless it is the seller's own, and ready. Addresses on other servers are left as they are.
    """
    name = stored_name(product.video_url)
    if name is None or not name.startswith("videos/"):
        return
    videos = VideoUpload.objects.select_for_update().filter(owner=product.seller_id)
    video_id = _id_in(name)
    video = videos.filter(pk=video_id).first() if video_id else None
    if video is None or video.state != VideoUpload.State.READY or video.url != product.video_url:
        message = _("This is not a video of yours that is ready.")
        raise ValidationFailed(details={"video_url": [message]})
    if not product.video_thumbnail_url:
        product.video_thumbnail_url = public_url(video.poster) or ""


def _id_in(name: str) -> UUID | None:
    """Return the id of the video of which a stored file is."""
    try:
        return UUID(name.split("/")[2])
    except (ValueError, IndexError):
        return None
