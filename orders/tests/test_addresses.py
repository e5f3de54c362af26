"""Addresses over REST: what is taken, the default, the limit, and who reads them."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.services.deletion import delete_account
from accounts.services.moderation import ban_user
from accounts.tests.factories import PASSWORD, client_for, make_staff, make_user
from orders.models import Address, Order
from orders.serializers.addresses import shipping_address_body
from orders.services.addresses import address_for_order
from orders.tests.address_factories import HOME, make_address
from soukloop.core.errors import Conflict, NotFound

pytestmark = pytest.mark.django_db
URL = "/api/v1/addresses"
State = Order.State


def url(address: Address) -> str:
    return f"{URL}/{address.pk}"


def defaults_of(person: Any) -> list[str]:
    return list(Address.objects.filter(person=person, is_default=True).values_list("area", flat=True))


def test_an_address_is_saved_with_its_phone_and_makani_normalized() -> None:
    client = client_for(make_user())
    answer = client.post(URL, HOME | {"phone": "050 123 4599", "makani": "١٢٣٤٥ ٦٧٨٩٠"})
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert {name: data[name] for name in HOME} == HOME
    assert data["is_default"] is True
    assert data["text"].split("\n") == [
        "Noura Al Mansoori",
        "1204, Marina Crown",
        "Al Marsa Street",
        "Dubai Marina",
        "Dubai",
        "Makani 1234567890",
        "+971501234599",
    ]
    assert client.get(f"{URL}/{data['id']}").json()["data"] == data
    assert client.get(URL).json()["data"] == {"items": [data]}


def test_only_recipient_phone_emirate_area_and_building_are_required() -> None:
    client = client_for(make_user())
    errors = client.post(URL, {}).json()["error"]["details"]
    assert sorted(errors) == ["area", "building", "emirate", "phone", "recipient"]
    needed = {name: HOME[name] for name in errors}
    data = client.post(URL, needed).json()["data"]
    assert (data["street"], data["apartment"], data["makani"], data["note"]) == ("", "", "", "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", "12"),
        ("phone", ""),
        ("phone", None),
        ("emirate", "muscat"),
        ("makani", "123456789"),
        ("makani", "12345678901"),
        ("makani", "12345abcde"),
        ("building", "\u200b"),
        ("recipient", "a" * 151),
        ("note", "\x00"),
    ],
)
def test_a_wrong_field_is_refused_and_nothing_is_saved(field: str, value: Any) -> None:
    answer = client_for(make_user()).post(URL, HOME | {field: value})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == [field]
    assert not Address.objects.exists()


def test_phones_of_other_countries_are_taken() -> None:
    answer = client_for(make_user()).post(URL, HOME | {"phone": "+44 20 7946 0958"})
    assert answer.json()["data"]["phone"] == "+442079460958"


def test_the_default_moves_to_a_new_and_to_a_changed_address() -> None:
    user = make_user()
    client = client_for(user)
    marina = make_address(user)
    make_address(user, area="Deira")
    assert defaults_of(user) == ["Dubai Marina"]
    assert client.post(URL, HOME | {"area": "JBR", "is_default": True}).status_code == 201
    assert defaults_of(user) == ["JBR"]
    assert client.patch(url(marina), {"is_default": True, "street": ""}).json()["data"]["street"] == ""
    assert defaults_of(user) == ["Dubai Marina"]
    areas = [item["area"] for item in client.get(URL).json()["data"]["items"]]
    assert areas == ["Dubai Marina", "JBR", "Deira"]


def test_deleting_the_default_makes_the_newest_other_one_the_default() -> None:
    user = make_user()
    home, _, _ = make_address(user), make_address(user, area="Deira"), make_address(user, area="JBR")
    assert client_for(user).delete(url(home)).status_code == 204
    assert defaults_of(user) == ["JBR"]
    assert Address.objects.count() == 2


def test_one_address_too_many_is_refused(settings: Any) -> None:
    settings.ADDRESSES_MAX = 2
    user = make_user()
    make_address(user), make_address(user)
    answer = client_for(user).post(URL, HOME | {"is_default": True, "area": "Deira"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_many_addresses")
    assert defaults_of(user) == ["Dubai Marina"]


def test_nobody_else_reads_changes_or_deletes_an_address() -> None:
    address = make_address(make_user())
    for client in (client_for(make_user()), client_for(make_staff())):
        for answer in (
            client.get(url(address)),
            client.patch(url(address), {"area": "Deira"}),
            client.delete(url(address)),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "address_not_found")
        assert client.get(URL).json()["data"]["items"] == []
    address.refresh_from_db()
    assert address.area == "Dubai Marina"


def test_an_order_gets_a_copy_that_later_changes_do_not_reach() -> None:
    buyer = make_user(phone="+971501234599")
    address = make_address(buyer)
    copy = address_for_order(actor=buyer, address_id=address.pk)
    assert copy == HOME
    client_for(buyer).patch(url(address), {"area": "Deira"})
    assert copy["area"] == "Dubai Marina"


def test_shipping_needs_a_confirmed_phone_and_an_own_address() -> None:
    for buyer in (make_user(), make_user(phone="+971501234599", is_verified=False)):
        with pytest.raises(Conflict) as refused:
            address_for_order(actor=buyer, address_id=make_address(buyer).pk)
        assert refused.value.code == "phone_not_confirmed"
    buyer = make_user(phone="+971501234598")
    for address_id in (make_address(make_user()).pk, uuid4()):
        with pytest.raises(NotFound):
            address_for_order(actor=buyer, address_id=address_id)


@pytest.mark.parametrize("state", State.values)
def test_a_seller_sees_the_address_only_while_a_paid_order_is_sent_to_it(state: str) -> None:
    buyer, seller, stranger = make_user(), make_user(), make_user()
    order = Order(buyer=buyer, seller=seller, state=state, delivery="shipping", shipping_address=HOME)
    is_shown = state in {State.PAID, State.SHIPPED, State.DELIVERED, State.DISPUTED}
    assert (shipping_address_body(order, seller) is not None) is is_shown
    assert shipping_address_body(order, stranger) is None
    shown = shipping_address_body(order, buyer)
    assert shown is not None
    assert shown["area"] == "Dubai Marina"


def test_a_deleted_account_leaves_no_address_and_a_banned_one_keeps_them() -> None:
    user, banned, other = make_user(), make_user(), make_user()
    for person in (user, banned, other):
        make_address(person)
    ban_user(actor=make_staff(), user_id=banned.pk, reason="Fraud")
    delete_account(actor=user, password=PASSWORD)
    assert set(Address.objects.values_list("person", flat=True)) == {banned.pk, other.pk}


def test_a_repeated_request_saves_one_address() -> None:
    client = client_for(make_user())
    for _ in range(2):
        assert client.post(URL, HOME, HTTP_IDEMPOTENCY_KEY="home-1").status_code == 201
    assert Address.objects.count() == 1
