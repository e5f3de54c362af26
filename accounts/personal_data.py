"""What an export of a person's data has of accounts."""

from uuid import UUID

from django.db.models import Q

from accounts.contacts import CONTACTS
from accounts.models import Block, Follow, Mute, OtpEvent, RefreshFamily, User
from soukloop.core.personal_data import PersonalTable, owned_by


def _of_their_contacts(user_id: UUID) -> Q:
    user = User.objects.filter(pk=user_id).values(*CONTACTS).first() or {}
    return Q(identifier__in=[address for address in user.values() if address])


TABLES = [
    PersonalTable(
        "account",
        User,
        owned_by("pk"),
        (
            *("id", "email", "email_confirmed_at", "username", "phone", "phone_confirmed_at", "full_name"),
            *("role", "language", "bio", "avatar", "neighborhood", "location", "is_staff"),
            *("has_verified_badge", "banned_at", "ban_reason", "deleted_at", "last_login_at"),
            *("created_at", "updated_at"),
        ),
    ),
    PersonalTable(
        "logins",
        RefreshFamily,
        owned_by("user"),
        ("id", "created_at", "rotated_at", "revoked_at", "end_reason"),
    ),
    # Not from which address: a stranger may have asked for the code, or guessed it.
    PersonalTable("one_time_codes", OtpEvent, _of_their_contacts, ("kind", "identifier", "created_at")),
    PersonalTable(
        "following", Follow, owned_by("follower"), ("followed", "followed__username", "created_at")
    ),
    PersonalTable(
        "followers", Follow, owned_by("followed"), ("follower", "follower__username", "created_at")
    ),
    PersonalTable("blocked", Block, owned_by("blocker"), ("blocked", "blocked__username", "created_at")),
    PersonalTable("muted", Mute, owned_by("muter"), ("muted", "muted__username", "created_at")),
]
