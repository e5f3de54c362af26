"""Which orders and addresses a person may read or change, and the order in which rows are locked.

The order is: people (by id), product, offer, sale, order, payment, then the rows below it. Every write locks
the product's row before those of the order, so writes about one product run one after the other.
"""

from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.access import lock_user
from accounts.models import User
from accounts.tokens import check_account_open
from offers.access import lock_sale
from offers.error_codes import OffersErrorCode
from offers.models import Transaction
from orders.error_codes import OrdersErrorCode
from orders.models import Address, Dispute, Order, OrderQuerySet
from soukloop.core.errors import Conflict, NotFound

ORDER_RELATIONS = ("product", "buyer", "seller", "transaction", "transaction__offer")


def orders_of(user: User) -> OrderQuerySet:
    """Return the orders in which this person is the buyer or the seller; a block hides none of them."""
    return Order.objects.of(user).select_related(*ORDER_RELATIONS)


def order_of(user: User, order_id: UUID) -> Order:
    """Return an order of which this person is the buyer or the seller; raises NotFound."""
    order = orders_of(user).filter(pk=order_id).first()
    if order is None:
        raise _order_not_found()
    return order


def lock_order_of(user: User, order_id: UUID) -> Order:
    """Lock the product, the offer, the sale, then the order, and return the order; raises NotFound.

    `order.product`, `order.transaction` and `order.transaction.offer` are the locked rows.
    """
    if not Order.objects.of(user).filter(pk=order_id).exists():
        raise _order_not_found()
    return lock_order(order_id)


def lock_order(order_id: UUID) -> Order:
    """Do the same for jobs and staff; raises NotFound."""
    ids = (
        Order.objects.filter(pk=order_id)
        .values_list("product_id", "transaction_id", "transaction__offer_id")
        .first()
    )
    if ids is None:
        raise _order_not_found()
    product_id, sale_id, offer_id = ids
    return _lock_order_of_sale(order_id, lock_sale(sale_id, product_id=product_id, offer_id=offer_id))


def lock_order_of_sale(sale: Transaction) -> Order | None:
    """Lock and return the order of a locked sale, if there is one."""
    order_id = Order.objects.filter(transaction=sale).values_list("pk", flat=True).first()
    return None if order_id is None else _lock_order_of_sale(order_id, sale)


def _lock_order_of_sale(order_id: UUID, sale: Transaction) -> Order:
    # Rows that refer to the order, such as reviews, may be inserted meanwhile.
    order = Order.objects.select_for_update(no_key=True).get(pk=order_id)
    order.product, order.transaction = sale.product, sale
    order.buyer, order.seller = sale.buyer, sale.seller
    return order


def lock_reference(reference: UUID) -> None:
    """Lock what a payment is for, if that is an order, before the payment itself is locked."""
    if Order.objects.filter(pk=reference).exists():
        lock_order(reference)


def lock_both_people(actor: User, other_id: UUID) -> User:
    """Lock the accounts of two people who are about to owe one another something; return the other.

    In the order of their ids, and before everything else, as in `accounts.hooks.account_deletion_blockers`.
    Raises NotAuthenticated if the actor's account is closed, Conflict (`party_unavailable`) for the other's.
    """
    locked = {user_id: lock_user(user_id) for user_id in sorted((actor.pk, other_id))}
    check_account_open(locked[actor.pk])
    other = locked[other_id]
    if not other.is_active:
        raise Conflict(_("The other side's account is closed."), code=OffersErrorCode.PARTY_UNAVAILABLE)
    return other


def addresses_of(user: User) -> QuerySet[Address]:
    """Return a person's own addresses, the default first, then the newest."""
    return Address.objects.filter(person=user).order_by("-is_default", "-created_at", "-pk")


def address_of(user: User, address_id: UUID) -> Address:
    """Return an address of the user's own; raises NotFound, also for other people's."""
    address = Address.objects.filter(person=user, pk=address_id).first()
    if address is None:
        raise NotFound(_("Address not found."), code=OrdersErrorCode.ADDRESS_NOT_FOUND)
    return address


def disputes_visible_to(user: User) -> QuerySet[Dispute]:
    """Return the disputes about orders in which this person is the buyer or the seller."""
    relations = [f"order__{name}" for name in ORDER_RELATIONS]
    return Dispute.objects.filter(Q(order__buyer=user) | Q(order__seller=user)).select_related(
        "order", *relations
    )


def dispute_of(user: User, dispute_id: UUID) -> Dispute:
    """Return a dispute of which this person is a side; raises NotFound."""
    dispute = disputes_visible_to(user).filter(pk=dispute_id).first()
    if dispute is None:
        raise _dispute_not_found()
    return dispute


def lock_dispute_of(user: User, dispute_id: UUID) -> Dispute:
    """Lock the order, as `lock_order_of` does, then the dispute, and return it; raises NotFound.

    `dispute.order` is the locked row.
    """
    if not disputes_visible_to(user).filter(pk=dispute_id).exists():
        raise _dispute_not_found()
    return lock_dispute(dispute_id)


def lock_dispute(dispute_id: UUID) -> Dispute:
    """Do the same for staff; raises NotFound."""
    order_id = Dispute.objects.filter(pk=dispute_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise _dispute_not_found()
    order = lock_order(order_id)
    dispute = Dispute.objects.select_for_update(no_key=True).get(pk=dispute_id)
    dispute.order = order
    return dispute


def _dispute_not_found() -> NotFound:
    return NotFound(_("Dispute not found."), code=OrdersErrorCode.DISPUTE_NOT_FOUND)


def _order_not_found() -> NotFound:
    return NotFound(_("Order not found."), code=OrdersErrorCode.ORDER_NOT_FOUND)
