"""Rate limits, page sizes, and size limits of requests and uploads."""

from datetime import timedelta

from soukloop.settings.base import DEBUG
from soukloop.settings.environment import env

# scope: (uses, seconds), counted by user, or by IP address for guests. Apps declare their own scopes in
# `apps.py`; a scope that is listed here overrides the app's.
RATE_LIMITS = {
    "default": (600, 60),
    "upload": (60, 600),
    "socket_command": (1200, 60),
    "socket_guest": (1200, 60),  # connections without a token
}
# The same for guests' addresses. Thousands of people share one of a mobile operator.
RATE_LIMITS_BY_ADDRESS = {
    "default": (6000, 60),
    "socket_command": (6000, 60),
    "search": (1200, 60),
}
RATE_LIMIT_EXEMPT_LOOPBACK = env.bool("RATE_LIMIT_EXEMPT_LOOPBACK", default=DEBUG)  # per-IP scopes only

PAGE_SIZE = 20
PAGE_SIZE_MAX = 100
# Of the admin's lists of money: how long adding up may take, and how many rows a CSV file has at most.
STAFF_SUMS_TIMEOUT = timedelta(seconds=3)
STAFF_EXPORT_ROWS_MAX = 100_000
JSON_BODY_MAX_BYTES = 1024 * 1024
# Of one web process. Thousands of people share the address of a mobile operator; behind a proxy, which has
# limits of its own, nothing is counted by address.
CONNECTIONS_MAX = env.int("CONNECTIONS_MAX", default=15_000)
CONNECTIONS_PER_ADDRESS_MAX = env.int("CONNECTIONS_PER_ADDRESS_MAX", default=5_000)
WAITING_CONNECTIONS_PER_ADDRESS_MAX = env.int("WAITING_CONNECTIONS_PER_ADDRESS_MAX", default=500)
REQUEST_HEADERS_TIMEOUT = timedelta(seconds=env.float("REQUEST_HEADERS_TIMEOUT_SECONDS", default=10.0))
REQUEST_HEADERS_MAX_BYTES = 64 * 1024
# A request's body must arrive within this time, plus what its bytes take at this rate.
BODY_TIMEOUT = timedelta(seconds=env.float("BODY_TIMEOUT_SECONDS", default=20.0))
BODY_MIN_BYTES_PER_SECOND = 16 * 1024
UPLOAD_MAX_BYTES = 10 * 1024 * 1024
IMAGE_MAX_PIXELS = 50_000_000  # phones take pictures of 48 million
IMAGE_MAX_PIXELS_WEBP = 25_000_000  # its decoder needs 16 bytes for each
IMAGE_MAX_SIDE = 2048
# Per process: uploads that are worked on, and that wait for it.
UPLOADS_AT_ONCE = 2
UPLOADS_WAITING_MAX = 32
UPLOADS_WAITING_PER_PERSON = 10
UPLOAD_WAIT_MAX = timedelta(seconds=20)
# Videos for products arrive in parts, each a request.
VIDEO_MAX_BYTES = env.int("VIDEO_MAX_BYTES", default=200 * 2**20)
VIDEO_MAX_DURATION = timedelta(minutes=3)
VIDEO_PART_MAX_BYTES = 8 * 2**20
VIDEOS_UNFINISHED_MAX = 3  # of a person: being uploaded, waiting or processed
VIDEOS_PER_DAY_MAX = 50  # of a person
VIDEO_UPLOAD_EXPIRES_AFTER = timedelta(days=1)
WEBHOOK_MAX_BYTES = 256 * 1024
# Bodies that may be larger, or must be smaller, than others, by how their path begins.
BODY_MAX_BYTES_BY_PATH = {
    "/api/v1/uploads/videos/": VIDEO_PART_MAX_BYTES,
    "/api/v1/payments/webhooks/": WEBHOOK_MAX_BYTES,
}
DATA_UPLOAD_MAX_MEMORY_SIZE = UPLOAD_MAX_BYTES + 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024  # larger bodies are written to a temporary file
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
IDEMPOTENCY_TTL = timedelta(hours=24)
