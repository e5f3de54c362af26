"""The name of a deleted account disappears from other people's notifications."""

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from accounts.services.deletion import delete_account
from accounts.services.moderation import ban_user
from accounts.tests.factories import PASSWORD, make_seller, make_staff, make_user
from chat import services
from listings.tests.factories import make_product
from notifications.models import Notification
from notifications.tasks import remove_name
from notifications.tests.factories import text_of
from offers.services.negotiation import create_offer

pytestmark = pytest.mark.django_db


def write_and_offer(buyer: User, seller: User) -> None:
    product = make_product(seller=seller, price="850.00")
    conversation, _ = services.open_conversation(actor=buyer, other_user_id=seller.pk, product_id=product.pk)
    services.send_message(actor=buyer, conversation_id=conversation.pk, content="Is it available?")
    create_offer(actor=buyer, product_id=product.pk, offered_price=product.price)


def titles(user: User) -> list[str]:
    return sorted(text_of(row).title for row in Notification.objects.filter(user=user))


def test_notifications_of_messages_and_offers_lose_the_name_of_a_deleted_account() -> None:
    seller, noura, omar = make_seller(), make_user(username="noura.1", full_name="Noura A."), make_user()
    write_and_offer(noura, seller)
    write_and_offer(omar, seller)
    of_omar = [omar.full_name, f"@{omar.username} offers AED 850.00"]
    assert titles(seller) == sorted(["Noura A.", "@noura.1 offers AED 850.00", *of_omar])
    delete_account(actor=noura, password=PASSWORD)
    remove_name(user_id=str(noura.pk))
    assert titles(seller) == sorted(["Deleted user", "Deleted user offers AED 850.00", *of_omar])
    assert Notification.objects.filter(user=seller, params__text="Is it available?").count() == 2


def test_deleting_an_account_enqueues_the_job() -> None:
    noura = make_user()
    delete_account(actor=noura, password=PASSWORD)
    assert ProcrastinateJob.objects.get(task_name="notifications.remove_name").args == {
        "user_id": str(noura.pk)
    }


def test_a_banned_account_keeps_its_name() -> None:
    seller, noura = make_seller(), make_user(full_name="Noura A.")
    write_and_offer(noura, seller)
    before = titles(seller)
    ban_user(actor=make_staff(), user_id=noura.pk, reason="Counterfeits")
    remove_name(user_id=str(noura.pk))
    assert titles(seller) == before
