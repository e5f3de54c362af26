"""Demo streams: one that ended yesterday, with statistics, and one that is scheduled."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle

from django.utils import timezone

from accounts.demo import SELLER
from accounts.models import User
from listings.models import Product
from livestream.models import ChatMessage, ReactionTotal, Stream, StreamProduct, ViewerSample, ViewerSession

SCHEDULED_TITLE = "Friday drop: sneakers and cards"
ENDED_TITLE = "Weekend sneaker sale"
_CHAT = (
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
    """Create the demo streams unless they exist."""
    seller = User.objects.get(username=SELLER.username)
    products = list(Product.objects.filter(seller=seller).order_by("created_at")[:5])
    _seed_scheduled_stream(seller, products)
    _seed_ended_stream(seller, products)
    return ()


def _seed_scheduled_stream(seller: User, products: list[Product]) -> None:
    if Stream.objects.of_seller(seller.pk).filter(title=SCHEDULED_TITLE).exists():
        return
    stream = Stream.objects.create(
        seller=seller,
        title=SCHEDULED_TITLE,
        description="New arrivals, opened live. Offers welcome.",
        category_id="sneakers",
        notify_neighborhood=True,
    )
    _add_products(stream, products)


def _seed_ended_stream(seller: User, products: list[Product]) -> None:
    if Stream.objects.of_seller(seller.pk).filter(title=ENDED_TITLE).exists():
        return
    viewers = list(
        User.objects.filter(is_active=True, role=User.Role.BUYER, is_staff=False).order_by("created_at")[:6]
    )
    start = timezone.now() - timedelta(days=1)
    end = start + timedelta(minutes=_MINUTES)
    stream = Stream.objects.create(
        seller=seller,
        title=ENDED_TITLE,
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
        chat_count=len(_CHAT),
        last_chat_seq=len(_CHAT),
    )
    _add_products(stream, products)
    ReactionTotal.objects.bulk_create(
        ReactionTotal(stream=stream, emoji=emoji, count=count) for emoji, count in _REACTIONS.items()
    )
    ChatMessage.objects.bulk_create(
        ChatMessage(
            stream=stream, seq=seq, user=viewer, message=text, created_at=start + timedelta(minutes=2 * seq)
        )
        for seq, (text, viewer) in enumerate(zip(_CHAT, cycle(viewers), strict=False), start=1)
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


def _add_products(stream: Stream, products: list[Product]) -> None:
    StreamProduct.objects.bulk_create(
        StreamProduct(stream=stream, product=product, position=position)
        for position, product in enumerate(products)
    )
