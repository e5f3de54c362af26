"""Factories of users, whose names and contacts are unique by a counter."""

import itertools
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Block, Follow, User
from accounts.services import moderation
from accounts.tokens import access_token_for

PASSWORD = "Test123!@#"
# One round: Argon2 takes 50 ms a user. It's still checked and upgraded by the real login.
_QUICK_HASH = PBKDF2PasswordHasher().encode(PASSWORD, "factory", iterations=1)
_numbers = itertools.count(1)


def make_user(**overrides: Any) -> User:
    """Save a buyer with the password `PASSWORD`, whose contacts are confirmed unless `is_verified=False`."""
    number = next(_numbers)
    fields: dict[str, Any] = {
        "email": f"person{number}@example.com",
        "username": f"person{number}",
        "full_name": f"Person {number}",
        "password": _QUICK_HASH,
    }
    fields |= overrides
    if fields.pop("is_verified", True):
        for contact in ("email", "phone"):
            if fields.get(contact):
                proof = {f"{contact}_confirmed_at": timezone.now(), f"{contact}_has_proven_owner": True}
                fields = proof | fields
    return User.objects.create(**fields)


def make_seller(**overrides: Any) -> User:
    """Save a verified seller whose password is `PASSWORD`."""
    return make_user(**({"role": User.Role.SELLER} | overrides))


def make_staff(**overrides: Any) -> User:
    """Save a superuser."""
    return make_user(**({"is_staff": True, "is_superuser": True} | overrides))


def make_finance() -> User:
    """Save a member of staff with the rights of finance alone."""
    user = make_user()
    moderation.set_finance(actor=make_staff(), user_id=user.pk, is_finance=True, reason="New colleague")
    return User.objects.get(pk=user.pk)


def make_moderator() -> User:
    """Save a member of staff with the rights of moderators."""
    user = make_user()
    moderation.set_staff(actor=make_staff(), user_id=user.pk, is_staff=True, reason="New colleague")
    return User.objects.get(pk=user.pk)


def client_for(user: User) -> APIClient:
    """Return an API client that is logged in with a real access token."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access_token_for(user)}")
    return client


def block(blocker: User, blocked: User) -> Block:
    return Block.objects.create(blocker=blocker, blocked=blocked)


def follow(follower: User, followed: User) -> Follow:
    return Follow.objects.create(follower=follower, followed=followed)
