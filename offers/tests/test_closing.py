"""Cancelled sales, offers closed by other changes, and the database's constraints."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.tests.factories import block, make_seller, make_staff, make_user
from listings.models import Product
from listings.services import delete_product, hide_product
from listings.tests.factories import make_product
from notifications.models import Notification
from offers.models import Offer, OfferEvent, Transaction
from offers.services import closing, negotiation, sales
from offers.tests.conftest import CommitAndCapture, all_rows, offer_events
from offers.tests.factories import make_counter, make_offer, make_sale
from soukloop.core.errors import Conflict, NotFound

pytestmark = pytest.mark.django_db
Status, Reason = Offer.Status, Offer.CloseReason


@pytest.mark.parametrize("side", ["buyer", "seller"])
def test_either_side_may_cancel_a_sale_and_the_product_is_on_sale_again(
    side: str, commit_and_capture: CommitAndCapture
) -> None:
    sale = make_sale()
    actor = getattr(sale, side)
    with commit_and_capture() as events:
        sales.cancel_transaction(actor=actor, transaction_id=sale.pk, reason="changed my mind")
    sale = Transaction.objects.select_related("product", "offer").get(pk=sale.pk)
    assert (sale.status, sale.closed_by, sale.close_reason) == ("cancelled", actor, "changed my mind")
    assert (sale.offer.status, sale.offer.close_reason) == (Status.CANCELLED, Reason.SALE_CANCELLED)
    assert (sale.product.status, sale.product.sold_at) == ("active", None)
    assert offer_events(events) == [
        (f"user.{sale.buyer_id}", "offer:cancelled"),
        (f"user.{sale.seller_id}", "offer:cancelled"),
        (f"product.{sale.product_id}", "product:available"),
    ]
    again = make_sale(sale.product)
    assert again.product == sale.product


@pytest.mark.parametrize("side", ["buyer", "seller"])
def test_selling_listing_and_cancelling_ten_leaves_no_more_active_products_than_allowed(
    side: str, settings: Any
) -> None:
    settings.ACTIVE_PRODUCTS_MAX = 10
    seller, buyers = make_seller(), [make_user() for _ in range(10)]
    made = [make_sale(make_product(seller=seller), buyer=buyer) for buyer in buyers]
    for _ in range(10):
        make_product(seller=seller)
    for sale in made:
        sales.cancel_transaction(actor=getattr(sale, side), transaction_id=sale.pk)
    assert seller.products.filter(status="active").count() == 10
    assert seller.products.filter(status="inactive").count() == 10
    told = Notification.objects.filter(user=seller, kind="product_inactive")
    assert told.count() == 10


def test_sale_is_cancelled_once_and_by_its_two_sides_only() -> None:
    sale = make_sale()
    before = all_rows()
    with pytest.raises(NotFound):
        sales.cancel_transaction(actor=make_user(), transaction_id=sale.pk)
    assert all_rows() == before
    sales.cancel_transaction(actor=sale.buyer, transaction_id=sale.pk)
    before = all_rows()
    with pytest.raises(Conflict) as refusal:
        sales.cancel_transaction(actor=sale.seller, transaction_id=sale.pk)
    assert refusal.value.code == "transaction_cancelled"
    assert all_rows() == before


def test_completed_sale_cannot_be_cancelled() -> None:
    sale = make_sale()
    Transaction.objects.filter(pk=sale.pk).update(status="completed", closed_at=timezone.now())
    with pytest.raises(Conflict) as refusal:
        sales.cancel_transaction(actor=sale.seller, transaction_id=sale.pk)
    assert refusal.value.code == "transaction_completed"


def test_cancelling_a_sale_keeps_a_hidden_product_hidden() -> None:
    sale = make_sale()
    staff = make_staff()
    hide_product(actor=staff, product_id=sale.product_id, reason="Counterfeit")
    sales.cancel_transaction(actor=sale.buyer, transaction_id=sale.pk)
    product = Product.objects.get(pk=sale.product_id)
    assert (product.status, product.sold_at) == ("hidden", None)


@pytest.mark.parametrize("withdraw", ["delete", "hide"])
def test_withdrawing_a_product_declines_its_pending_offers(
    withdraw: str, commit_and_capture: CommitAndCapture
) -> None:
    product = make_product()
    offer, counter = make_offer(product), make_counter(make_offer(product))
    with commit_and_capture() as events:
        if withdraw == "delete":
            delete_product(actor=product.seller, product_id=product.pk)
        else:
            hide_product(actor=make_staff(), product_id=product.pk, reason="Counterfeit")
    for one in (offer, counter):
        one.refresh_from_db()
        assert (one.status, one.close_reason) == (Status.DECLINED, Reason.PRODUCT_UNAVAILABLE)
    assert [event for _, event in offer_events(events)].count("offer:declined") == 4


def test_offer_of_a_closed_account_cannot_be_accepted() -> None:
    offer = make_offer()
    offer.buyer.__class__.objects.filter(pk=offer.buyer_id).update(is_active=False, banned_at=timezone.now())
    before = all_rows()
    with pytest.raises(Conflict) as refusal:
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert refusal.value.code == "party_unavailable"
    assert all_rows() == before


def test_offer_on_a_product_of_a_closed_account_cannot_be_answered() -> None:
    offer = make_offer()
    Product.objects.filter(pk=offer.product_id).update(seller_closed=True)
    before = all_rows()
    with pytest.raises(Conflict) as refusal:
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert refusal.value.code == "product_not_available"
    with pytest.raises(Conflict):
        make_counter(offer)
    assert all_rows() == before


def test_block_hides_pending_offers_but_sales_can_still_be_cancelled() -> None:
    offer, sale = make_offer(), make_sale()
    block(offer.buyer, offer.seller)
    block(sale.seller, sale.buyer)
    before = all_rows()
    with pytest.raises(NotFound):
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert all_rows() == before
    assert sales.cancel_transaction(actor=sale.buyer, transaction_id=sale.pk).status == "cancelled"


def test_database_constraints_refuse_inconsistent_rows() -> None:
    product = make_product()
    first, second = make_offer(product), make_offer(product)
    closed = {"closed_at": timezone.now(), "close_reason": "accepted"}
    Offer.objects.filter(pk=first.pk).update(status="accepted", **closed)
    sale = make_sale()
    writes = (
        lambda: Offer.objects.filter(pk=second.pk).update(status="accepted", **closed),
        lambda: Offer.objects.filter(pk=second.pk).update(status="declined"),
        lambda: Offer.objects.filter(pk=second.pk).update(made_by=make_seller()),
        lambda: Offer.objects.filter(pk=second.pk).update(offered_price=0),
        lambda: Offer.objects.create(
            **{
                field.attname: getattr(second, field.attname)
                for field in Offer._meta.concrete_fields
                if field.name != "id"
            }
        ),
        lambda: Transaction.objects.filter(pk=sale.pk).update(platform_fee=Decimal("37.51")),
        lambda: OfferEvent.objects.create(offer=first, kind="created", created_at=timezone.now()),
    )
    for write in writes:
        with pytest.raises(IntegrityError), transaction.atomic():
            write()


@pytest.mark.parametrize("side", ["buyer", "seller"])
def test_an_accepted_offer_that_nobody_ordered_is_cancelled_with_the_account(side: str) -> None:
    sale, kept = make_sale(), make_sale()
    closed = getattr(sale, side)
    other = sale.seller if side == "buyer" else sale.buyer
    closing.close_offers_for_people(closed.pk, other.pk)  # a block changes nothing of what was agreed
    sale.refresh_from_db()
    assert sale.status == "pending"
    for _ in range(2):
        closing.close_offers_for_people(closed.pk)
    sale.refresh_from_db()
    sale.offer.refresh_from_db()
    product = Product.objects.get(pk=sale.product_id)
    assert (sale.status, sale.close_reason, sale.offer.status) == ("cancelled", "account_closed", "cancelled")
    assert (product.status, product.sold_at) == ("active", None)
    assert Notification.objects.filter(user=other, kind="sale_cancelled").count() == 1
    kept.refresh_from_db()
    assert kept.status == "pending"
