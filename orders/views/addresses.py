"""REST views of a person's addresses."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from orders.access import address_of, addresses_of
from orders.serializers.addresses import (
    AddressChangesInput,
    AddressInput,
    AddressListOutput,
    AddressOutput,
    address_body,
)
from orders.services import addresses
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.validation import validated, validated_changes

_TAGS = ["Addresses"]
_HOME = OpenApiExample(
    "Home",
    {
        "recipient": "Noura Al Mansoori",
        "phone": "+971501234599",
        "emirate": "dubai",
        "area": "Dubai Marina",
        "street": "Al Marsa Street",
        "building": "Marina Crown",
        "apartment": "1204",
        "makani": "1234567890",
        "note": "Call from the lobby",
        "is_default": True,
    },
    request_only=True,
)


class AddressViewSet(ViewSet):
    """The current user's addresses; nobody else reads them."""

    rate_scope: Any = None

    @extend_schema(
        operation_id="listAddresses",
        tags=_TAGS,
        summary="List your addresses, the default first",
        responses=AddressListOutput,
    )
    def list(self, request: Request) -> Response:
        items = [address_body(address) for address in addresses_of(current_user(request))]
        return Response({"items": items})

    @extend_schema(
        operation_id="createAddress",
        tags=_TAGS,
        summary="Save an address",
        description=f"Your first one is your default. At most {settings.ADDRESSES_MAX}: 409"
        " `too_many_addresses`.",
        request=AddressInput,
        responses={201: AddressOutput} | refusals(409),
        examples=[_HOME],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        data = validated(AddressInput, request.data)
        address = addresses.create_address(actor=current_user(request), **data)
        return Response(address_body(address), status=201)

    @extend_schema(
        operation_id="getAddress", tags=_TAGS, summary="Show an address of yours", responses=AddressOutput
    )
    def retrieve(self, request: Request, address_id: UUID) -> Response:
        return Response(address_body(address_of(current_user(request), address_id)))

    @extend_schema(
        operation_id="updateAddress",
        tags=_TAGS,
        summary="Change an address",
        description="Orders that were made with it keep the address as it was.",
        request=AddressChangesInput,
        responses=AddressOutput,
        examples=[OpenApiExample("Another floor", {"apartment": "1502"}, request_only=True)],
    )
    def partial_update(self, request: Request, address_id: UUID) -> Response:
        changes = validated_changes(AddressChangesInput, request.data)
        address = addresses.change_address(actor=current_user(request), address_id=address_id, **changes)
        return Response(address_body(address))

    @extend_schema(
        operation_id="deleteAddress",
        tags=_TAGS,
        summary="Delete an address",
        description="Orders that were made with it keep it. If it was your default, the newest of the others"
        " is that from now on.",
        request=None,
        responses={204: None},
    )
    def destroy(self, request: Request, address_id: UUID) -> Response:
        addresses.delete_address(actor=current_user(request), address_id=address_id)
        return Response(status=204)
