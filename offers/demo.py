"""Demo offers: some open, one answered with another price, one sale."""

from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal

from accounts.demo import demo_people
from accounts.models import User
from listings.demo import demo_products
from listings.models import Product
from offers.models import Offer
from offers.services.negotiation import accept_offer, counter_offer, create_offer, decline_offer


def seed() -> Sequence[str]:
    """Add the demo offers that are missing."""
    seed_offers(demo_people(), demo_products())
    return ()


def seed_offers(users: Sequence[User], products: Sequence[Product]) -> list[Offer]:
    """Let buyers bid on what is on sale; products that were bid on before are left as they are."""
    buyers = [user for user in users if user.role == User.Role.BUYER and not user.is_staff]
    if not buyers or Offer.objects.filter(product__in=products).exists():
        return []
    wanted = [product for product in products if product.is_available and product.accepts_offers]
    endings: tuple[Callable[[Offer], object], ...] = (_leave, _counter, _leave, _sell, _decline)
    offers = []
    for number, (product, end) in enumerate(zip(wanted, endings, strict=False)):
        offer = create_offer(
            actor=buyers[number % len(buyers)],
            product_id=product.pk,
            offered_price=_part_of(product.price, "0.88"),
            message="Would you accept this? I can pick up today.",
        )
        if offer.status == Offer.Status.PENDING:
            end(offer)
        offers.append(offer)
    return offers


def _leave(offer: Offer) -> None:
    pass


def _counter(offer: Offer) -> None:
    price = _part_of(offer.original_price, "0.95")
    counter_offer(actor=offer.seller, offer_id=offer.pk, offered_price=price, message="Meet me halfway?")


def _sell(offer: Offer) -> None:
    accept_offer(actor=offer.seller, offer_id=offer.pk)


def _decline(offer: Offer) -> None:
    decline_offer(actor=offer.seller, offer_id=offer.pk)


def _part_of(price: Decimal, part: str) -> Decimal:
    """A round price that a person would name."""
    amount = (price * Decimal(part)).quantize(Decimal(1), rounding=ROUND_DOWN)
    return max(amount, Decimal("0.01"))
