"""REST views of registration, login, logout, tokens and tickets."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import TokenAuthentication, current_user
from accounts.serializers.logins import (
    ConfirmationOutput,
    LoginInput,
    LoginOutput,
    LogoutInput,
    RefreshInput,
    RegisterInput,
    WsTicketOutput,
)
from accounts.serializers.profiles import me_body
from accounts.services import logins, registration, tickets
from accounts.tokens import AccessToken, decode, read_access_token
from soukloop.core import jsonlib
from soukloop.core.errors import NotAuthenticated
from soukloop.core.http.caching import SecretResponse
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.languages import preferred_language
from soukloop.core.http.openapi import OPTIONAL_LOGIN
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.requests import client_ip
from soukloop.core.http.validation import NoInput, validated

_USER = {
    "id": "6f8a4b9e-5c39-4a4f-8f0b-0f6f8f7f3c11",
    "email": "testbuyer@soukloop.com",
    "username": "testbuyer",
    "role": "buyer",
    "is_verified": False,
}
_TOKENS = {
    "access_token": "eyJ...",
    "refresh_token": "eyJ...",
    "token_type": "bearer",
    "expires_in": 1800,
    "user": _USER,
}


def login_body(login: logins.Login) -> dict[str, Any]:
    """Return a LoginOutput: the tokens and the user."""
    return {
        "access_token": login.access_token,
        "refresh_token": login.refresh_token,
        "token_type": "bearer",
        "expires_in": login.expires_in,
        "user": me_body(login.user),
    }


class AnonymousView(APIView):
    """The base of views that need no login; an expired token in the header is ignored, not refused."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class Register(AnonymousView):
    rate_scope = "register"

    @extend_schema(
        operation_id="register",
        summary="Register",
        description="The same request with the same `Idempotency-Key` returns the same tokens until one of "
        "them was used, and after that 409 (`registration_replayed`).",
        tags=["Account"],
        request=RegisterInput,
        responses={201: LoginOutput} | refusals(409),
        examples=[
            OpenApiExample(
                "Buyer",
                {
                    "email": "testbuyer@soukloop.com",
                    "username": "testbuyer",
                    "password": "Test123!@#",
                    "phone": "+971501234567",
                    "full_name": "Test Buyer",
                    "role": "buyer",
                },
                request_only=True,
            ),
            OpenApiExample("Registered", _TOKENS, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request) -> Response:
        created = self._create(request)
        # Not part of the stored response, so that the table holds no tokens.
        family_id = jsonlib.loads(jsonlib.dumps(created.data)).get("family")
        login = logins.untouched_login(family_id=family_id, is_repeated="Idempotent-Replayed" in created)
        replayed = {name: created[name] for name in ("Idempotent-Replayed",) if name in created}
        return SecretResponse(login_body(login), status=201, headers=replayed)

    post.is_idempotent = True  # type: ignore[attr-defined]  # for the OpenAPI description

    @idempotent
    def _create(self, request: Request) -> Response:
        data = validated(RegisterInput, request.data)
        data.setdefault("language", preferred_language(request.headers.get("Accept-Language", "")))
        return Response({"family": registration.register(**data).pk}, status=201)


class LogIn(AnonymousView):
    rate_scope = "login_ip"

    @extend_schema(
        operation_id="logIn",
        summary="Log in by email, username or phone",
        tags=["Account"],
        request=LoginInput,
        responses={200: LoginOutput} | refusals(401, 403),
        examples=[
            OpenApiExample(
                "By email",
                {"identifier": "testbuyer@soukloop.com", "password": "Test123!@#"},
                request_only=True,
            ),
            OpenApiExample("Logged in", _TOKENS, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        data = validated(LoginInput, request.data)
        return SecretResponse(login_body(logins.log_in(**data, ip=client_ip(request))))


class Refresh(AnonymousView):
    rate_scope = "refresh"

    @extend_schema(
        operation_id="refreshTokens",
        summary="Exchange a refresh token for a new pair",
        description="A refresh token can be used once. If the response was lost, the same request returns "
        "the same refresh token again, until that or an access token issued with it was used; after that it "
        "ends the login. Earlier access tokens stay valid until they expire.",
        tags=["Account"],
        request=RefreshInput,
        responses={200: LoginOutput} | refusals(401),
        examples=[
            OpenApiExample("Refresh", {"refresh_token": "eyJ..."}, request_only=True),
            OpenApiExample("New pair", _TOKENS, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        data = validated(RefreshInput, request.data)
        return SecretResponse(login_body(logins.refresh_login(**data)))


class LogOut(AnonymousView):
    rate_scope = "refresh"

    @extend_schema(
        operation_id="logOut",
        auth=OPTIONAL_LOGIN,
        summary="End one login",
        description="Ends the login of the refresh token, or else of the access token in the header, and "
        "closes its sockets.",
        tags=["Account"],
        request=LogoutInput,
        responses={200: ConfirmationOutput} | refusals(401),
        examples=[
            OpenApiExample("Log out", {"refresh_token": "eyJ..."}, request_only=True),
            OpenApiExample("Logged out", {"message": "Logged out"}, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        data = validated(LogoutInput, request.data)
        refresh_token = data.get("refresh_token")
        if refresh_token:
            logins.log_out(refresh_token=refresh_token)
        else:
            authenticated = TokenAuthentication().authenticate(request)
            if authenticated is None:
                raise NotAuthenticated
            user, token = authenticated
            logins.end_login(user_id=user.pk, family_id=decode(AccessToken, token).get("fam"))
        return Response({"message": gettext("Logged out")})


class LogOutEverywhere(APIView):
    @extend_schema(
        operation_id="logOutEverywhere",
        summary="End every login",
        description="Revokes every access and refresh token and closes every socket.",
        tags=["Account"],
        request=None,
        responses=ConfirmationOutput,
        examples=[OpenApiExample("Logged out", {"message": "Logged out everywhere"}, response_only=True)],
    )
    def post(self, request: Request) -> Response:
        validated(NoInput, request.data)
        logins.log_out_everywhere(actor=current_user(request))
        return Response({"message": gettext("Logged out everywhere")})


class WsTicket(APIView):
    rate_scope = "ws_ticket"

    @extend_schema(
        operation_id="createSocketTicket",
        summary="Get a ticket for one socket handshake",
        description="For browsers: connect once to `/ws/?ticket=…` before the ticket expires.",
        tags=["Account"],
        request=None,
        responses=WsTicketOutput,
        examples=[OpenApiExample("Ticket", {"ticket": "kPz…", "expires_in": 30}, response_only=True)],
    )
    def post(self, request: Request) -> Response:
        validated(NoInput, request.data)
        login = read_access_token(str(request.auth)).family_id
        ticket = tickets.issue_ws_ticket(actor=current_user(request), family_id=login)
        return SecretResponse({"ticket": ticket, "expires_in": int(settings.WS_TICKET_TTL.total_seconds())})
