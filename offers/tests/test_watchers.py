"""People who watch a product lose its room with the right to see the product."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from accounts.models import User
from accounts.services import moderation, relations
from accounts.tests.factories import block, make_seller, make_staff, make_user
from accounts.tokens import access_token_for
from listings.access import no_longer_visible
from listings.models import Product
from listings.services import delete_product, hide_product, mark_sold
from listings.tests.factories import make_product
from offers import commands
from offers.tests.factories import make_offer
from soukloop.core.errors import NotFound
from soukloop.realtime.sessions import Session, SocketUser
from soukloop.realtime.testing.servers import ServerProcess

pytestmark = pytest.mark.django_db(transaction=True)

Servers = Callable[..., list[ServerProcess]]
Change = Callable[[Product, User], object]


def _block_watcher(product: Product, watcher: User) -> None:
    relations.block_user(actor=product.seller, user_id=watcher.pk)


def _block_seller(product: Product, watcher: User) -> None:
    relations.block_user(actor=watcher, user_id=product.seller_id)


def _delete(product: Product, watcher: User) -> None:
    delete_product(actor=product.seller, product_id=product.pk)


def _hide(product: Product, watcher: User) -> None:
    hide_product(actor=make_staff(is_superuser=True), product_id=product.pk, reason="Counterfeit")


def _ban_seller(product: Product, watcher: User) -> None:
    moderation.ban_user(actor=make_staff(is_superuser=True), user_id=product.seller_id, reason="Fraud")


CHANGES = [_block_watcher, _block_seller, _delete, _hide, _ban_seller]


@pytest.mark.parametrize("change", CHANGES)
def test_who_may_no_longer_see_a_product_is_removed_from_its_room_on_every_device(
    live_server_process: Servers, bare_client: Any, sio_client: Any, change: Change
) -> None:
    one, two = live_server_process(2)
    product, other, watcher = make_product(), make_product(), make_user()
    phone = bare_client(one, access_token_for(watcher))
    tablet = sio_client(two, access_token_for(watcher)).wait_connected()
    for client in (phone, tablet):
        for watched in (product, other):
            assert client.call("product:join", {"product_id": str(watched.pk)})["success"] is True
    change(product, watcher)
    for client in (phone, tablet):
        assert client.expect("product:left", within=10) == {
            "productId": str(product.pk),
            "reason": "product_not_found",
        }
        refused = client.call("product:join", {"product_id": str(product.pk)})
        assert refused["error"]["code"] == "product_not_found"
    make_offer(other, buyer=make_user())
    commands_of_others = bare_client(one, access_token_for(make_user()))
    ack = commands_of_others.call(
        "offer:create", {"product_id": str(other.pk), "offered_price": float(other.price) - 1}
    )
    assert ack["success"] is True
    for client in (phone, tablet):
        assert client.expect("offer:feed")["productId"] == str(other.pk)
        assert len(client.named("product:left")) == 1


def test_a_blocked_watcher_gets_no_further_offers_and_others_do(
    live_server_process: Servers, bare_client: Any
) -> None:
    [server] = live_server_process()
    product, watcher, bystander = make_product(), make_user(), make_user()
    blocked, remaining = (bare_client(server, access_token_for(user)) for user in (watcher, bystander))
    for client in (blocked, remaining):
        assert client.call("product:join", {"product_id": str(product.pk)})["success"] is True
    relations.block_user(actor=product.seller, user_id=watcher.pk)
    blocked.expect("product:left", within=10)
    buyer = bare_client(server, access_token_for(make_user()))
    price = float(product.price) - 1
    buyer.call("offer:create", {"product_id": str(product.pk), "offered_price": price})
    remaining.expect("offer:feed")
    assert blocked.receives_no("offer:feed")
    assert remaining.named("product:left") == []


def test_a_seller_goes_on_watching_a_hidden_product(live_server_process: Servers, bare_client: Any) -> None:
    [server] = live_server_process()
    product = make_product()
    client = bare_client(server, access_token_for(product.seller))
    assert client.call("product:join", {"product_id": str(product.pk)})["success"] is True
    _hide(product, product.seller)
    assert client.receives_no("product:left")


def test_a_missed_removal_is_made_up_for_by_the_next_heartbeat(
    live_server_process: Servers, bare_client: Any
) -> None:
    [server] = live_server_process(environment={"DJANGO_SETTINGS_MODULE": "soukloop.realtime.tests.settings"})
    product, watcher = make_product(), make_user()
    client = bare_client(server, access_token_for(watcher))
    assert client.call("product:join", {"product_id": str(product.pk)})["success"] is True
    block(product.seller, watcher)  # the row alone, as if the message about it was lost
    assert client.expect("product:left", within=10)["productId"] == str(product.pk)


class _Connection:
    """A connection on which something happens between the check of a join and the entering of its room."""

    def __init__(self, before_joining: Callable[[], object]) -> None:
        self.before_joining = before_joining
        self.rooms: frozenset[str] = frozenset()

    def join(self, room: str) -> None:
        self.before_joining()
        self.rooms |= {room}

    def leave(self, room: str) -> None:
        self.rooms -= {room}

    def emit(self, event: str, data: dict[str, Any]) -> None:
        raise AssertionError(event)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_between_the_check_and_the_entering_of_the_room_refuses_the_join(change: Change) -> None:
    product, watcher = make_product(), make_user()
    connection = _Connection(lambda: change(product, watcher))
    socket_user = SocketUser(watcher.pk, watcher.username, None, watcher.token_version, watcher)
    session = Session(uuid4().hex, socket_user, connection)
    with pytest.raises(NotFound):
        commands.join_product(session, {"product_id": product.pk})
    assert connection.rooms == frozenset()


def test_who_may_go_on_watching_follows_from_the_product_and_the_blocks() -> None:
    seller, watcher, blocked = make_seller(), make_user(), make_user()
    block(seller, blocked)
    active, sold, hidden, deleted = (make_product(seller=seller) for _ in range(4))
    mark_sold(product=sold)
    _hide(hidden, watcher)
    _delete(deleted, watcher)
    products, people = (active, sold, hidden, deleted), (seller, watcher, blocked)
    gone: set[tuple[UUID, UUID]] = {
        *((product.pk, blocked.pk) for product in products),
        *((product.pk, watcher.pk) for product in (hidden, deleted)),
        (deleted.pk, seller.pk),
    }
    assert no_longer_visible((product.pk, user.pk) for product in products for user in people) == gone
    assert no_longer_visible([]) == set()
