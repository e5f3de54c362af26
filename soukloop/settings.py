"""Settings, read from the environment; every name is explained in `.env.example`."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ

django_stubs_ext.monkeypatch()  # lets `ModelAdmin[User]` and the like be written

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")
env.read_env(BASE_DIR / ".local" / "env")  # written by `make run`; never overrides what is already set

# --- Core ---------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
BASE_URL = env.str("BASE_URL", default="http://localhost:8000").rstrip("/")
TRUSTED_ORIGINS = [urlsplit(BASE_URL)._replace(path="").geturl(), *env.list("TRUSTED_ORIGINS", default=[])]
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

ROOT_URLCONF = "soukloop.urls"
ASGI_APPLICATION = "soukloop.asgi.application"
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "soukloop.formats"
TIME_ZONE = "UTC"
STAFF_TIME_ZONE = "Asia/Dubai"  # what the admin shows
USE_TZ = True
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # email is unique case-insensitively, by a constraint of its own
    "gis.W001",  # GDAL reads no file or URL that a user names
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "daphne",  # before staticfiles: its runserver serves ASGI
    "soukloop.core.staff.admin.StaffAdminConfig",  # django.contrib.admin with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.gis",
    "django.contrib.postgres",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "procrastinate.contrib.django",
    "soukloop.core",
    "soukloop.realtime",
    "accounts",
    "notifications",
    "listings",
    "chat",
    "offers",
    "livestream",
]

MIDDLEWARE = [
    "soukloop.core.http.requests.RequestMiddleware",
    "soukloop.core.http.envelope.JsonErrorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "soukloop" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- PostgreSQL ---------------------------------------------------------------------------------

DATABASES = {
    "default": env.db("DATABASE_URL", default="postgis://soukloop:soukloop@localhost:5432/soukloop")
    | {
        "ENGINE": "django.contrib.gis.db.backends.postgis",
        "OPTIONS": {
            "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=20), "timeout": 10},
            # A lock that is not had in time is a 503 to one person, not a pile-up for everyone. Requests are
            # many and small: workers and compiled plans for one would be taken from the others.
            "options": "-c lock_timeout=10s -c statement_timeout=30s"
            " -c idle_in_transaction_session_timeout=60s"
            " -c max_parallel_workers_per_gather=0 -c jit=off",
        },
        # One more round trip each time a connection is lent: without, each that a restart of PostgreSQL left
        # dead in the pool costs somebody a 503.
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"NAME": env.str("TEST_DATABASE_NAME", default="test_soukloop")},
    },
}

# --- Redis: presence, counters, codes, pub/sub, caches; all of it can be lost --------------------

REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")
CHANNEL_PREFIX = env.str("CHANNEL_PREFIX", default="soukloop")  # of the names of Redis's pub/sub channels
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SOCKET_TIMEOUT": 2,
            "CONNECTION_POOL_KWARGS": {"max_connections": 200, "health_check_interval": 15},
        },
    },
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "soukloop.realtime.layer.ChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL}], "prefix": CHANNEL_PREFIX},
    },
}

# --- Jobs (Procrastinate, on PostgreSQL) ---------------------------------------------------------

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
# A worker says "alive" every 10 s; its jobs are put back when it has been silent this long.
JOBS_STALLED_AFTER = timedelta(seconds=30)
JOBS_ATTEMPTS_MAX = 5
JOBS_KEPT_FOR = timedelta(days=7)

# --- Accounts and authentication ------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.authentication.IdentifierBackend"]
PASSWORD_HASHERS = [
    "accounts.hashers.OwaspArgon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["username", "email", "full_name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": SECRET_KEY,
    "AUDIENCE": "soukloop",
    "ISSUER": "soukloop",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=30),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
    "USER_ID_CLAIM": "sub",
    "AUTH_HEADER_TYPES": ("Bearer",),
}
REFRESH_GRACE = timedelta(seconds=10)  # an answer lost on the way may be asked for again
WS_TICKET_TTL = timedelta(seconds=30)
OTP_TTL = timedelta(seconds=600)
OTP_MAX_GUESSES = 5
PHONE_DEFAULT_REGION = "AE"

# --- Limits ---------------------------------------------------------------------------------------

# scope: (how many, in how many seconds). By user where one is logged in, otherwise by IP.
RATE_LIMITS = {
    "default": (600, 60),
    "register": (20, 3600),
    "login_ip": (60, 60),
    "login_identifier": (10, 300),
    "otp_send_ip": (30, 600),
    "otp_send_identifier": (3, 600),
    "otp_verify_ip": (60, 600),
    "refresh": (120, 60),
    "password": (10, 600),
    "ws_ticket": (60, 60),
    "upload": (60, 600),
    "follow": (120, 60),
    "product_write": (120, 60),
    "search": (240, 60),
    "message_send": (120, 60),
    "conversation_create": (60, 60),
    "typing": (120, 60),
    "offer_create": (60, 60),
    "stream_write": (60, 60),
    "stream_chat": (10, 60),  # contract 4.5
    "stream_reaction": (600, 60),
    "stream_click": (120, 60),
    "socket_command": (1200, 60),
}
RATE_LIMIT_EXEMPT_LOOPBACK = DEBUG  # per-IP scopes only

PAGE_SIZE = 20
PAGE_SIZE_MAX = 100
JSON_BODY_MAX_BYTES = 1024 * 1024
UPLOAD_MAX_BYTES = 10 * 1024 * 1024
IMAGE_MAX_PIXELS = 40_000_000
IMAGE_MAX_SIDE = 2048
DATA_UPLOAD_MAX_MEMORY_SIZE = UPLOAD_MAX_BYTES + 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
IDEMPOTENCY_TTL = timedelta(hours=24)

# --- Marketplace ----------------------------------------------------------------------------------

CURRENCY = "AED"
CURRENCIES = ["AED"]
FEE_RATES = {"community": "0.05", "discover": "0.15"}
PRICE_MAX = "9999999.99"
ACTIVE_PRODUCTS_MAX = 50
PRODUCT_IMAGES_MAX = 10
PRODUCT_TAGS_MAX = 20
COMMUNITY_RADIUS_KM = 5
COMMUNITY_RADIUS_KM_MAX = 100
LOCATION_OFFSET_MAX_M = 250
FEED_POOL_SIZE = env.int("FEED_POOL_SIZE", default=8)  # feeds and searches at a time, in one process
TOTAL_COUNTED_MAX = 1000  # lists count this far; beyond, `total_is_exact` is false
PAGE_DEPTH_MAX = 10_000  # items that `page` reaches; `cursor` goes on for ever
SEARCH_CONSIDERED_MAX = 2000  # the freshest matches of something common, ranked and counted in facets
SEARCH_QUERY_MAX_LENGTH = 200
PRICE_FACETS = [100, 250, 500, 1000, 2500, 5000, 10_000]
THUMBNAIL_SIDE = 480
CATEGORIES_CACHE_TTL = timedelta(minutes=5)
OFFER_TTL = timedelta(hours=24)
OFFER_REMINDER_BEFORE = timedelta(hours=2)
MESSAGE_MAX_LENGTH = 4000
CATCH_UP_MAX = 300
TYPING_TTL = timedelta(seconds=5)

# --- Live streams ---------------------------------------------------------------------------------

STREAM_PRODUCTS_MAX = 50
STREAM_MODERATORS_MAX = 50
STREAM_CHAT_MAX_LENGTH = 500
STREAM_CHAT_HISTORY = 100
STREAM_REACTIONS = ["❤️", "🔥", "👍", "😂", "😮", "👏", "🎉", "💎"]
STREAM_RECONNECT_WINDOW = timedelta(seconds=60)
STREAM_NEVER_PUBLISHED_AFTER = timedelta(minutes=30)  # live all that time, and no encoder ever came
STREAM_VIEWER_TTL = timedelta(seconds=60)  # a viewer's connection not heard of for so long is gone
STREAM_COUNTERS_KEPT_FOR = timedelta(hours=1)  # in Redis, once the stream is over
STREAM_NEIGHBORHOOD_RADIUS_KM = 5

# --- Sockets --------------------------------------------------------------------------------------

SOCKET_AUTHENTICATOR = "accounts.authentication.authenticate_sockets"
SOCKET_FRAME_MAX_BYTES = 64 * 1024
SOCKET_QUEUE_MAX = 256  # frames waiting for one slow client
SOCKET_COMMAND_THREADS = 16
SOCKET_TICK = timedelta(milliseconds=250)
SOCKET_HEARTBEAT = timedelta(seconds=20)
PRESENCE_TTL = timedelta(seconds=60)

# --- Media ----------------------------------------------------------------------------------------

MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(BASE_DIR / ".local" / "media"))
MEDIA_ROOT = (BASE_DIR / str(MEDIA_ROOT)).resolve()
MEDIA_URL = env.str("MEDIA_URL", default="http://localhost:8080/").rstrip("/") + "/"
RTMP_URL = env.str("RTMP_URL", default="rtmp://localhost:1935/live").rstrip("/")
MEDIA_SECRET = env.str("MEDIA_SECRET", default="")
MEDIA_CONTROL_URL = env.str("MEDIA_CONTROL_URL", default="http://127.0.0.1:8080").rstrip("/")

if env.str("MEDIA_STORAGE", default="local") == "s3":
    _bucket = {
        "bucket_name": env.str("S3_BUCKET"),
        "endpoint_url": env.str("S3_ENDPOINT_URL", default="") or None,
        "region_name": env.str("S3_REGION", default="") or None,
        "access_key": env.str("S3_ACCESS_KEY", default="") or None,
        "secret_key": env.str("S3_SECRET_KEY", default="") or None,
        "querystring_auth": False,
        "custom_domain": env.str("S3_PUBLIC_DOMAIN", default="") or None,
        "addressing_style": env.str("S3_ADDRESSING_STYLE", default="") or None,
    }
    _media_storage = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {**_bucket, "file_overwrite": False},
    }
    _replay_storage = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {**_bucket, "location": "vods", "file_overwrite": True},
    }
else:
    _media_storage = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(MEDIA_ROOT / "uploads"), "base_url": f"{MEDIA_URL}uploads/"},
    }
    _replay_storage = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": str(MEDIA_ROOT / "vods"),
            "base_url": f"{MEDIA_URL}vods/",
            "allow_overwrite": True,
        },
    }
STORAGES = {
    "default": _media_storage,
    "replays": _replay_storage,
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / ".local" / "static"
SERVESTATIC_ROOT = BASE_DIR / "soukloop" / "root"  # what browsers ask for at the top: the site's icon
SERVESTATIC_USE_FINDERS = DEBUG
SERVESTATIC_AUTOREFRESH = DEBUG

# --- Mail and text messages -----------------------------------------------------------------------

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="Souk Loop <no-reply@soukloop.com>")
SMS_BACKEND = env.str("SMS_BACKEND", default="accounts.sms.ConsoleBackend")
SMS_HTTP_URL = env.str("SMS_HTTP_URL", default="")
SMS_HTTP_TOKEN = env.str("SMS_HTTP_TOKEN", default="")

# --- REST -----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["soukloop.core.http.envelope.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": ["soukloop.core.http.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "soukloop.core.http.envelope.AlwaysJson",
    "DEFAULT_THROTTLE_CLASSES": ["soukloop.core.redis.rate_limits.RateScopeThrottle"],
    "DEFAULT_SCHEMA_CLASS": "soukloop.core.http.openapi.EnvelopeSchema",
    "EXCEPTION_HANDLER": "soukloop.core.http.envelope.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": False,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Souk Loop",
    "DESCRIPTION": "Live-commerce marketplace for the UAE: listings, chat, offers, live streams.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "TAGS": [
        {"name": "Account", "description": "Registering, logging in, codes, passwords, one's own profile."},
        {"name": "People", "description": "Profiles of others; following and blocking them."},
        {"name": "Browse", "description": "Feeds, search, categories."},
        {"name": "Products", "description": "What is for sale, its pictures, and who likes it."},
        {"name": "Conversations", "description": "A buyer and a seller about a product."},
        {"name": "Offers", "description": "A price that one side names and the other answers."},
        {"name": "Transactions", "description": "Sales that both sides agreed on."},
        {"name": "Live streams", "description": "Going live, the room, its chat, its products, its figures."},
        {"name": "Notifications", "description": "One's inbox."},
    ],
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "soukloop.examples.add_contract_answers",
        "soukloop.core.http.openapi.wrap_in_envelope",
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

# --- Security -------------------------------------------------------------------------------------

CSRF_TRUSTED_ORIGINS = TRUSTED_ORIGINS
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
if not DEBUG:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
    # Health checks come from inside, over plain HTTP.
    SECURE_SSL_REDIRECT = BASE_URL.startswith("https://")
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^internal/"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# --- Logs -----------------------------------------------------------------------------------------

LOG_FORMAT = env.str("LOG_FORMAT", default="console" if DEBUG else "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "soukloop.core.logs.RequestFilter"}},
    "formatters": {
        "json": {"()": "soukloop.core.logs.JsonFormatter"},
        "console": {"()": "soukloop.core.logs.ConsoleFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["request"]},
    },
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},  # 4xx are logged once, by soukloop.request
        "django.security.DisallowedHost": {"level": "CRITICAL"},  # a scanner's; the 400 is logged once
        "django.server": {"level": "WARNING"},
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.error": {"level": env.str("LOG_LEVEL", default="INFO")},
        "uvicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
        "daphne": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "PIL": {"level": "WARNING"},
    },
}
