"""The site: debug mode, hosts, installed apps, middleware, templates, language and time."""

from urllib.parse import urlsplit

import django_stubs_ext

from soukloop.settings.environment import BASE_DIR, env, secret

django_stubs_ext.monkeypatch()  # lets `ModelAdmin[User]` and the like be written

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = secret("SECRET_KEY")
# Accepted too while SECRET_KEY is replaced: docs/operations.md, Rotation of keys.
SECRET_KEY_FALLBACKS = [key for key in (secret("SECRET_KEY_FALLBACKS") or "").split(",") if key]
# Public points of products are computed with it. It must never change: two points of one home would narrow it
# down. So it keeps the first SECRET_KEY when that is replaced.
LOCATION_SECRET = secret("LOCATION_SECRET") or SECRET_KEY
PUBLISH_ADDRESS = env.str("PUBLISH_ADDRESS", default="")  # where compose publishes the ports
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
BASE_URL = env.str("BASE_URL", default="http://localhost:8000").rstrip("/")
WEB_URL = (env.str("WEB_URL", default="") or BASE_URL).rstrip("/")  # of the pages that notifications link to
TRUSTED_ORIGINS = [urlsplit(BASE_URL)._replace(path="").geturl(), *env.list("TRUSTED_ORIGINS", default=[])]
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

ROOT_URLCONF = "soukloop.urls"
ASGI_APPLICATION = "soukloop.asgi.application"
LANGUAGE_CODE = "en"  # of staff's pages; the API answers in the language of `core/http/languages.py`
LANGUAGES = [("en", "English"), ("ar", "العربية")]
LOCALE_PATHS = [BASE_DIR / "locale"]
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
    "soukloop.core.staff.apps.StaffAdminConfig",  # django.contrib.admin with our site
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
    "payments",
    "listings",
    "chat",
    "offers",
    "orders",
    "livestream",
]

MIDDLEWARE = [
    "soukloop.core.http.requests.RequestMiddleware",
    "soukloop.core.http.languages.LanguageMiddleware",
    "soukloop.core.http.envelope.JsonErrorsMiddleware",
    "soukloop.core.http.middleware.ApiMiddleware",  # what comes after it is for pages
    "django.middleware.security.SecurityMiddleware",
    "soukloop.core.http.middleware.static_files_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "soukloop.core.http.pages.PageCommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "soukloop.core.http.pages.ContentSecurityPolicyMiddleware",
]
if DEBUG:  # outside of what answers for static files
    _BEFORE = MIDDLEWARE.index("django.middleware.security.SecurityMiddleware")
    MIDDLEWARE.insert(_BEFORE, "soukloop.core.http.pages.NotFoundPageMiddleware")

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
