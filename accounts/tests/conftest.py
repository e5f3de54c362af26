"""Fixtures for the tests of accounts."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.calls import EMAIL, PHONE
from accounts.tests.factories import client_for, make_user


@pytest.fixture
def quick_hashing(settings: Any) -> None:
    """Hash passwords in no time, where there are many of them."""
    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    settings.PASSWORD_HASHERS = [quick, *settings.PASSWORD_HASHERS]


@pytest.fixture
def guest() -> APIClient:
    return APIClient()


@pytest.fixture
def user(db: None) -> User:
    return make_user()


@pytest.fixture
def client(user: Any) -> APIClient:
    return client_for(user)


@pytest.fixture
def debug(settings: Any) -> None:
    settings.DEBUG = True


@pytest.fixture
def buyer(db: None) -> User:
    """Return a person who has not verified an email or phone yet."""
    return make_user(email=EMAIL, phone=PHONE, is_verified=False)
