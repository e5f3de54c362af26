"""Reads of users: by identifier, with their blocks, follows and mutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from accounts.blocks import blocked_between, blocked_between_sql, blocked_ids_sql
from accounts.contacts import accepts_login_by
from accounts.identifiers import normalize_email, normalize_identifier, normalize_phone
from accounts.models import Follow, Mute, User
from soukloop.core.db.reads import Reads, Statement, fetch
from soukloop.core.db.rows import columns_of, take_instance
from soukloop.core.http.pagination import Page

_SEARCH_WORDS_MAX = 5


def user_by_identifier(identifier: str) -> User | None:
    """Return the user with this email, phone (in any spelling) or username, or None."""
    if email := normalize_email(identifier):
        return User.objects.filter(Exact(Lower("email"), Value(email))).first()
    if phone := normalize_phone(identifier):
        return User.objects.filter(phone=phone).first()
    return User.objects.filter(Exact(Lower("username"), Value(normalize_identifier(identifier)))).first()


def user_by_login_identifier(identifier: str) -> User | None:
    """Return the user who may log in with this email, phone or username, or None."""
    user = user_by_identifier(identifier)
    return user if user is not None and accepts_login_by(user, identifier) else None


def has_confirmed_contact(user: User) -> bool:
    """Return whether an email address or phone number of this user was confirmed with a code."""
    return bool(user.is_verified)


class UserWithBlocks(NamedTuple):
    """The columns that decide whether a user's token is accepted, and the ids that `blocked_ids` returns."""

    deleted_at: datetime | None
    banned_at: datetime | None
    token_version: int
    language: str
    blocked_ids: list[UUID]


def user_with_blocks(user_id: UUID) -> Reads[UserWithBlocks | None]:
    """Read, in one statement, what a feed needs to know about the current user."""
    rows = yield Statement(
        "SELECT u.deleted_at, u.banned_at, u.token_version, u.language,"  # noqa: S608 - no value of a client
        f" ARRAY({blocked_ids_sql('u.id')})"
        " FROM accounts_user u WHERE u.id = %s",
        [user_id],
        has_one_plan=True,
    )
    return UserWithBlocks(*rows[0]) if rows else None


class LoginOf(NamedTuple):
    """The login, if any, that a token or socket belongs to, its user, and the user's token version then."""

    family_id: str | None
    user_id: UUID
    token_version: int


_END_REASONS = """
SELECT asked.number, COALESCE(NULLIF(f.end_reason, ''), CASE
    WHEN u.id IS NULL OR u.deleted_at IS NOT NULL THEN 'This account was deleted.'
    WHEN u.banned_at IS NOT NULL THEN 'This account is banned.'
    ELSE 'This session has ended. Log in again.' END)
FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) WITH ORDINALITY asked(family_id, user_id, version, number)
LEFT JOIN accounts_refreshfamily f ON f.id = asked.family_id
LEFT JOIN accounts_user u ON u.id = asked.user_id
WHERE u.id IS NULL OR NOT u.is_active OR u.token_version <> asked.version
    OR asked.family_id IS NOT NULL AND (f.id IS NULL OR f.revoked_at IS NOT NULL)
"""


def end_reasons(logins: Sequence[LoginOf]) -> list[str | None]:
    """Return, for each of these, why it has ended, or None; in one query.

    Without a login, it ends with the user's token version. The row of a login that ended long ago, or of a
    deleted account, is gone.
    """
    reasons: list[str | None] = [None] * len(logins)
    if not logins:
        return reasons
    # As array literals: for 10,000 rows psycopg took 32 ms of processor time with lists, and 9 ms with these.
    families = ",".join(login.family_id or "NULL" for login in logins)
    users = ",".join(login.user_id.hex for login in logins)
    versions = ",".join(str(login.token_version) for login in logins)
    arrays = [f"{{{part}}}" for part in (families, users, versions)]
    for number, reason in fetch(Statement(_END_REASONS, arrays)):
        reasons[number - 1] = reason
    return reasons


@dataclass(frozen=True)
class FollowCounts:
    """The numbers of a user's followers and followed users, and whether the viewer follows the user."""

    followers_count: int
    following_count: int
    is_following: bool


def follow_counts(user: User, viewer: User | None) -> FollowCounts:
    """Count the user's follows, without those of banned and deleted accounts."""
    followers = Follow.objects.filter(followed=user, follower__is_active=True).count()
    following = Follow.objects.filter(follower=user, followed__is_active=True).count()
    is_following = viewer is not None and Follow.objects.filter(follower=viewer, followed=user).exists()
    return FollowCounts(followers, following, is_following)


