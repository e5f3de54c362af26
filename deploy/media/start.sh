#!/bin/sh
# Create the directories, fill in the configuration template, and run nginx.
set -eu
: "${CALLBACK_URL:?must be set to the URL of the web process, for example http://app:8000}"
if [ -z "${MEDIA_SECRET:-}" ] && [ -r "${SECRETS_DIR:-}/MEDIA_SECRET" ]; then
    MEDIA_SECRET=$(cat "$SECRETS_DIR/MEDIA_SECRET") # made at the first start
    export MEDIA_SECRET
fi
: "${MEDIA_SECRET:?must be set to the secret shared with the web process}"

# In Docker Compose this is Docker's name server, which resolves `app`.
RESOLVER=${RESOLVER:-$(awk '$1 == "nameserver" { print $2; exit }' /etc/resolv.conf)}
case $RESOLVER in *:*) RESOLVER="[$RESOLVER]" ;; esac
export RESOLVER

# Replays are in MEDIA_ROOT, or in a bucket (MEDIA_STORAGE=s3) whose folder `vods` has the address REPLAY_URL.
if [ -n "${REPLAY_URL:-}" ]; then
    REPLAY_SOURCE="set \$bucket \"${REPLAY_URL%/}\";
            proxy_pass \$bucket/\$stream\$file;
            include \"$(dirname "$0")/replay-bucket.inc\";"
else
    REPLAY_SOURCE="alias \"$MEDIA_ROOT/vods/\$stream\$file\";"
fi
export REPLAY_SOURCE

umask 022
mkdir -p "$MEDIA_ROOT/live" "$MEDIA_ROOT/recordings" "$MEDIA_ROOT/vods" "$MEDIA_ROOT/uploads"
(
    umask 077 # the file contains the secret
    envsubst '$RTMP_PORT $MEDIA_PORT $CONTROL_LISTEN $CALLBACK_URL $RELAY_LISTEN $RESOLVER
        $MEDIA_SECRET $MEDIA_ROOT $STATE_DIR $REPLAY_SOURCE' \
        <"$(dirname "$0")/nginx.conf.template" >"$STATE_DIR/nginx.conf"
)
exec nginx -p "$STATE_DIR" -c "$STATE_DIR/nginx.conf"
