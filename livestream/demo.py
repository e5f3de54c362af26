"""Demo streams: one of yesterday with its figures, one that is planned and waits for its seller."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle

from django.utils import timezone

from accounts.demo import SELLER
from accounts.models import User
from listings.models import Product
from livestream.models import ChatMessage, ReactionTotal, Stream, StreamProduct, ViewerSample, ViewerSession

PLANNED = "Friday drop: sneakers and cards"
OVER = "Weekend sneaker sale"
_SAID = (
    "Salaam from Dubai Marina!",
    "Are the Jordans still there? 🔥",
    "What size?",
    "يا سلام، كم السعر؟",
    "Can I pick it up tonight?",
    "Great stream, thank you ❤️",
)
_REACTIONS = {"❤️": 42, "🔥": 31, "👍": 12, "😂": 5}
_MINUTES = 24


def seed() -> Sequence[str]:
    """Add the demo streams that are missing."""
    seed_streams()
    return ()


def seed_streams() -> list[Stream]:
    """Make the demo streams that aren't there yet; return them."""
    seller = User.objects.get(username=SELLER.username)
    products = list(Product.objects.filter(seller=seller).order_by("created_at")[:5])
    return [_seed_planned(seller, products), _seed_over(seller, products)]


def _seed_planned(seller: User, products: list[Product]) -> Stream:
    existing = Stream.objects.of_seller(seller.pk).filter(title=PLANNED).first()
    if existing is not None:
        return existing
    stream = Stream.objects.create(
        seller=seller,
        title=PLANNED,
        description="New arrivals, opened live. Offers welcome.",
        category_id="sneakers",
        notify_neighborhood=True,
    )
    _show(stream, products)
    return stream


def _seed_over(seller: User, products: list[Product]) -> Stream:
    existing = Stream.objects.of_seller(seller.pk).filter(title=OVER).first()
    if existing is not None:
        return existing
    viewers = list(
        User.objects.filter(is_active=True, role=User.Role.BUYER, is_staff=False).order_by("created_at")[:6]
    )
    start = timezone.now() - timedelta(days=1)
    end = start + timedelta(minutes=_MINUTES)
    stream = Stream.objects.create(
        seller=seller,
        title=OVER,
        category_id="sneakers",
        status=Stream.Status.ENDED,
        end_reason=Stream.EndReason.OWNER,
        record_stream=False,
        started_at=start,
        ended_at=end,
        peak_viewers=len(viewers),
        unique_viewers=len(viewers),
        average_watch_seconds=_MINUTES * 60 - 150,
        total_likes=sum(_REACTIONS.values()),
        chat_count=len(_SAID),
        last_chat_seq=len(_SAID),
    )
    _show(stream, products)
    ReactionTotal.objects.bulk_create(
        ReactionTotal(stream=stream, emoji=emoji, count=count) for emoji, count in _REACTIONS.items()
    )
    ChatMessage.objects.bulk_create(
        ChatMessage(
            stream=stream, seq=seq, user=viewer, message=text, created_at=start + timedelta(minutes=2 * seq)
        )
        for seq, (text, viewer) in enumerate(zip(_SAID, cycle(viewers), strict=False), start=1)
    )
    ViewerSession.objects.bulk_create(
        ViewerSession(
            stream=stream,
            user=viewer,
            connection_id=f"demo-{number}",
            neighborhood=viewer.neighborhood,
            joined_at=start + timedelta(minutes=number),
            last_seen_at=end,
            left_at=end,
        )
        for number, viewer in enumerate(viewers)
    )
    ViewerSample.objects.bulk_create(
        ViewerSample(
            stream=stream,
            minute=(start + timedelta(minutes=minute)).replace(second=0, microsecond=0),
            viewers=min(minute + 1, len(viewers)),
        )
        for minute in range(_MINUTES)
    )
    return stream


def _show(stream: Stream, products: list[Product]) -> None:
    StreamProduct.objects.bulk_create(
        StreamProduct(stream=stream, product=product, position=position)
        for position, product in enumerate(products)
    )
