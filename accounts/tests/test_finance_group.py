"""The group of finance: who makes somebody a member, and what they and moderators may do."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from accounts.services import moderation
from accounts.tests.factories import make_finance, make_moderator, make_staff, make_user
from soukloop.core.errors import Conflict, Forbidden

pytestmark = pytest.mark.django_db

# permission: (finance, moderators)
MATRIX = {
    "payments.view_payment": (True, False),
    "payments.view_entry": (True, False),
    "payments.view_document": (True, False),
    "payments.view_webhookevent": (True, False),
    "payments.change_payment": (False, False),
    "payments.change_entry": (False, False),
    "payments.delete_entry": (False, False),
    "payments.change_refund": (True, False),
    "payments.change_payout": (True, False),
    "payments.change_transfer": (True, False),
    "payments.change_financecase": (True, False),
    "payments.change_feebill": (True, False),
    "payments.change_correction": (True, False),
    "orders.view_order": (True, True),
    "orders.change_order": (False, False),
    "orders.view_address": (False, False),
    "orders.change_dispute": (True, True),
    "orders.change_review": (False, True),
    "accounts.view_user": (True, True),
    "accounts.change_user": (False, True),
    "chat.change_message": (False, True),
    "livestream.change_stream": (False, True),
    "auth.change_group": (False, False),
}


@pytest.mark.parametrize("permission", MATRIX)
def test_finance_handles_money_and_moderators_handle_content(permission: str) -> None:
    finance, moderator = make_finance(), make_moderator()
    assert (finance.has_perm(permission), moderator.has_perm(permission)) == MATRIX[permission]


def test_the_migration_makes_the_same_groups_as_the_services() -> None:
    Group.objects.filter(name="Finance").delete()
    make_finance()
    wanted = set(Group.objects.get(name="Finance").permissions.values_list("content_type", "codename"))
    make_moderator()
    moderators = set(Group.objects.get(name="Moderators").permissions.values_list("pk", flat=True))

    Group.objects.all().delete()
    old = Group.objects.create(name="Moderators")
    old.permissions.set(
        Permission.objects.filter(pk__in=moderators).exclude(content_type__app_label="orders")
    )
    import_module("accounts.migrations.0013_finance_group").add_permissions(apps, None)
    made = Group.objects.get(name="Finance").permissions.values_list("content_type", "codename")
    assert set(made) == wanted
    assert set(old.permissions.values_list("pk", flat=True)) == moderators


def test_an_older_group_of_moderators_loses_the_rights_on_money() -> None:
    make_moderator()
    group = Group.objects.get(name="Moderators")
    wanted = set(group.permissions.values_list("pk", flat=True))
    group.permissions.add(*Permission.objects.filter(content_type__app_label__in=["payments", "orders"]))
    group.permissions.remove(group.permissions.get(codename="change_message"))
    for _repeated in range(2):
        import_module("accounts.migrations.0014_moderators_without_money").remove_permissions(apps, None)
    restricted = Permission.objects.get(codename="change_message").pk
    assert set(group.permissions.values_list("pk", flat=True)) == wanted - {restricted}
    assert not group.permissions.filter(content_type__app_label="payments").exists()


def test_the_migration_gives_a_restricted_group_nothing_back() -> None:
    group, _ = Group.objects.get_or_create(name="Finance")
    group.permissions.clear()
    import_module("accounts.migrations.0013_finance_group").add_permissions(apps, None)
    assert not group.permissions.exists()


@pytest.mark.parametrize("is_finance", [True, False])
def test_only_superusers_change_who_is_finance(is_finance: bool) -> None:
    user = make_finance() if not is_finance else make_user()
    for actor in (make_moderator(), make_finance()):
        with pytest.raises(Forbidden):
            moderation.set_finance(actor=actor, user_id=user.pk, is_finance=is_finance, reason="x")
    assert user.groups.filter(name="Finance").exists() is not is_finance


def test_who_leaves_finance_is_staff_no_more_unless_a_moderator() -> None:
    boss, finance, both = make_staff(), make_finance(), make_moderator()
    moderation.set_finance(actor=boss, user_id=both.pk, is_finance=True, reason="Also")
    for user, is_staff in ((finance, False), (both, True)):
        moderation.set_finance(actor=boss, user_id=user.pk, is_finance=False, reason="Left")
        user.refresh_from_db()
        assert user.is_staff is is_staff
        assert not user.groups.filter(name="Finance").exists()


def test_a_second_click_and_a_banned_account_change_nothing() -> None:
    boss, finance = make_staff(), make_finance()
    banned: Any = make_user(is_active=False, banned_at=timezone.now())
    for user in (finance, banned):
        with pytest.raises(Conflict):
            moderation.set_finance(actor=boss, user_id=user.pk, is_finance=True, reason="x")
    banned.refresh_from_db()
    assert not banned.is_staff
