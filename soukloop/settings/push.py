"""Push notifications: FCM for the apps, Web Push for browsers."""

from datetime import timedelta

from soukloop.settings.base import BASE_URL, DEBUG
from soukloop.settings.environment import env, secret

# The service account's key: its JSON, or the path of a file with it.
FCM_CREDENTIALS = secret("FCM_CREDENTIALS")
FCM_URL = env.str("FCM_URL", default="https://fcm.googleapis.com").rstrip("/")
# An EC key of the curve P-256, PEM or base64url. Browsers' subscriptions are bound to its public key.
VAPID_PRIVATE_KEY = secret("VAPID_PRIVATE_KEY")
# Earlier ones, as base64url: for browsers that have not subscribed again since it was replaced.
VAPID_PRIVATE_KEY_FALLBACKS = [key for key in (secret("VAPID_PRIVATE_KEY_FALLBACKS") or "").split(",") if key]
VAPID_SUBJECT = env.str("VAPID_SUBJECT", default=BASE_URL if BASE_URL.startswith("https:") else "")
VAPID_SUBJECT = VAPID_SUBJECT or "mailto:support@soukloop.com"  # whom a push service writes to about problems
# The only servers that pushes of Web Push go to: whoever registers a device names the address.
WEBPUSH_HOSTS = env.list(
    "WEBPUSH_HOSTS",
    default=[
        "fcm.googleapis.com",
        "*.push.services.mozilla.com",
        "*.notify.windows.com",
        "*.push.apple.com",
    ],
)

_CONSOLE = "notifications.push.console.ConsoleChannel"
_fcm = "notifications.push.fcm.FcmChannel" if FCM_CREDENTIALS else _CONSOLE if DEBUG else ""
_web_push = "notifications.push.web_push.WebPushChannel" if VAPID_PRIVATE_KEY else _CONSOLE if DEBUG else ""
# The sender of each platform; without one, its pushes are refused.
PUSH_CHANNELS = {platform: path for platform, path in (("fcm", _fcm), ("webpush", _web_push)) if path}
# A push that was claimed longer ago belongs to a sender that was killed: it may have gone out, and is lost.
PUSH_CLAIM_TTL = timedelta(minutes=2)
PUSH_ANSWER_TIMEOUT = timedelta(seconds=10)
DEVICES_PER_USER_MAX = 25
# When a push is looked at again whose recipient was looking at the content: later than a connection that has
# ended without a word counts (PRESENCE_TTL).
PUSH_ATTENDED_ASKED_AGAIN = timedelta(seconds=75)
