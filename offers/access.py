"""Which offers and sales a user may read or change, and the order in which rows are locked.

The order is: product, offers, sale, then the rows that chat and notifications lock. Every write in this app
locks the product's row first, so writes about one product run one after the other.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.blocks import blocked_between, is_blocked_between
from accounts.models import User
from listings.access import product_visible_to
from listings.models import Product
from offers.models import Offer, OfferQuerySet, Transaction, TransactionQuerySet
from soukloop.core.db.rows import columns_of, one_row
from soukloop.core.errors import NotFound

OFFER_RELATIONS = ("product", "buyer", "seller", "made_by", "conversation", "transaction")


def offers_visible_to(user: User) -> OfferQuerySet:
    """Return the offers this user made or received.

    A block between the two sides hides an offer, unless it became a sale.
    """
    is_hidden = blocked_between(user.pk, "buyer_id") | blocked_between(user.pk, "seller_id")
    return Offer.objects.of(user).exclude(is_hidden & Q(transaction=None))


def offer_of(user: User, offer_id: UUID) -> Offer:
    """Return an offer that this user made or received; raises NotFound."""
    offer = offers_visible_to(user).select_related(*OFFER_RELATIONS).filter(pk=offer_id).first()
    if offer is None:
        raise NotFound(_("Offer not found."))
    return offer


def lock_offer_of(user: User, offer_id: UUID) -> Offer:
    """Lock the product, then the offer, and return the offer; raises NotFound.

    `offer.product` is the locked row. A closed offer is never reopened, so it is returned without a lock:
    requests that arrive too late don't wait for one another.
    """
    offer = offer_of(user, offer_id)
    if offer.status != Offer.Status.PENDING:
        return offer
    product = lock_product(offer.product_id)
    locked = (
        offers_visible_to(user)
        .select_related("buyer", "seller", "made_by", "conversation")
        .select_for_update(of=("self",))
        .filter(pk=offer_id)
        .first()
    )
    if locked is None:
        raise NotFound(_("Offer not found."))
    locked.product = product
    return locked


def lock_product(product_id: UUID) -> Product:
    """Lock a product's row, so that no other transaction changes the product or its offers.

    FOR NO KEY UPDATE: a conversation about the product may be inserted meanwhile. With FOR UPDATE it would
    wait for this lock while holding a lock that this transaction needs next.
    """
    sql = f"SELECT {columns_of(Product)} FROM listings_product WHERE id = %s FOR NO KEY UPDATE"  # noqa: S608 - our names
    found = one_row(Product, sql, [product_id])
    if found is None:
        raise Product.DoesNotExist
    return found[0]


def has_open_offer(product: Product, buyer: User) -> bool:
    """Return whether an offer between this buyer and the seller is pending, expired or not.

    Most new offers find none, and locking offers with all that belongs to them takes the ORM a while.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM offers_offer WHERE product_id = %s AND buyer_id = %s AND status = 'pending'",
            [product.pk, buyer.pk],
        )
        return cursor.fetchone() is not None


def lock_open_offers(product: Product, condition: Q | None = None) -> list[Offer]:
    """Lock and return the pending offers on a locked product, those past their expiry time included."""
    offers = list(
        Offer.objects.filter(condition or Q(), product=product, status=Offer.Status.PENDING)
        .select_related("buyer", "seller", "made_by", "conversation")
        .select_for_update(of=("self",))
        .order_by("id")
    )
    for offer in offers:
        offer.product = product
    return offers


def offer_with_client_id(maker: User, product: Product, client_offer_id: str) -> Offer | None:
    """Return the offer that the maker's client already created under this id."""
    return (
        Offer.objects.select_related(*OFFER_RELATIONS)
        .filter(product=product, made_by=maker, client_offer_id=client_offer_id)
        .first()
    )


def recent_fee_feed_types(product: Product, buyer_id: UUID, now: datetime) -> set[str]:
    """Return the feeds whose fees apply to the buyer's offers on a product in OFFER_FEE_KEPT_FOR.

    The seller's counter-offers count as well: they belong to the same negotiation.
    """
    offers = Offer.objects.filter(
        product=product, buyer_id=buyer_id, created_at__gt=now - settings.OFFER_FEE_KEPT_FOR
    )
    return set(offers.order_by().values_list("fee_feed_type", flat=True).distinct())


def offer_times_of_day(product: Product, buyer: User, now: datetime) -> list[datetime]:
    """Return when the buyer made offers on a locked product in 24 hours, whatever became of them."""
    offers = Offer.objects.filter(
        product=product, made_by=buyer, is_purchase=False, created_at__gt=now - timedelta(days=1)
    )
    return list(offers.order_by("created_at").values_list("created_at", flat=True))


def product_for_offer(user: User, product_id: UUID) -> Product:
    """Return a product that this user may make an offer on, even if it is sold already; raises NotFound.

    A sold product is visible only to its seller and buyer. It is returned here nevertheless, so that a late
    offer gets the error `product_not_available` instead of 404.
    """
    try:
        return product_visible_to(user, product_id)
    except NotFound:
        sold = Product.objects.filter(status=Product.Status.SOLD, seller_closed=False)
        product = sold.select_related("seller").filter(pk=product_id).first()
        if product is None or is_blocked_between(user.pk, product.seller_id):
            raise
        return product


def has_bought(user: User, product: Product) -> bool:
    """Return whether this user bought the product in a sale that was not cancelled."""
    return (
        Transaction.objects.filter(product=product, buyer=user)
        .exclude(status=Transaction.Status.CANCELLED)
        .exists()
    )


def transactions_of(user: User) -> TransactionQuerySet:
    """Return the user's sales and purchases, whether the other side is blocked or not."""
    return Transaction.objects.filter(Q(buyer=user) | Q(seller=user))


def transaction_of(user: User, transaction_id: UUID) -> Transaction:
    """Return one of the user's sales or purchases; raises NotFound.

    A block doesn't hide it, because both sides agreed on the sale.
    """
    sale = (
        transactions_of(user)
        .select_related("product", "buyer", "seller", "offer")
        .filter(pk=transaction_id)
        .first()
    )
    if sale is None:
        raise NotFound(_("Transaction not found."))
    return sale


def lock_transaction_of(user: User, transaction_id: UUID) -> Transaction:
    """Lock the product, the offer, then the sale, and return the sale; raises NotFound.

    `sale.product` is the locked row.
    """
    sale = transaction_of(user, transaction_id)
    return lock_sale(sale.pk, product_id=sale.product_id, offer_id=sale.offer_id)


def lock_sale(sale_id: UUID, *, product_id: UUID, offer_id: UUID) -> Transaction:
    """Lock the product, the offer, then the sale, and return the sale, whoever asks.

    `sale.product` and `sale.offer` are the locked rows.
    """
    product = lock_product(product_id)
    offer = (
        Offer.objects.select_related("buyer", "seller", "made_by", "conversation")
        .select_for_update(of=("self",))
        .get(pk=offer_id)
    )
    sale = (
        Transaction.objects.select_related("buyer", "seller").select_for_update(of=("self",)).get(pk=sale_id)
    )
    offer.product = sale.product = product
    sale.offer = offer
    return sale
