"""Outputs that show people to others, from a card to a whole profile.

Other apps build their outputs of people on `PersonCardOutput` and `person_card_body` too.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from accounts.models import User
from accounts.selectors import FollowCounts
from soukloop.core.http.pagination import PageOutput
from soukloop.core.images import PictureOutput, picture, public_url

Body = dict[str, Any]


class PersonCardOutput(serializers.Serializer[None]):
    """A person as part of something else, such as a product's seller."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    avatar_url = serializers.URLField(allow_null=True)
    avatar = PictureOutput(allow_null=True)
    is_verified = serializers.BooleanField()


class RatingOutput(serializers.Serializer[None]):
    """What others gave a person in reviews of completed orders."""

    average = serializers.FloatField(allow_null=True, help_text="1 to 5, with one decimal; null without any")
    count = serializers.IntegerField()


class OtherUserOutput(PersonCardOutput):
    """The other side of a conversation, an offer or a sale."""

    full_name = serializers.CharField()


class PersonOutput(OtherUserOutput):
    """A person in a list of people."""

    role = serializers.ChoiceField(choices=User.Role.choices)
    has_verified_badge = serializers.BooleanField()


class ListedPersonOutput(PersonOutput):
    is_following = serializers.BooleanField(help_text="Whether you follow them")


class ProfileOutput(ListedPersonOutput):
    """A person's profile as others see it: without email, phone and location."""

    bio = serializers.CharField()
    followers_count = serializers.IntegerField()
    following_count = serializers.IntegerField()
    rating = RatingOutput()
    created_at = serializers.DateTimeField()


class PeopleQuery(serializers.Serializer[None]):
    q = serializers.CharField(
        min_length=settings.PEOPLE_SEARCH_MIN_LENGTH,
        max_length=settings.SEARCH_QUERY_MAX_LENGTH,
        help_text="Words of a name or username, or how they begin, in English or Arabic",
    )


class PeoplePageOutput(PageOutput):
    items = ListedPersonOutput(many=True)


class BlockedPageOutput(PageOutput):
    items = PersonOutput(many=True)


class MutedPageOutput(PageOutput):
    items = PersonOutput(many=True)


def person_card_body(*, user_id: UUID, username: str, avatar: str, is_verified: bool) -> Body:
    """Return a PersonCardOutput from single columns, because feeds do not load whole users."""
    shown = picture(avatar)
    return {
        "id": user_id,
        "username": username,
        "avatar_url": shown and shown["url"],
        "avatar": shown,
        "is_verified": is_verified,
    }


def rating_body(total: int, count: int) -> Body:
    """Return a RatingOutput from the sum and the number of a person's ratings."""
    # In whole numbers, rounded half up: 4.25 is shown as 4.3.
    return {"average": (20 * total + count) // (2 * count) / 10 if count else None, "count": count}


def other_user_body(user: User) -> Body:
    card = person_card_body(
        user_id=user.pk, username=user.username, avatar=user.avatar, is_verified=user.is_verified
    )
    return card | {"full_name": user.full_name}


def person_body(user: User) -> Body:
    return other_user_body(user) | {"role": user.role, "has_verified_badge": user.has_verified_badge}


def listed_person_body(user: User, *, is_following: bool) -> Body:
    return person_body(user) | {"is_following": is_following}


def profile_body(user: User, follows: FollowCounts) -> Body:
    return listed_person_body(user, is_following=follows.is_following) | {
        "bio": user.bio,
        "followers_count": follows.followers_count,
        "following_count": follows.following_count,
        "rating": rating_body(user.rating_sum, user.rating_count),
        "created_at": user.created_at,
    }


def person_payload(user: User) -> Body:
    """Return a person for the responses and events of live streams, whose field names are camelCase.

    Without the avatar's sizes, which would make each line of a room's chat three times as long.
    """
    return {"userId": user.pk, "username": user.username, "avatarUrl": public_url(user.avatar)}
