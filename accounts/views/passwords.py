"""REST views of one-time codes and passwords."""

from django.conf import settings
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import current_user, user_if_logged_in
from accounts.serializers.logins import ConfirmationOutput, LoginOutput
from accounts.serializers.passwords import (
    ChangePasswordInput,
    OtpSentOutput,
    OtpVerifiedOutput,
    ResetPasswordInput,
    SendOtpInput,
    VerifyOtpInput,
)
from accounts.services import contacts, otp, passwords
from accounts.views.logins import AnonymousView, login_body
from soukloop.core.http.caching import SecretResponse
from soukloop.core.http.envelope import Bare
from soukloop.core.http.openapi import BARE, OPTIONAL_LOGIN
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.requests import client_ip
from soukloop.core.http.validation import validated


class SendOtp(AnonymousView):
    rate_scope = "otp_send_ip"

    @extend_schema(
        operation_id="sendOneTimeCode",
        summary="Send a one-time code",
        description="The response is the same whether or not an account has this email or phone.",
        tags=["Account"],
        request=SendOtpInput,
        responses=OtpSentOutput,
        extensions=BARE,
        examples=[
            OpenApiExample(
                "By email", {"identifier": "testbuyer@soukloop.com", "type": "email"}, request_only=True
            ),
            OpenApiExample(
                "Sent",
                {"success": True, "message": "OTP sent to testbuyer@soukloop.com", "expires_in": 600},
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        data = validated(SendOtpInput, request.data)
        identifier = data["identifier"]
        otp.send_code(identifier=identifier, ip=client_ip(request))
        seconds = int(settings.OTP_TTL.total_seconds())
        message = gettext("OTP sent to %(identifier)s") % {"identifier": identifier}
        return Response(Bare(success=True, message=message, expires_in=seconds))


class VerifyOtp(AnonymousView):
    @extend_schema(
        operation_id="verifyOneTimeCode",
        auth=OPTIONAL_LOGIN,
        summary="Verify a one-time code",
        description="Confirms the email or phone. An account's first contact needs no login. To confirm a "
        "second one, send the account's access token: without it, a contact that was never confirmed is "
        "removed from an account that has a confirmed one (`contact_released`).",
        tags=["Account"],
        request=VerifyOtpInput,
        responses={200: OtpVerifiedOutput} | refusals(409),
        extensions=BARE,
        examples=[
            OpenApiExample(
                "Code", {"identifier": "testbuyer@soukloop.com", "otp_code": "123456"}, request_only=True
            ),
            OpenApiExample(
                "Verified", {"success": True, "message": "OTP verified successfully"}, response_only=True
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        data = validated(VerifyOtpInput, request.data)
        actor, token_error = user_if_logged_in(request)
        contacts.verify_code(
            identifier=data["identifier"],
            code=data["otp_code"],
            ip=client_ip(request),
            actor=actor,
            token_error=token_error,
        )
        return Response(Bare(success=True, message=gettext("OTP verified successfully")))


class ResetPassword(AnonymousView):
    @extend_schema(
        operation_id="resetPassword",
        summary="Set a new password with a one-time code",
        description="Ends every login, and removes the account's other contact if that is not confirmed.",
        tags=["Account"],
        request=ResetPasswordInput,
        responses={200: ConfirmationOutput} | refusals(409),
        examples=[
            OpenApiExample(
                "Reset",
                {
                    "identifier": "testbuyer@soukloop.com",
                    "otp_code": "123456",
                    "new_password": "Better456!@#",
                },
                request_only=True,
            ),
            OpenApiExample("Done", {"message": "Password changed"}, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        data = validated(ResetPasswordInput, request.data)
        passwords.reset_password(
            identifier=data["identifier"],
            code=data["otp_code"],
            new_password=data["new_password"],
            ip=client_ip(request),
        )
        return Response({"message": gettext("Password changed")})


class ChangePassword(APIView):
    @extend_schema(
        operation_id="changePassword",
        summary="Change your password",
        description="Ends every login, closes every socket, and returns a new login for this client.",
        tags=["Account"],
        request=ChangePasswordInput,
        responses=LoginOutput,
        examples=[
            OpenApiExample(
                "Change",
                {"current_password": "Test123!@#", "new_password": "Better456!@#"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        data = validated(ChangePasswordInput, request.data)
        return SecretResponse(login_body(passwords.change_password(actor=current_user(request), **data)))