def followers_of(user: User, viewer: User) -> QuerySet[Follow]:
    """Return this user's followers as Follow rows, newest first, without people blocked for the viewer."""
    follows = Follow.objects.filter(followed=user, follower__is_active=True).select_related("follower")
    return _visible_follows(viewer, follows, "follower_id")


def followed_by(user: User, viewer: User) -> QuerySet[Follow]:
    """Return whom this user follows as Follow rows, newest first, without people blocked for the viewer."""
    follows = Follow.objects.filter(follower=user, followed__is_active=True).select_related("followed")
    return _visible_follows(viewer, follows, "followed_id")


def _visible_follows(viewer: User, follows: QuerySet[Follow], other: str) -> QuerySet[Follow]:
    return (
        follows.exclude(blocked_between(viewer.pk, other))
        .annotate(is_following=Exists(Follow.objects.filter(follower=viewer, followed=OuterRef(other))))
        .order_by("-created_at", "-pk")
    )


def mutes_made_by(user: User) -> QuerySet[Mute]:
    """Return the people whom this user muted, newest first, without deleted accounts."""
    mutes = Mute.objects.filter(muter=user, muted__deleted_at=None).select_related("muted")
    return mutes.order_by("-created_at", "-pk")


class FoundPeople(NamedTuple):
    """A page of people found by name, each with whether the viewer follows them; how many there are."""

    people: list[tuple[User, bool]]
    total: int


_PERSON = ("id", "username", "full_name", "avatar", "is_verified", "role", "has_verified_badge")
# As in the index `user_search`, whose condition is `is_active`.
_SEARCH_TEXT = "public.accounts_search_text(person.username || ' ' || person.full_name)"


def search_people(text: str, *, viewer: User, page: Page) -> FoundPeople:
    """Return people of whose username and name each word of the text begins a word, the best first.

    The one with exactly this username comes first, then people whom the viewer follows, then those with the
    badge. Closed accounts and people with a block between them and the viewer are left out. Of more than
    PEOPLE_FOUND_MAX people only so many are considered, so that a common name costs no more.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.accounts_search_text(%s)", [text])
        words = cursor.fetchone()[0].split()[:_SEARCH_WORDS_MAX]
        if sum(map(len, words)) < settings.PEOPLE_SEARCH_MIN_LENGTH:
            return FoundPeople([], 0)
        params: dict[str, Any] = {
            "viewer": viewer.pk,
            "username": normalize_identifier(text).removeprefix("@"),
            "limit": page.size,
            "offset": page.offset,
        }
        conditions = []
        for number, word in enumerate(words):
            conditions.append(f"{_SEARCH_TEXT} LIKE %(word{number})s")
            params[f"word{number}"] = f"% {word}%"
        cursor.execute(_search_sql(" AND ".join(conditions)), params)
        rows = cursor.fetchall()
    if not rows and page.offset:  # beyond the last one
        return FoundPeople([], search_people(text, viewer=viewer, page=Page(1, 1)).total)
    people = []
    for row in rows:
        person, (is_following, _total) = take_instance(User, row, _PERSON)
        people.append((person, bool(is_following)))
    return FoundPeople(people, rows[0][-1] if rows else 0)


def _search_sql(conditions: str) -> str:
    return f"""
        SELECT {columns_of(User, "person", _PERSON)}, follow.id IS NOT NULL, count(*) OVER ()
        FROM (
            (SELECT id FROM accounts_user WHERE lower(username) = %(username)s AND is_active)
            UNION
            (SELECT id FROM accounts_user AS person WHERE is_active AND {conditions}
                LIMIT {settings.PEOPLE_FOUND_MAX})
        ) AS found
        JOIN accounts_user AS person ON person.id = found.id
        LEFT JOIN accounts_follow AS follow
            ON follow.follower_id = %(viewer)s AND follow.followed_id = person.id
        WHERE NOT {blocked_between_sql("person.id", "%(viewer)s")}
        ORDER BY lower(person.username) = %(username)s DESC, follow.id IS NOT NULL DESC,
            person.has_verified_badge DESC, lower(person.username), person.id
        LIMIT %(limit)s OFFSET %(offset)s
    """  # noqa: S608 - no value of a client
