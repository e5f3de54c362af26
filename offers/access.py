"""The only door to an offer or a sale, and the one order in which their rows are locked.

Product, then offers, then the sale, then whatever chat and notifications lock: every write in this app takes
the product's row first, so all that can happen to one product's offers happens one after the other.
"""

from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.blocks import blocked_between, is_blocked_between
from accounts.models import User
from listings.access import product_visible_to
from listings.models import Product
from offers.models import Offer, OfferQuerySet, Transaction
from soukloop.core.errors import NotFound

ANY = Q()
RELATED = ("product", "buyer", "seller", "made_by", "conversation", "transaction")


def offers_visible_to(user: User) -> OfferQuerySet:
    """Return the offers this person is a side of; what a block hides stays hidden unless it became a sale."""
    is_hidden = blocked_between(user.pk, "buyer_id") | blocked_between(user.pk, "seller_id")
    return Offer.objects.of(user).exclude(is_hidden & Q(transaction=None))


def offer_of(user: User, offer_id: UUID) -> Offer:
    """Return an offer this person is a side of; raises NotFound."""
    offer = offers_visible_to(user).select_related(*RELATED).filter(pk=offer_id).first()
    if offer is None:
        raise NotFound("There is no such offer.")
    return offer


def lock_offer_of(user: User, offer_id: UUID) -> Offer:
    """Lock the product, then this offer; raises NotFound. `offer.product` is the locked row.

    A closed offer never opens again, so one that is closed already is returned unlocked: of two hundred who
    come too late none has to queue for the lock.
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
        raise NotFound("There is no such offer.")
    locked.product = product
    return locked


def lock_product(product_id: UUID) -> Product:
    """Lock a product's row against every other change of it or of its offers.

    Not its key: a conversation about it may be written meanwhile, and would wait for this lock while it holds
    what this transaction is going to need.
    """
    return Product.objects.select_for_update(of=("self",), no_key=True).get(pk=product_id)


def lock_open_offers(product: Product, which: Q = ANY) -> list[Offer]:
    """Lock what is pending on a locked product, past its time or not."""
    offers = list(
        Offer.objects.filter(which, product=product, status=Offer.Status.PENDING)
        .select_related("buyer", "seller", "made_by", "conversation")
        .select_for_update(of=("self",))
        .order_by("id")
    )
    for offer in offers:
        offer.product = product
    return offers


def offer_sent_before(maker: User, product: Product, client_offer_id: str) -> Offer | None:
    """Return what the maker's client already sent under this id."""
    return (
        Offer.objects.select_related(*RELATED)
        .filter(product=product, made_by=maker, client_offer_id=client_offer_id)
        .first()
    )


def product_to_bid_on(user: User, product_id: UUID) -> Product:
    """Return a product the user may see, or could a moment ago; raises NotFound.

    A sold one only its two sides may look at, yet whoever comes too late to bid is told so.
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
    """Tell whether this person's sale of the product stands."""
    return (
        Transaction.objects.filter(product=product, buyer=user)
        .exclude(status=Transaction.Status.CANCELLED)
        .exists()
    )


def transactions_of(user: User) -> QuerySet[Transaction]:
    return Transaction.objects.filter(Q(buyer=user) | Q(seller=user))


def transaction_of(user: User, transaction_id: UUID) -> Transaction:
    """Return a sale this person is a side of, blocked or not: money was agreed; raises NotFound."""
    sale = (
        transactions_of(user)
        .select_related("product", "buyer", "seller", "offer")
        .filter(pk=transaction_id)
        .first()
    )
    if sale is None:
        raise NotFound("There is no such transaction.")
    return sale


def lock_transaction_of(user: User, transaction_id: UUID) -> Transaction:
    """Lock the product, the offer, then the sale; raises NotFound. `sale.product` is the locked row."""
    sale = transaction_of(user, transaction_id)
    product = lock_product(sale.product_id)
    offer = (
        Offer.objects.select_related("buyer", "seller", "made_by", "conversation")
        .select_for_update(of=("self",))
        .get(pk=sale.offer_id)
    )
    sale = (
        Transaction.objects.select_related("buyer", "seller").select_for_update(of=("self",)).get(pk=sale.pk)
    )
    offer.product = sale.product = product
    sale.offer = offer
    return sale
