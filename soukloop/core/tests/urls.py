"""Views for the tests of `soukloop.core`."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import OperationalError
from django.urls import path
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import Conflict
from soukloop.core.http.idempotency import idempotent
from soukloop.core.models import IdempotencyRecord
from soukloop.core.money import PriceField
from soukloop.urls import urlpatterns as real_urlpatterns


class PriceSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=20)
    price = PriceField()


class OpenView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)


class Echo(OpenView):
    def post(self, request: Request) -> Response:
        serializer = PriceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(serializer.validated_data)


EFFECT = UUID(int=1)


class Create(OpenView):
    """Leaves one row per effect, so that effects can be counted."""

    @idempotent
    def post(self, request: Request) -> Response:
        if "refuse" in request.data:
            raise Conflict("No.", code=CoreErrorCode.CONFLICT)
        row = IdempotencyRecord.objects.create(id=uuid4(), fingerprint=EFFECT, status=0, body=b"")
        if "crash" in request.data:
            raise RuntimeError("crash with a secret inside")
        return Response({"id": row.pk, "price": Decimal("850.00")}, 201)


class Limited(OpenView):
    rate_scope = "test_scope"

    def get(self, request: Request) -> Response:
        return Response({})

    def post(self, request: Request) -> Response:
        match dict(request.data)["outcome"]:
            case "refused":
                raise Conflict("No.", code=CoreErrorCode.CONFLICT)
            case "database lost":
                raise OperationalError("the server closed the connection")
            case "redis lost":
                raise RedisError("connection refused")
            case "crash":
                raise RuntimeError("crash")
        return Response({}, 201)


urlpatterns = [
    path("api/v1/test/echo", Echo.as_view()),
    path("api/v1/test/create", Create.as_view()),
    path("api/v1/test/limited", Limited.as_view()),
    *real_urlpatterns,
]
