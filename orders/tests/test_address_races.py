"""Addresses changed at the same moment: real transactions in threads."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from accounts.models import User
from accounts.tests.factories import make_user
from orders.models import Address
from orders.services.addresses import change_address
from orders.tests.address_factories import make_address
from soukloop.core.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 6


def create(person: User) -> str:
    try:
        make_address(person, is_default=True)
    except Conflict as refused:
        return str(refused.code)
    finally:
        connections.close_all()
    return "created"


def make_default(address: Address) -> None:
    try:
        change_address(actor=address.person, address_id=address.pk, is_default=True)
    finally:
        connections.close_all()


def test_addresses_created_at_once_keep_the_limit_and_one_default(settings: Any) -> None:
    settings.ADDRESSES_MAX = 3
    person = make_user()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        outcomes = list(threads.map(create, [person] * AT_ONCE))
    assert sorted(outcomes) == ["created"] * 3 + ["too_many_addresses"] * 3
    assert Address.objects.filter(person=person).count() == 3
    assert Address.objects.filter(person=person, is_default=True).count() == 1


def test_a_default_that_is_moved_twice_at_once_ends_at_one_address() -> None:
    person = make_user()
    addresses = [make_address(person) for _ in range(3)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(make_default, addresses * 2))
    assert Address.objects.filter(person=person, is_default=True).count() == 1
