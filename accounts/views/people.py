"""REST views of other people: profiles, follows, blocks, mutes."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import visible_user, visible_user_named
from accounts.authentication import current_user, current_user_or_none
from accounts.models import User
from accounts.selectors import follow_counts, followed_by, followers_of, search_people
from accounts.serializers.logins import ConfirmationOutput
from accounts.serializers.people import (
    PeoplePageOutput,
    PeopleQuery,
    ProfileOutput,
    listed_person_body,
    profile_body,
)
from accounts.services import relations
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_body, page_of, paginate
from soukloop.core.http.validation import NoInput, validated, validated_query


def _profile_response(user: User, viewer: User | None) -> Response:
    return Response(profile_body(user, follow_counts(user, viewer)))


class Profile(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="getProfile", summary="Show a person's profile", tags=["People"], responses=ProfileOutput
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        viewer = current_user_or_none(request)
        return _profile_response(visible_user(viewer, user_id), viewer)


class ProfileByUsername(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="getProfileByUsername",
        summary="Show a person's profile by username",
        description="With or without a leading `@`, in capital or small letters.",
        tags=["People"],
        responses=ProfileOutput,
    )
    def get(self, request: Request, username: str) -> Response:
        viewer = current_user_or_none(request)
        return _profile_response(visible_user_named(viewer, username), viewer)


class People(APIView):
    rate_scope = "people_search"

    @extend_schema(
        operation_id="searchPeople",
        summary="Search people by name and username",
        description="Each word of `q` must begin a word of the name or username. The person with exactly this"
        f" username comes first, then people you follow. At most {settings.PEOPLE_FOUND_MAX} are found.",
        tags=["People"],
        parameters=[PeopleQuery, *PAGE_PARAMETERS],
        responses=PeoplePageOutput,
    )
    def get(self, request: Request) -> Response:
        text = validated_query(PeopleQuery, request.query_params)["q"]
        page = page_of(request)
        found = search_people(text, viewer=current_user(request), page=page)
        items = [listed_person_body(person, is_following=follows) for person, follows in found.people]
        return Response(page_body(items, page, found.total))


class Followed(APIView):
    rate_scope = "follow"

    @extend_schema(
        operation_id="followPerson",
        summary="Follow a person",
        tags=["People"],
        request=None,
        responses=ProfileOutput,
    )
    @idempotent
    def post(self, request: Request, user_id: UUID) -> Response:
        validated(NoInput, request.data)
        viewer = current_user(request)
        return _profile_response(relations.follow_user(actor=viewer, user_id=user_id), viewer)

    @extend_schema(
        operation_id="unfollowPerson",
        summary="Unfollow a person",
        tags=["People"],
        request=None,
        responses={200: ProfileOutput},
    )
    def delete(self, request: Request, user_id: UUID) -> Response:
        return _profile_response(
            relations.unfollow_user(actor=current_user(request), user_id=user_id), current_user(request)
        )


class Blocked(APIView):
    rate_scope = "follow"

    @extend_schema(
        operation_id="blockPerson",
        summary="Block a person",
        description="Hides you and this person from each other everywhere.",
        tags=["People"],
        request=None,
        responses=ConfirmationOutput,
    )
    @idempotent
    def post(self, request: Request, user_id: UUID) -> Response:
        validated(NoInput, request.data)
        relations.block_user(actor=current_user(request), user_id=user_id)
        return Response({"message": "Blocked"})

    @extend_schema(
        operation_id="unblockPerson",
        summary="Unblock a person",
        tags=["People"],
        request=None,
        responses={200: ConfirmationOutput},
    )
    def delete(self, request: Request, user_id: UUID) -> Response:
        relations.unblock_user(actor=current_user(request), user_id=user_id)
        return Response({"message": "Unblocked"})


class Muted(APIView):
    rate_scope = "follow"

    @extend_schema(
        operation_id="mutePerson",
        summary="Mute a person",
        description="You get no notifications of what this person does. Messages and offers still arrive.",
        tags=["People"],
        request=None,
        responses=ConfirmationOutput,
    )
    @idempotent
    def post(self, request: Request, user_id: UUID) -> Response:
        validated(NoInput, request.data)
        relations.mute_user(actor=current_user(request), user_id=user_id)
        return Response({"message": "Muted"})

    @extend_schema(
        operation_id="unmutePerson",
        summary="Unmute a person",
        tags=["People"],
        request=None,
        responses={200: ConfirmationOutput},
    )
    def delete(self, request: Request, user_id: UUID) -> Response:
        relations.unmute_user(actor=current_user(request), user_id=user_id)
        return Response({"message": "Unmuted"})


class Followers(APIView):
    @extend_schema(
        operation_id="listFollowers",
        summary="List a person's followers",
        tags=["People"],
        parameters=PAGE_PARAMETERS,
        responses=PeoplePageOutput,
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        viewer = current_user(request)
        follows = followers_of(visible_user(viewer, user_id), viewer)
        return Response(
            paginate(
                follows, page_of(request), lambda rows: [_listed_person(row.follower, row) for row in rows]
            )
        )


class Following(APIView):
    @extend_schema(
        operation_id="listFollowing",
        summary="List the people a person follows",
        tags=["People"],
        parameters=PAGE_PARAMETERS,
        responses=PeoplePageOutput,
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        viewer = current_user(request)
        follows = followed_by(visible_user(viewer, user_id), viewer)
        return Response(
            paginate(
                follows, page_of(request), lambda rows: [_listed_person(row.followed, row) for row in rows]
            )
        )


def _listed_person(user: User, follow: Any) -> dict[str, Any]:
    return listed_person_body(user, is_following=follow.is_following)
