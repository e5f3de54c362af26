#!/bin/sh
# Create the directories, fill in a configuration template, and run nginx: `start.sh ingest` takes broadcasts,
# `start.sh http` serves viewers.
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

umask 022
role=$1
STATE_DIR="$STATE_DIR/$role"
mkdir -p "$STATE_DIR" "$MEDIA_ROOT/live" "$MEDIA_ROOT/recordings" "$MEDIA_ROOT/vods" "$MEDIA_ROOT/uploads"
export STATE_DIR

if [ "$role" = http ]; then
    # Replays are in MEDIA_ROOT, or in a bucket (MEDIA_STORAGE=s3) whose folder `vods` has the address REPLAY_URL.
    if [ -n "${REPLAY_URL:-}" ]; then
        REPLAY_SOURCE="set \$bucket \"${REPLAY_URL%/}\";
            proxy_pass \$bucket/\$stream\$file;
            include \"$(dirname "$0")/replay-bucket.inc\";"
    else
        REPLAY_SOURCE="alias \"$MEDIA_ROOT/vods/\$stream\$file\";"
    fi
    # Addresses or networks, separated by spaces.
    proxies=""
    for proxy in ${MEDIA_PROXIES:-}; do
        proxies="$proxies set_real_ip_from $proxy;"
    done
    MEDIA_PROXIES="$proxies real_ip_header X-Forwarded-For; real_ip_recursive on;"
    export REPLAY_SOURCE MEDIA_PROXIES
else
    export ENCODER_TIMEOUT="${ENCODER_TIMEOUT:-20s}"
fi
if [ "$role" = ingest ] && [ -z "${RTMPS_CERTIFICATE:-}" ]; then
    # Enough to try RTMPS: encoders that check certificates refuse it.
    RTMPS_CERTIFICATE="$STATE_DIR/rtmps.pem" RTMPS_KEY="$STATE_DIR/rtmps.key"
    if [ ! -s "$RTMPS_KEY" ]; then
        (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
            -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
            -out "$RTMPS_CERTIFICATE" -keyout "$RTMPS_KEY" 2>/dev/null)
    fi
    export RTMPS_CERTIFICATE RTMPS_KEY
fi
(
    umask 077 # the file contains the secret
    envsubst '$RTMP_PORT $RTMPS_PORT $RTMPS_CERTIFICATE $RTMPS_KEY $RTMP_LISTEN $ENCODER_TIMEOUT
        $CONTROL_LISTEN $RELAY_LISTEN $MEDIA_PORT $MEDIA_PROXIES $REPLAY_SOURCE $CALLBACK_URL $RESOLVER
        $MEDIA_SECRET $MEDIA_ROOT $STATE_DIR' \
        <"$(dirname "$0")/$role.conf.template" >"$STATE_DIR/nginx.conf"
)
ulimit -n "$(ulimit -H -n)" # each connection is a file, and each proxied one two
exec nginx -p "$STATE_DIR" -c "$STATE_DIR/nginx.conf"
