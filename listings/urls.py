"""URLs of products, feeds, search and categories under `/api/v1/`."""

from django.urls import path

from listings.views import browse, products, videos

_WRITE_SCOPES = dict.fromkeys(("POST", "PATCH", "DELETE"), "product_write")

urlpatterns = [
    path("products", products.ProductViewSet.as_view({"post": "create"}, rate_scope=_WRITE_SCOPES)),
    path(
        "products/<uuid:product_id>",
        products.ProductViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}, rate_scope=_WRITE_SCOPES
        ),
    ),
    path("products/<uuid:product_id>/similar", products.ProductViewSet.as_view({"get": "similar"})),
    path(
        "products/<uuid:product_id>/favorite",
        products.FavoriteViewSet.as_view({"post": "create", "delete": "destroy"}),
    ),
    path("favorites", products.Favorites.as_view()),
    path("users/<uuid:user_id>/products", products.ProductsOfSeller.as_view()),
    path("uploads/images", products.Images.as_view()),
    path("uploads/videos", videos.Videos.as_view()),
    path("uploads/videos/<uuid:video_id>", videos.Video.as_view()),
    path("feeds/discover", browse.Discover.as_view()),
    path("feeds/community", browse.Community.as_view()),
    path("search", browse.Search.as_view()),
    path("search/suggest", browse.Suggestions.as_view()),
    path("categories", browse.Categories.as_view()),
    path("categories/<str:slug>", browse.Category.as_view()),
]
