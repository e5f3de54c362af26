"""Whether the offers and sales of a product fit together."""

from collections import Counter
from typing import Any

from listings.models import Product
from offers.models import Offer, OfferEvent, Transaction

NOT_CANCELLED = (Transaction.Status.PENDING, Transaction.Status.COMPLETED)


def assert_offers_consistent(product: Product) -> None:
    """Assert the invariants: at most one accepted offer, amounts that add up, offers closed only once."""
    product.refresh_from_db()
    offers = list(Offer.objects.filter(product=product))
    accepted = [offer for offer in offers if offer.status == Offer.Status.ACCEPTED]
    sales = list(Transaction.objects.filter(product=product, status__in=NOT_CANCELLED))
    assert [sale.offer_id for sale in sales] == [offer.pk for offer in accepted]
    assert len(accepted) <= 1
    assert (product.sold_at is not None) == bool(sales)
    if product.status == Product.Status.ACTIVE:
        assert not sales
    else:
        assert Offer.Status.PENDING not in {offer.status for offer in offers}
    for sale in Transaction.objects.filter(product=product):
        assert sale.platform_fee + sale.seller_payout == sale.price
    pending = Counter(offer.buyer_id for offer in offers if offer.status == Offer.Status.PENDING)
    assert set(pending.values()) <= {1}
    kinds: dict[Any, list[str]] = {offer.pk: [] for offer in offers}
    for entry in OfferEvent.objects.filter(offer__product=product).order_by("id"):
        kinds[entry.offer_id].append(entry.kind)
    for offer in offers:
        closings = [] if offer.status == Offer.Status.PENDING else [offer.status]
        if offer.status == Offer.Status.CANCELLED:
            closings = ["accepted", "cancelled"]
        assert kinds[offer.pk] == ["created", *closings]
