"""The REST API and its description."""

from soukloop import __version__

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["soukloop.core.http.envelope.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": ["soukloop.core.http.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "soukloop.core.http.envelope.AlwaysJson",
    "DEFAULT_THROTTLE_CLASSES": ["soukloop.core.redis.action_limits.RateScopeThrottle"],
    "DEFAULT_SCHEMA_CLASS": "soukloop.core.http.openapi.EnvelopeSchema",
    "EXCEPTION_HANDLER": "soukloop.core.http.envelope.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": False,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Souk Loop",
    "DESCRIPTION": "Live-commerce marketplace for the UAE: listings, chat, offers, live streams.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "soukloop.examples.add_contract_responses",
        "soukloop.core.http.openapi.wrap_in_envelope",
        "soukloop.core.http.openapi.add_tags",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ProductStatus": "listings.models.Product.Status",
        "OfferStatus": "offers.models.Offer.Status",
        "TransactionStatus": "offers.models.Transaction.Status",
        "StreamStatus": "livestream.models.Stream.Status",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "/favicon.svg",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
}
