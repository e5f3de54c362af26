"""REST views of the current user's own account."""

from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import current_user
from accounts.blocks import blocks_made_by
from accounts.selectors import mutes_made_by
from accounts.serializers.logins import ConfirmationOutput
from accounts.serializers.people import BlockedPageOutput, MutedPageOutput, person_body
from accounts.serializers.profiles import DeleteAccountInput, MeOutput, ProfileInput, me_body
from accounts.services import deletion, profiles
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import validated, validated_changes
from soukloop.core.images import ImageUploadInput

_ME = OpenApiExample(
    "Me",
    {
        "id": "6f8a4b9e-5c39-4a4f-8f0b-0f6f8f7f3c11",
        "email": "testbuyer@soukloop.com",
        "username": "testbuyer",
        "full_name": "Test Buyer",
        "role": "buyer",
        "language": "en",
        "is_verified": True,
        "is_active": True,
        "created_at": "2025-10-18T10:00:00Z",
    },
    response_only=True,
)
_PASSWORD = OpenApiExample("Password", {"password": "Test123!@#"}, request_only=True)


class Me(APIView):
    @extend_schema(
        operation_id="getMyAccount",
        summary="Show your account",
        tags=["Account"],
        responses=MeOutput,
        examples=[_ME],
    )
    def get(self, request: Request) -> Response:
        return Response(me_body(current_user(request)))

    @extend_schema(
        operation_id="updateMyAccount",
        summary="Change your account",
        description="A new email or phone requires `current_password` and has to be verified again.",
        tags=["Account"],
        request=ProfileInput,
        responses={200: MeOutput} | refusals(409),
        examples=[OpenApiExample("Bio", {"bio": "Sneakers, mostly size 42."}, request_only=True), _ME],
    )
    def patch(self, request: Request) -> Response:
        changes = validated_changes(ProfileInput, request.data)
        current_password = changes.pop("current_password", None)
        user = profiles.update_profile(
            actor=current_user(request), current_password=current_password, **changes
        )
        return Response(me_body(user))

    @extend_schema(
        operation_id="deleteMyAccountByDelete",
        summary="Delete your account, with a body that not every HTTP client can send",
        description="The same as `POST /api/v1/auth/me/delete`.",
        tags=["Account"],
        request=DeleteAccountInput,
        responses={200: ConfirmationOutput} | refusals(409),
        examples=[_PASSWORD],
    )
    def delete(self, request: Request) -> Response:
        return _delete_account(request)


class AccountDeletion(APIView):
    @extend_schema(
        operation_id="deleteMyAccount",
        summary="Delete your account",
        description="This cannot be undone. Other people keep your messages and sales, without your name. It"
        " is refused while something is open (409 `account_has_obligations`): `details.obligations` lists"
        " what, each with `kind`, `text` and `count`.",
        tags=["Account"],
        request=DeleteAccountInput,
        responses={200: ConfirmationOutput} | refusals(409),
        examples=[_PASSWORD],
    )
    def post(self, request: Request) -> Response:
        return _delete_account(request)


class Avatar(APIView):
    parser_classes = (MultiPartParser,)
    rate_scope = {"POST": "upload"}

    @extend_schema(
        operation_id="uploadAvatar",
        summary="Upload your avatar",
        tags=["Account"],
        request={"multipart/form-data": ImageUploadInput},
        responses=MeOutput,
        examples=[
            OpenApiExample(
                "A portrait",
                {"image": "noura-at-the-creek.jpg"},
                media_type="multipart/form-data",
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        data = validated(ImageUploadInput, request.data)
        user = profiles.set_avatar(actor=current_user(request), upload=data["image"])
        return Response(me_body(user))

    @extend_schema(
        operation_id="removeAvatar",
        summary="Remove your avatar",
        tags=["Account"],
        request=None,
        responses={200: MeOutput},
    )
    def delete(self, request: Request) -> Response:
        return Response(me_body(profiles.remove_avatar(actor=current_user(request))))


class Blocks(APIView):
    @extend_schema(
        operation_id="listBlockedPeople",
        summary="List the people you have blocked",
        tags=["Account"],
        parameters=PAGE_PARAMETERS,
        responses=BlockedPageOutput,
    )
    def get(self, request: Request) -> Response:
        rows = blocks_made_by(current_user(request))
        return Response(
            paginate(rows, page_of(request), lambda blocks: [person_body(block.blocked) for block in blocks])
        )


class Mutes(APIView):
    @extend_schema(
        operation_id="listMutedPeople",
        summary="List the people you have muted",
        tags=["Account"],
        parameters=PAGE_PARAMETERS,
        responses=MutedPageOutput,
    )
    def get(self, request: Request) -> Response:
        rows = mutes_made_by(current_user(request))
        return Response(
            paginate(rows, page_of(request), lambda mutes: [person_body(mute.muted) for mute in mutes])
        )


def _delete_account(request: Request) -> Response:
    data = validated(DeleteAccountInput, request.data)
    deletion.delete_account(actor=current_user(request), **data)
    return Response({"message": gettext("Account deleted")})
