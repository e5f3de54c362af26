"""Demo offers: three pending (one of them a counter-offer), one accepted and one declined."""

from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal

from accounts.demo import demo_people
from accounts.models import User
from listings.demo import demo_products
from listings.models import Product
from offers.models import Offer
from offers.services.negotiation import accept_offer, counter_offer, create_offer, decline_offer


def seed() -> Sequence[str]:
    """Create the demo offers unless they exist."""
    seed_offers(demo_people(), demo_products())
    return ()


def seed_offers(users: Sequence[User], products: Sequence[Product]) -> list[Offer]:
    """Make offers on available products; do nothing if any of the products already has an offer."""
    buyers = [user for user in users if user.role == User.Role.BUYER and not user.is_staff]
    if not buyers or Offer.objects.filter(product__in=products).exists():
        return []
    available = [product for product in products if product.is_available and product.accepts_offers]
    next_steps: tuple[Callable[[Offer], object], ...] = (
        _leave_pending,
        _counter,
        _leave_pending,
        _accept,
        _decline,
    )
    offers = []
    for number, (product, next_step) in enumerate(zip(available, next_steps, strict=False)):
        offer = create_offer(
            actor=buyers[number % len(buyers)],
            product_id=product.pk,
            offered_price=_rounded_share(product.price, "0.88"),
            message="Would you accept this? I can pick up today.",
        )
        if offer.status == Offer.Status.PENDING:
            next_step(offer)
        offers.append(offer)
    return offers


def _leave_pending(offer: Offer) -> None:
    pass


def _counter(offer: Offer) -> None:
    price = _rounded_share(offer.original_price, "0.95")
    counter_offer(actor=offer.seller, offer_id=offer.pk, offered_price=price, message="Meet me halfway?")


def _accept(offer: Offer) -> None:
    accept_offer(actor=offer.seller, offer_id=offer.pk)


def _decline(offer: Offer) -> None:
    decline_offer(actor=offer.seller, offer_id=offer.pk)


def _rounded_share(price: Decimal, share: str) -> Decimal:
    """Return a share of the price, rounded down to whole dirhams as buyers usually offer."""
    amount = (price * Decimal(share)).quantize(Decimal(1), rounding=ROUND_DOWN)
    return max(amount, Decimal("0.01"))
