"""Views of products, favourites and image uploads (contract 2.1, 2.2)."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts.access import visible_user
from accounts.authentication import current_user, current_user_or_none
from accounts.blocks import blocked_ids
from accounts.models import User
from listings import access, services
from listings.models import Product
from listings.queries import place_query, seller_query
from listings.selectors.cards import Viewer, viewer_for
from listings.selectors.favorites import favorites_of
from listings.selectors.product_page import viewer_details
from listings.selectors.search import similar_products
from listings.selectors.sellers import products_of_seller
from listings.serializers.lists import CardPageOutput, FavoritesOutput
from listings.serializers.products import (
    CardOutput,
    FavoriteOutput,
    ProductChangesInput,
    ProductInput,
    ProductOutput,
    product_body,
)
from listings.services import favorites, images, view_counts
from soukloop.core.db.reads import run
from soukloop.core.http.idempotency import idempotent, idempotent_after
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of
from soukloop.core.http.requests import client_ip
from soukloop.core.http.validation import NoInput, validated, validated_changes
from soukloop.core.images import ImageUploadInput, UploadedPictureOutput, picture, reencode_uploads

_TAGS = ["Products"]
_COMMUNITY_EXAMPLE = {
    "title": "Nike Air Jordan 1 Retro High",
    "description": "Brand new, never worn. Size 42. Original box included.",
    "price": 850.00,
    "currency": "AED",
    "category": "sneakers",
    "condition": "new",
    "feed_type": "community",
    "location": {"latitude": 25.0772, "longitude": 55.1369},
    "neighborhood": "Dubai Marina",
    "image_urls": ["https://example.com/image1.jpg", "https://example.com/image2.jpg"],
    "tags": ["sneakers", "jordan", "nike"],
}
_DISCOVER_EXAMPLE = {
    "title": "Live Trading Card Pack Opening - Pokemon 2025",
    "description": "Join me live as I open rare Pokemon packs!",
    "price": 299.00,
    "category": "trading_cards",
    "condition": "new",
    "feed_type": "discover",
    "location": {"latitude": 25.2048, "longitude": 55.2708},
    "neighborhood": "Downtown Dubai",
    "video_url": "https://example.com/video.m3u8",
    "video_thumbnail_url": "https://example.com/thumb.jpg",
    "image_urls": ["https://example.com/img1.jpg"],
}
_ARABIC_EXAMPLE = {
    "title": "مبخرة نحاسية يدوية الصنع",
    "description": "صناعة يدوية من سوق الشارقة، بحالة ممتازة.",
    "price": 185.00,
    "currency": "AED",
    "category": "home_furniture",
    "condition": "like_new",
    "feed_type": "community",
    "location": {"latitude": 25.3463, "longitude": 55.3841},
    "neighborhood": "Al Majaz, Sharjah",
    "image_urls": ["https://example.com/incense-burner.jpg"],
    "tags": ["بخور", "incense"],
    "accepts_offers": True,
    "min_offer_price": 150.00,
}


class ProductViewSet(ViewSet):
    rate_scope: Any = None

    def get_permissions(self) -> list[Any]:
        return [AllowAny() if self.action in ("retrieve", "similar") else IsAuthenticated()]

    @extend_schema(
        operation_id="createProduct",
        tags=_TAGS,
        summary="Put a product on sale",
        description="For sellers, who may have 50 active products (409 `active_products_limit`). The"
        " Community feed requires a `location` and its fee is 5 %. The Discover feed requires a `video_url`"
        " and its fee is 15 %.",
        request=ProductInput,
        responses={201: ProductOutput} | refusals(403, 409),
        examples=[
            OpenApiExample("contract 2.1", _COMMUNITY_EXAMPLE, request_only=True),
            OpenApiExample("contract 2.2", _DISCOVER_EXAMPLE, request_only=True),
            OpenApiExample("In Arabic", _ARABIC_EXAMPLE, request_only=True),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        actor = current_user(request)
        access.require_may_list(actor)
        product = services.create_product(actor=actor, **validated(ProductInput, request.data))
        return Response(product_body(product, product.seller), status=201)

    @extend_schema(
        operation_id="getProduct",
        tags=_TAGS,
        summary="Show a product",
        description="With your conversation and open offer about it, and with the distance to a point near"
        " the product's place if you send where you are.",
        parameters=[
            OpenApiParameter("latitude", float, description="With `longitude`, for `distance_km`"),
            OpenApiParameter("longitude", float),
        ],
        responses=ProductOutput,
    )
    def retrieve(self, request: Request, product_id: UUID) -> Response:
        place = place_query(request.query_params)
        viewer = current_user_or_none(request)
        product = access.product_visible_to(viewer, product_id)
        is_view = request.method == "GET"  # DRF calls this for HEAD too
        if is_view and (viewer is None or viewer.pk != product.seller_id):
            view_counts.record_view(
                product.pk,
                viewer_id=viewer.pk if viewer else None,
                ip=client_ip(request),
                user_agent=request.headers.get("User-Agent", ""),
            )
        return Response(product_body(product, viewer, viewer_details(product, viewer, place)))

    @extend_schema(
        operation_id="updateProduct",
        tags=_TAGS,
        summary="Change your product",
        description="Takes any fields of a new product. The fee is computed again. 409 for a reserved or sold"
        " product.",
        request=ProductChangesInput,
        responses={200: ProductOutput} | refusals(403, 409),
        examples=[OpenApiExample("A lower price", {"price": 799.00}, request_only=True)],
    )
    def partial_update(self, request: Request, product_id: UUID) -> Response:
        actor = current_user(request)
        access.own_product(actor, product_id)
        changes = validated_changes(ProductChangesInput, request.data)
        product = services.update_product(actor=actor, product_id=product_id, changes=changes)
        return _product_response(product, actor)

    @extend_schema(
        operation_id="deleteProduct",
        tags=_TAGS,
        summary="Delete your product",
        description="Removes the product from all lists and declines pending offers on it. 409 for a reserved"
        " or sold product.",
        request=None,
        responses={204: None} | refusals(403, 409),
    )
    def destroy(self, request: Request, product_id: UUID) -> Response:
        services.delete_product(actor=current_user(request), product_id=product_id)
        return Response(status=204)

    @extend_schema(
        operation_id="listSimilarProducts",
        tags=_TAGS,
        summary="List similar products",
        responses=CardOutput(many=True),
    )
    def similar(self, request: Request, product_id: UUID) -> Response:
        viewer = current_user_or_none(request)
        product = access.product_visible_to(viewer, product_id)
        return Response(run(similar_products(product, viewer=viewer_for(viewer))))


class FavoriteViewSet(ViewSet):
    rate_scope = "product_write"

    @extend_schema(
        operation_id="addFavorite",
        tags=_TAGS,
        summary="Add a product to your favourites",
        request=None,
        responses={200: FavoriteOutput},
    )
    @idempotent
    def create(self, request: Request, product_id: UUID) -> Response:
        validated(NoInput, request.data)
        product = favorites.add_favorite(actor=current_user(request), product_id=product_id)
        return Response(_favorite_body(product, True))

    @extend_schema(
        operation_id="removeFavorite",
        tags=_TAGS,
        summary="Remove a product from your favourites",
        request=None,
        responses={200: FavoriteOutput},
    )
    def destroy(self, request: Request, product_id: UUID) -> Response:
        product = favorites.remove_favorite(actor=current_user(request), product_id=product_id)
        return Response(_favorite_body(product, False))


class Favorites(APIView):
    @extend_schema(
        operation_id="listFavorites",
        tags=_TAGS,
        summary="List your favourites, last added first",
        parameters=PAGE_PARAMETERS,
        responses=FavoritesOutput,
    )
    def get(self, request: Request) -> Response:
        user = current_user(request)
        viewer = Viewer(user.pk, blocked_ids(user.pk), user.language)
        return Response(run(favorites_of(viewer, page_of(request))))


class ProductsOfSeller(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="listProductsOfSeller",
        tags=_TAGS,
        summary="List a seller's products, newest first",
        description="If you are the seller, the list includes sold, reserved and hidden products.",
        parameters=[
            *PAGE_PARAMETERS,
            OpenApiParameter("cursor", str),
            OpenApiParameter(
                "status",
                str,
                enum=[*Product.Status.values][:4],
                description="For other sellers, only `active`",
            ),
        ],
        responses=CardPageOutput,
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        viewer = current_user_or_none(request)
        seller = visible_user(viewer, user_id)
        is_own = viewer is not None and viewer.pk == seller.pk
        query, status = seller_query(request.query_params, is_own=is_own)
        page = products_of_seller(query, seller_id=seller.pk, status=status, viewer=viewer_for(viewer))
        return Response(run(page))


class Images(APIView):
    rate_scope = "upload"
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="uploadImage",
        tags=_TAGS,
        summary="Upload an image",
        description="Send a JPEG, PNG, WebP or HEIC of at most 10 MB in the form field `image`, and use the"
        " returned `url` in `image_urls`. The image is encoded again, without metadata such as its location.",
        request={"multipart/form-data": ImageUploadInput},
        responses={201: UploadedPictureOutput},
        examples=[
            OpenApiExample(
                "A photo of the product",
                {"image": "incense-burner.jpg"},
                media_type="multipart/form-data",
                request_only=True,
            )
        ],
    )
    @idempotent_after(reencode_uploads)
    def post(self, request: Request) -> Response:
        data = validated(ImageUploadInput, request.data)
        stored = images.upload_image(actor=current_user(request), upload=data["image"])
        return Response(picture(stored.name), status=201)


def _product_response(product: Product, viewer: User | None) -> Response:
    return Response(product_body(product, viewer, viewer_details(product, viewer)))


def _favorite_body(product: Product, is_favorite: bool) -> dict[str, Any]:
    return {
        "product_id": product.pk,
        "is_favorite": is_favorite,
        "favorite_count": product.favorite_count,
    }
