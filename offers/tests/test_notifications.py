"""What people are notified of about offers and sales: who, in both languages, and never after a rollback."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Mute, User
from accounts.tests.factories import make_seller, make_user
from chat.models import Conversation
from listings.models import Product
from listings.services.favorites import add_favorite
from listings.tests.factories import make_product
from notifications.models import Notification
from notifications.tests.factories import text_of
from offers.models import Offer
from offers.services import closing, negotiation
from offers.services.sales import cancel_transaction
from offers.tests.factories import make_counter, make_offer

pytestmark = pytest.mark.django_db
TITLE = "Nike Air Jordan 1"


@pytest.fixture
def seller() -> User:
    return make_seller(username="layla")


@pytest.fixture
def buyer() -> User:
    return make_user(username="omar")


@pytest.fixture
def product(seller: User) -> Product:
    return make_product(seller=seller, title=TITLE)


@pytest.fixture
def offer(product: Product, buyer: User) -> Offer:
    return make_offer(product, buyer=buyer)


def unread_of(user: User, language: str = "en") -> list[tuple[str, str, str]]:
    rows = Notification.objects.of(user.pk).unread().order_by("created_at", "kind")
    return [(row.kind, *text_of(row, language)) for row in rows]


def accept(offer: Offer) -> None:
    negotiation.accept_offer(actor=offer.recipient, offer_id=offer.pk)


def cancel(offer: Offer) -> None:
    sale = negotiation.accept_offer(actor=offer.recipient, offer_id=offer.pk)
    cancel_transaction(actor=offer.seller, transaction_id=sale.pk)


def decline(offer: Offer) -> None:
    negotiation.decline_offer(actor=offer.recipient, offer_id=offer.pk)


def withdraw(offer: Offer) -> None:
    negotiation.withdraw_offer(actor=offer.made_by, offer_id=offer.pk)


def expire(offer: Offer) -> None:
    Offer.objects.filter(pk=offer.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    closing.expire_due_offers()


def remind(offer: Offer) -> None:
    Offer.objects.filter(pk=offer.pk).update(expires_at=timezone.now() + timedelta(minutes=30))
    closing.remind_of_expiring_offers()


def test_the_seller_is_notified_of_an_offer(offer: Offer, seller: User, buyer: User) -> None:
    assert unread_of(seller) == [("offer_new", "@omar offers AED 750.00", TITLE)]
    assert unread_of(seller, "ar") == [("offer_new", "عرض @omar مبلغ 750.00 د.إ.", TITLE)]
    assert unread_of(buyer) == []
    row = Notification.objects.get()
    assert row.data == {
        "offer_id": str(offer.pk),
        "product_id": str(offer.product_id),
        "conversation_id": str(offer.conversation_id),
    }


@pytest.mark.parametrize(
    ("change", "english", "arabic"),
    [
        (accept, "Offer of AED 750.00 accepted", "قُبل العرض بمبلغ 750.00 د.إ."),
        (decline, "Your offer of AED 750.00 was declined", "رُفض عرضك بمبلغ 750.00 د.إ."),
        (expire, "Your offer of AED 750.00 has expired", "انتهت مدة عرضك بمبلغ 750.00 د.إ."),
        (make_counter, "@layla offers AED 800.00", "عرض @layla مبلغ 800.00 د.إ."),
    ],
)
def test_the_buyer_is_notified_of_what_became_of_the_offer(
    offer: Offer, buyer: User, change: Callable[[Offer], Any], english: str, arabic: str
) -> None:
    change(offer)
    [(_, title, body)] = unread_of(buyer)
    assert (title, body) == (english, TITLE)
    assert unread_of(buyer, "ar")[0][1] == arabic


@pytest.mark.parametrize(
    ("change", "kind", "english", "arabic"),
    [
        (
            withdraw,
            "offer_withdrawn",
            "@omar withdrew the offer of AED 750.00",
            "سحب @omar العرض بمبلغ 750.00 د.إ.",
        ),
        (
            remind,
            "offer_expiring",
            "The offer of AED 750.00 expires soon",
            "ينتهي العرض بمبلغ 750.00 د.إ. قريبًا",
        ),
    ],
)
def test_the_seller_is_notified_of_a_withdrawn_offer_and_of_one_that_expires_soon(
    offer: Offer, seller: User, change: Callable[[Offer], Any], kind: str, english: str, arabic: str
) -> None:
    change(offer)
    texts = {row[0]: row[1:] for row in unread_of(seller)}
    assert texts[kind] == (english, TITLE)
    assert {row[0]: row[1] for row in unread_of(seller, "ar")}[kind] == arabic


def test_a_withdrawn_offer_takes_the_place_of_its_unread_notification(offer: Offer, seller: User) -> None:
    withdraw(offer)
    assert [kind for kind, _, _ in unread_of(seller)] == ["offer_withdrawn"]
    assert Notification.objects.of(seller.pk).count() == 1


def test_the_withdrawal_of_an_offer_below_the_minimum_tells_the_seller_no_more_than_the_offer_did(
    seller: User, buyer: User
) -> None:
    product = make_product(seller=seller, min_offer_price="800")
    withdraw(make_offer(product, buyer=buyer))
    assert not Notification.objects.of(seller.pk).exists()


@pytest.mark.parametrize("answer", [accept, decline])
def test_an_offer_that_was_answered_is_read(
    offer: Offer, seller: User, answer: Callable[[Offer], Any]
) -> None:
    answer(offer)
    assert unread_of(seller) == []


def test_other_buyers_and_people_who_like_the_product_are_notified_of_a_sale_once_each(
    offer: Offer, product: Product, buyer: User, seller: User, run_jobs: Any
) -> None:
    rival, fan = make_user(), make_user()
    for person in (buyer, rival, fan):
        add_favorite(actor=person, product_id=product.pk)
    make_offer(product, buyer=rival, price="700.00")
    accept(offer)
    run_jobs()
    assert [kind for kind, _, _ in unread_of(buyer)] == ["offer_accepted"]
    assert unread_of(rival) == [
        ("offer_closed", "Your offer was closed: the product is no longer available", TITLE)
    ]
    assert unread_of(rival, "ar")[0][1] == "أُغلق عرضك لأن المنتج لم يعد متاحًا"
    assert [kind for kind, _, _ in unread_of(fan)] == ["favorite_sold"]


def test_the_other_side_is_notified_of_a_cancelled_sale(offer: Offer, buyer: User, seller: User) -> None:
    cancel(offer)
    assert ("sale_cancelled", "Sale for AED 750.00 cancelled", TITLE) in unread_of(buyer)
    assert "أُلغيت عملية البيع بمبلغ 750.00 د.إ." in {title for _, title, _ in unread_of(buyer, "ar")}
    assert [kind for kind, _, _ in unread_of(seller) if kind == "sale_cancelled"] == []


@pytest.mark.parametrize("change", [accept, decline, withdraw, make_counter, cancel, expire, remind])
def test_what_was_rolled_back_notifies_nobody(offer: Offer, change: Callable[[Offer], Any]) -> None:
    before = set(Notification.objects.values_list("pk", "version", "read_at"))
    with transaction.atomic():
        change(offer)
        transaction.set_rollback(True)
    assert set(Notification.objects.values_list("pk", "version", "read_at")) == before


def test_a_muted_buyer_s_offer_is_in_the_conversation_and_notifies_nobody(
    product: Product, buyer: User, seller: User
) -> None:
    Mute.objects.create(muter=seller, muted=buyer)
    make_offer(product, buyer=buyer)
    assert not Notification.objects.exists()
    assert Conversation.objects.get().unread_count_seller == 1
