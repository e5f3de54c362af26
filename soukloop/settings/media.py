"""Uploads, live video, replays, static files."""

import os
from datetime import timedelta
from typing import Any

from soukloop.settings.base import DEBUG
from soukloop.settings.environment import BASE_DIR, env, secret

MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(BASE_DIR / ".local" / "media"))
MEDIA_ROOT = (BASE_DIR / str(MEDIA_ROOT)).resolve()
# `/readyz` fails below it. Half an hour of one broadcast at 6 Mbit/s takes about 1.3 GB.
DISK_FREE_MIN_BYTES = env.int("DISK_FREE_MIN_BYTES", default=200 * 2**20)
# How long the files of a withdrawn replay are kept, out of viewers' reach: a ban may be lifted.
REPLAY_WITHDRAWN_KEPT = timedelta(days=30)
# How many broadcasts have smaller renditions at the same time: each takes about a third of a core.
VIDEO_TRANSCODERS = env.int("VIDEO_TRANSCODERS", default=(os.cpu_count() or 1) // 2)
# How long the playlists and segments of an ended broadcast are kept for those who still watch it.
BROADCAST_KEPT_AFTER_END = timedelta(minutes=5)
# How many uploaded videos are processed at the same time by all workers: each takes up to two cores.
UPLOADED_VIDEO_TRANSCODERS = env.int("UPLOADED_VIDEO_TRANSCODERS", default=1)
# How long a video is kept that no product shows, and that of a deleted product: staff may have to look at it.
UNUSED_VIDEO_KEPT_FOR = timedelta(days=1)
DELETED_PRODUCT_VIDEO_KEPT_FOR = timedelta(days=30)
MEDIA_URL = env.str("MEDIA_URL", default="http://localhost:8080/").rstrip("/") + "/"
RTMP_URL = env.str("RTMP_URL", default="rtmp://localhost:1935/live").rstrip("/")
RTMPS_URL = env.str("RTMPS_URL", default="").rstrip("/")
# Whether products may show pictures and videos of other servers, which learn who looks at them.
EXTERNAL_MEDIA_ALLOWED = env.bool("EXTERNAL_MEDIA_ALLOWED", default=True)
MEDIA_SECRET = secret("MEDIA_SECRET")
# Accepted too while MEDIA_SECRET is replaced.
MEDIA_SECRET_FALLBACKS = [key for key in (secret("MEDIA_SECRET_FALLBACKS") or "").split(",") if key]
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
STORAGES: dict[str, dict[str, Any]] = {
    "default": _media_storage,
    "replays": _replay_storage,
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / ".local" / "static"
SERVESTATIC_ROOT = BASE_DIR / "soukloop" / "root"  # what browsers ask for at the top: the site's icon
SERVESTATIC_USE_FINDERS = DEBUG
SERVESTATIC_AUTOREFRESH = DEBUG
