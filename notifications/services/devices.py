"""Registering devices for pushes, and taking them out."""

import hashlib
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.access import lock_open_account
from accounts.models import RefreshFamily, User
from notifications.access import own_device
from notifications.models import Device, Push
from soukloop.core.db.clock import database_now
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import NotAuthenticated

# The device and its keys change hands whole, also if two people send the same token at once.
_SAVE = """
INSERT INTO notifications_device AS device
    (id, user_id, login_id, platform, token, token_digest, p256dh, auth, app_version, locale, created_at,
    last_used_at)
VALUES (gen_random_uuid(), %(user)s, %(login)s, %(platform)s, %(token)s, %(digest)s, %(p256dh)s, %(auth)s,
    %(app_version)s, %(locale)s, %(now)s, %(now)s)
ON CONFLICT (platform, token_digest) DO UPDATE SET
    user_id = excluded.user_id, login_id = excluded.login_id, p256dh = excluded.p256dh, auth = excluded.auth,
    app_version = excluded.app_version, locale = excluded.locale, last_used_at = excluded.last_used_at
RETURNING id, xmax = 0
"""


@transaction.atomic
def register_device(
    *,
    actor: User,
    login_id: UUID | None,
    platform: str,
    token: str,
    p256dh: str = "",
    auth: str = "",
    app_version: str = "",
    locale: str = "",
) -> tuple[Device, bool]:
    """Register a device, or again; return it and whether it is new for this person.

    A token that another account has registered moves here, without the pushes that waited for it. Of more
    than DEVICES_PER_USER_MAX, those that were registered longest ago go. `login_id` is the login
    (RefreshFamily) whose end takes the device out. Raises NotAuthenticated if the login has ended meanwhile.
    """
    user = lock_open_account(actor.pk)
    _check_login(actor, user, login_id)
    digest = hashlib.sha256(token.encode()).hexdigest()
    others = Device.objects.select_for_update().filter(platform=platform, token_digest=digest)
    others.exclude(user=actor).delete()
    with connection.cursor() as cursor:
        params = {
            "user": actor.pk,
            "login": login_id,
            "platform": platform,
            "token": token,
            "digest": digest,
            "p256dh": p256dh,
            "auth": auth,
            "app_version": app_version,
            "locale": locale,
            "now": database_now(),
        }
        cursor.execute(_SAVE, params)
        [(device_id, is_new)] = cursor.fetchall()
    Push.objects.filter(device=device_id).exclude(notification__user=actor).delete()
    _delete_surplus(actor)
    return Device.objects.get(pk=device_id), is_new


def _check_login(actor: User, user: User, login_id: UUID | None) -> None:
    """Lock the login, so that its end waits for the device and then deletes it."""
    has_ended = False
    if login_id is not None:
        logins = RefreshFamily.objects.select_for_update(no_key=True).filter(pk=login_id, user=actor)
        login = logins.first()
        has_ended = login is None or login.revoked_at is not None
    if has_ended or user.token_version != actor.token_version:
        raise NotAuthenticated(_("This session has ended. Log in again."), code=CoreErrorCode.TOKEN_REVOKED)


def _delete_surplus(user: User) -> None:
    latest = Device.objects.filter(user=user).order_by("-last_used_at", "-created_at", "pk")
    kept = list(latest.values_list("pk", flat=True)[: settings.DEVICES_PER_USER_MAX])
    Device.objects.filter(user=user).exclude(pk__in=kept).delete()


@transaction.atomic
def delete_device(*, actor: User, device_id: UUID) -> None:
    """Take a device of the actor's out, with the pushes that wait for it. Raises NotFound."""
    own_device(actor, device_id, lock=True).delete()


def delete_devices_of_login(user_id: UUID, family_id: UUID | None) -> None:
    """Take out the devices of a login that has ended (None: of all), in the transaction that ends it."""
    devices = Device.objects.filter(user=user_id)
    if family_id is not None:
        devices = devices.filter(login=family_id)
    devices.delete()
