"""What ends sales and offers otherwise: a cancellation, what happens outside, the database itself."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.tests.factories import block, make_seller, make_staff, make_user
from listings.models import Product
from listings.services import delete_product, hide_product
from listings.tests.factories import make_product
from offers.models import Offer, OfferEvent, Transaction
from offers.services import negotiation, sales
from offers.tests.conftest import Sent, names, snapshot
from offers.tests.factories import make_counter, make_offer, make_sale
from soukloop.core.errors import Conflict, NotFound

pytestmark = pytest.mark.django_db
Status, Reason = Offer.Status, Offer.CloseReason


@pytest.mark.parametrize("side", ["buyer", "seller"])
def test_either_side_may_cancel_and_the_product_is_on_sale_again(side: str, sent: Sent) -> None:
    sale = make_sale()
    actor = getattr(sale, side)
    with sent() as events:
        sales.cancel_transaction(actor=actor, transaction_id=sale.pk, reason="changed my mind")
    sale = Transaction.objects.select_related("product", "offer").get(pk=sale.pk)
    assert (sale.status, sale.closed_by, sale.close_reason) == ("cancelled", actor, "changed my mind")
    assert (sale.offer.status, sale.offer.close_reason) == (Status.CANCELLED, Reason.SALE_CANCELLED)
    assert (sale.product.status, sale.product.sold_at) == ("active", None)
    assert names(events) == [
        (f"user.{sale.buyer_id}", "offer:cancelled"),
        (f"user.{sale.seller_id}", "offer:cancelled"),
    ]
    again = make_sale(sale.product)
    assert again.product == sale.product


def test_a_sale_is_cancelled_once_and_by_nobody_else() -> None:
    sale = make_sale()
    before = snapshot()
    with pytest.raises(NotFound):
        sales.cancel_transaction(actor=make_user(), transaction_id=sale.pk)
    assert snapshot() == before
    sales.cancel_transaction(actor=sale.buyer, transaction_id=sale.pk)
    before = snapshot()
    with pytest.raises(Conflict) as refusal:
        sales.cancel_transaction(actor=sale.seller, transaction_id=sale.pk)
    assert refusal.value.code == "transaction_cancelled"
    assert snapshot() == before


def test_a_completed_sale_is_not_cancelled() -> None:
    sale = make_sale()
    Transaction.objects.filter(pk=sale.pk).update(status="completed", closed_at=timezone.now())
    with pytest.raises(Conflict) as refusal:
        sales.cancel_transaction(actor=sale.seller, transaction_id=sale.pk)
    assert refusal.value.code == "transaction_completed"


def test_a_sold_product_that_staff_hid_stays_hidden_when_its_sale_is_cancelled() -> None:
    sale = make_sale()
    staff = make_staff()
    hide_product(actor=staff, product_id=sale.product_id, reason="Counterfeit")
    sales.cancel_transaction(actor=sale.buyer, transaction_id=sale.pk)
    product = Product.objects.get(pk=sale.product_id)
    assert (product.status, product.sold_at) == ("hidden", None)


@pytest.mark.parametrize("withdraw", ["delete", "hide"])
def test_open_offers_end_with_their_product(withdraw: str, sent: Sent) -> None:
    product = make_product()
    offer, counter = make_offer(product), make_counter(make_offer(product))
    with sent() as events:
        if withdraw == "delete":
            delete_product(actor=product.seller, product_id=product.pk)
        else:
            hide_product(actor=make_staff(), product_id=product.pk, reason="Counterfeit")
    for one in (offer, counter):
        one.refresh_from_db()
        assert (one.status, one.close_reason) == (Status.DECLINED, Reason.PRODUCT_UNAVAILABLE)
    assert [event for _, event in names(events)].count("offer:declined") == 4


def test_a_closed_account_can_not_win() -> None:
    offer = make_offer()
    offer.buyer.__class__.objects.filter(pk=offer.buyer_id).update(is_active=False, banned_at=timezone.now())
    before = snapshot()
    with pytest.raises(Conflict) as refusal:
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert refusal.value.code == "party_unavailable"
    assert snapshot() == before


def test_what_a_closed_seller_sold_is_no_longer_to_be_had() -> None:
    offer = make_offer()
    Product.objects.filter(pk=offer.product_id).update(seller_closed=True)
    before = snapshot()
    with pytest.raises(Conflict) as refusal:
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert refusal.value.code == "product_not_available"
    with pytest.raises(Conflict):
        make_counter(offer)
    assert snapshot() == before


def test_across_a_block_an_open_offer_is_gone_and_a_sale_stays() -> None:
    offer, sale = make_offer(), make_sale()
    block(offer.buyer, offer.seller)
    block(sale.seller, sale.buyer)
    before = snapshot()
    with pytest.raises(NotFound):
        negotiation.accept_offer(actor=offer.seller, offer_id=offer.pk)
    assert snapshot() == before
    assert sales.cancel_transaction(actor=sale.buyer, transaction_id=sale.pk).status == "cancelled"


def test_the_database_holds_one_winner_and_one_open_offer_and_sums_that_add_up() -> None:
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
