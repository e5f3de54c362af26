"""The REST API and its description."""

from soukloop import __version__
from soukloop.settings.marketplace import STREAM_REACTIONS

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
_DESCRIPTION = """\
Live-commerce marketplace for the UAE: listings, chat, offers, live streams.

- **Answers**: `{"success": true, "data": …}`, or with a fitting status
  `{"success": false, "error": {"code", "message", "details"}}`. Branch on `code`, show `message`; `details`
  has the messages of each invalid field.
- **Login**: `POST /api/v1/auth/login`, then `Authorization: Bearer <access token>`. Before it expires
  (`expires_in`), `POST /api/v1/auth/refresh` exchanges the refresh token for a new pair.
- **Guests**: operations that list no login, or list it as optional, need no token.
- **Language**: `Accept-Language: ar` or `en`, otherwise the account's. Codes and values are the same in both.
- **Sockets**: `/asyncapi.json` describes the events and commands of Socket.IO (`/socket.io/`) and of `/ws/`.
- **Guide**: `docs/build-an-app/` of the repository leads from the first request to a live room; `clients/`
  has clients in TypeScript and Dart.
"""
SPECTACULAR_SETTINGS = {
    "TITLE": "Souk Loop",
    "DESCRIPTION": _DESCRIPTION,
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,  # a PATCH takes what its serializer says
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "soukloop.core.http.openapi_names.name_schemas",
        "soukloop.core.http.openapi_names.share_enums_with_parameters",
        "soukloop.core.http.openapi_names.name_repeated_operations",
        "soukloop.examples.add_contract_responses",
        "soukloop.core.http.openapi.wrap_in_envelope",
        "soukloop.core.http.openapi_examples.complete_examples",
        "soukloop.core.http.openapi_errors.add_errors",
        "soukloop.core.http.openapi.add_tags",
        "soukloop.core.http.openapi.add_server",
    ],
    "ENUM_SUFFIX": "",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "Role": "accounts.models.User.Role",
        "Language": "accounts.models.User.Language",
        "Condition": "listings.models.Product.Condition",
        "FeedType": "listings.models.Product.FeedType",
        "ProductStatus": "listings.models.Product.Status",
        "Emoji": STREAM_REACTIONS,
        "SystemText": "chat.system_texts.system_texts",
        "MessageType": "chat.models.Message.Type",
        "OfferStatus": "offers.models.Offer.Status",
        "OfferCloseReason": "offers.models.Offer.CloseReason",
        "TransactionStatus": "offers.models.Transaction.Status",
        "PaymentState": "payments.models.Payment.State",
        "RefundState": "payments.models.Refund.State",
        "PayoutState": "payments.models.Payout.State",
        "FeeBillState": "payments.models.FeeBill.State",
        "DocumentKind": "payments.models.Document.Kind",
        "OrderState": "orders.models.Order.State",
        "OrderAction": ["pay", "cancel", "hand_over", "ship", "confirm", "dispute"],
        "OrderSide": ["buyer", "seller"],
        "PaymentMethod": "orders.models.Order.PaymentMethod",
        "Delivery": "orders.models.Order.Delivery",
        "Emirate": "orders.models.Address.Emirate",
        "DisputeReason": "orders.models.Dispute.Reason",
        "DisputeState": "orders.models.Dispute.State",
        "DisputeDecision": "orders.models.Dispute.Decision",
        "SellerAccountState": "payments.serializers.accounts.ACCOUNT_STATES",
        "StreamStatus": "livestream.models.Stream.Status",
        "StreamAudience": "livestream.models.Stream.Audience",
        "ReplayState": "livestream.models.Replay.State",
        "ReplayFailure": "livestream.models.Replay.Reason",
        "VideoStatus": "listings.models.VideoUpload.State",
        "VideoFailure": "listings.models.VideoUpload.Reason",
        "DevicePlatform": "notifications.models.Device.Platform",
        "SentMessageType": "chat.serializers.SENT_TYPES",
        "ClipState": "livestream.serializers.clips.SHOWN_STATES",
        "StreamEndReason": "livestream.models.Stream.EndReason",
        "StreamLeftReason": ["stream_not_found", "followers_only"],
        "ProductLeftReason": ["product_not_found"],
        "ProductRemovedReason": ["removed", "sold", "hidden", "deleted"],
        "HealthWarningCode": "livestream.serializers.health.WARNING_CODES",
        "CodeChannel": ["email", "phone", "sms"],
        "CarrierName": "orders.carriers.CHOICES",
        "ReviewState": "orders.serializers.reviews.STATES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "/favicon.svg",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
}

SCHEMA_NAMES = {
    # Serializer → its name in the description, where its own would mean something else in generated code.
    "AnalyticsOutput": "StreamAnalytics",
    "ArchivedOutput": "ArchivedConversation",
    "CancelInput": "CancelTransactionInput",
    "CardOutput": "ProductCard",
    "CardPageOutput": "ProductPage",
    "ChannelsInput": "NotificationChannelsInput",
    "ChannelsOutput": "NotificationChannels",
    "ClickOutput": "ProductClicks",
    "EndOutput": "EndedStream",
    "TimelineEntryOutput": "OrderTimelineEntry",
    "EndReason": "StreamEndReason",
    "FavoritesOutput": "FavoritePage",
    "HealthOutput": "StreamHealth",
    "ImageInput": "PictureMessageInput",
    "ImageUploadInput": "PictureInput",
    "InboxOutput": "NotificationPage",
    "KeyOutput": "StreamKey",
    "KeysInput": "WebPushKeysInput",
    "NotificationOutputKind": "NotificationKind",
    "LimitsOutput": "ConfigLimits",
    "LiveOutput": "StartedStream",
    "MeOutput": "Account",
    "MessagesOutput": "MessagePage",
    "MinuteOutput": "ViewersInMinute",
    "NotificationOutput": "InboxNotification",
    "PriceInput": "CounterOfferInput",
    "ProductCardOutput": "ProductSummary",
    "ReadInput": "ReadConversationInput",
    "ReadOutput": "ReadConversation",
    "SearchOutput": "SearchPage",
    "SettingsInput": "StreamSettingsInput",
    "StreamOutput": "LiveStream",
    "StreamPageOutput": "StreamPage",
    "SubscriptionInput": "WebPushSubscriptionInput",
    "TagInput": "ProductTagInput",
    "UnreadCountOutput": "UnreadNotifications",
    "UnreadCountsOutput": "UnreadMessages",
    "UserIdInput": "ViewerInput",
    "WarningOutput": "HealthWarning",
}
