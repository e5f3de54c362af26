# syntax=docker/dockerfile:1
# The web process and the worker: one image, two commands.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.txt .
# Everything that is pinned comes as a wheel; a package that would need a compiler is refused here.
RUN /venv/bin/pip install --only-binary :all: --requirement requirements.txt
RUN apt-get update && apt-get install --yes --no-install-recommends gettext && rm -rf /var/lib/apt/lists/*
COPY locale /locale
RUN msgfmt -o /locale/ar/LC_MESSAGES/django.mo /locale/ar/LC_MESSAGES/django.po

FROM python:3.11-slim-bookworm
# GeoDjango loads GDAL, GEOS and PROJ; invoices become PDFs by Pango, in a font with Arabic letters; the worker makes replays with ffmpeg; health checks ask with curl; backups are
# made by pg_dump, which must not be older than the server.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgdal32 libgeos-c1v5 libproj25 ffmpeg curl \
       postgresql-client-15 libpangoft2-1.0-0 fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/* \
    # The same numbers as in the media image: both write to the volume at /media.
    && groupadd --gid 10001 soukloop \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin soukloop \
    && install --directory --owner 10001 --group 10001 /media /secrets /metrics
COPY --from=build /venv /venv
# Threads that take turns with 16 heaps leave holes in each.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2
WORKDIR /app
COPY . .
COPY --from=build /locale /app/locale
# The key is for this command only, and is in no layer.
RUN SECRET_KEY=for-the-build-only DEBUG=true python manage.py collectstatic --noinput \
    && python -m compileall -q /app

USER soukloop
VOLUME /media
EXPOSE 8000
# The app answers to its public names only.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD hosts=${ALLOWED_HOSTS:-localhost}; curl -fsS -o /dev/null -H "Host: ${hosts%%,*}" http://127.0.0.1:8000/healthz
CMD ["uvicorn", "soukloop.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--no-proxy-headers", "--no-server-header", "--no-access-log", \
     "--timeout-graceful-shutdown", "10", "--ws-max-size", "65536", \
     "--http", "soukloop.core.http.uvicorn_protocol:HttpProtocol", \
     "--ws", "soukloop.realtime.uvicorn_protocol:WebSocketProtocol"]
