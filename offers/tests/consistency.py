"""Whether the offers and sales of a product fit together."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from listings.models import Product
from offers.models import Offer, OfferEvent, Transaction

NOT_CANCELLED = (Transaction.Status.PENDING, Transaction.Status.PAID, Transaction.Status.COMPLETED)


def assert_offers_consistent(*products: Product) -> None:
    """Assert the invariants: at most one accepted offer, amounts that add up, offers closed only once."""
    offers, sales = (
        Offer.objects.filter(product__in=products),
        Transaction.objects.filter(product__in=products),
    )
    offers_of, sales_of = _by_product(offers), _by_product(sales)
    kinds: dict[Any, list[str]] = defaultdict(list)
    for entry in OfferEvent.objects.filter(offer__product__in=products).order_by("id"):
        kinds[entry.offer_id].append(entry.kind)
    for product in products:
        product.refresh_from_db()
        _assert_consistent(product, offers_of[product.pk], sales_of[product.pk], kinds)


def _by_product(rows: Iterable[Any]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.product_id].append(row)
    return found


def _assert_consistent(
    product: Product, offers: list[Offer], all_sales: list[Transaction], kinds: dict[Any, list[str]]
) -> None:
    accepted = [offer for offer in offers if offer.status == Offer.Status.ACCEPTED]
    sales = [sale for sale in all_sales if sale.status in NOT_CANCELLED]
    assert [sale.offer_id for sale in sales] == [offer.pk for offer in accepted]
    assert len(accepted) <= 1
    assert (product.sold_at is not None or product.reserved_at is not None) == bool(sales)
    if product.status == Product.Status.ACTIVE:
        assert not sales
    elif product.status != Product.Status.RESERVED:  # while a card is paid, others' offers stay open
        assert Offer.Status.PENDING not in {offer.status for offer in offers}
    for sale in all_sales:
        assert sale.platform_fee + sale.seller_payout == sale.price
    pending = Counter(offer.buyer_id for offer in offers if offer.status == Offer.Status.PENDING)
    assert set(pending.values()) <= {1}
    for offer in offers:
        closings = [] if offer.status == Offer.Status.PENDING else [offer.status]
        if offer.status == Offer.Status.CANCELLED:
            closings = ["accepted", "cancelled"]
        assert kinds[offer.pk] == ["created", *closings]
