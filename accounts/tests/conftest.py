"""Fixtures by noun for the tests of accounts."""

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import client_for, make_user


@pytest.fixture
def guest() -> APIClient:
    return APIClient()


@pytest.fixture
def user(db) -> User:
    return make_user()


@pytest.fixture
def client(user) -> APIClient:
    return client_for(user)
