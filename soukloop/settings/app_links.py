"""The mobile apps that open this host's links: what iOS and Android ask the host before they do."""

from soukloop.settings.environment import env

# <team id>.<bundle id>, as Apple's developer pages show them.
APPLE_APP_IDS = env.list("APPLE_APP_IDS", default=[])
ANDROID_PACKAGE = env.str("ANDROID_PACKAGE", default="")
# The SHA-256 fingerprints of the certificates that sign the app: the store's and those of test builds.
ANDROID_CERTIFICATES = env.list("ANDROID_CERTIFICATES", default=[])
