"""How soon viewers lose a video that they may no longer watch, with the real web process and media server."""

import time

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import block, client_for, follow, make_seller, make_user
from livestream.tests.factories import make_live_stream
from livestream.tests.media import MediaServerProcess
from soukloop.realtime.testing.waiting import wait_until

pytestmark = [pytest.mark.media, pytest.mark.full, pytest.mark.django_db(transaction=True)]


def test_who_may_no_longer_watch_loses_the_video_within_a_minute(media: MediaServerProcess) -> None:
    stream, banned = make_live_stream(audience="followers"), make_live_stream(seller=make_seller())
    viewers = {name: make_user() for name in ("unfollows", "is blocked", "stays")}
    for viewer in viewers.values():
        follow(viewer, stream.seller)
    watched = {name: (viewer, stream) for name, viewer in viewers.items()}
    watched |= {"watches a banned seller": (make_user(), banned), "seller": (stream.seller, stream)}
    paths = {}
    for name, (viewer, shown) in watched.items():
        folder = media.root / "live" / shown.public_id
        folder.mkdir(exist_ok=True)
        (folder / "index.m3u8").write_text("#EXTM3U\n")
        url = client_for(viewer).get(f"/api/v1/streams/{shown.pk}").json()["data"]["hlsUrl"]
        paths[name] = url.partition(f":{media.media_port}")[2]

    def can_watch() -> set[str]:
        return {name for name, path in paths.items() if media.get(path) is not None}

    assert can_watch() == set(paths)
    client_for(viewers["unfollows"]).delete(f"/api/v1/users/{stream.seller_id}/follow")
    block(stream.seller, viewers["is blocked"])
    User.objects.filter(pk=banned.seller_id).update(is_active=False, banned_at=timezone.now())
    began = time.monotonic()
    while (left := can_watch()) != {"stays", "seller"}:
        assert time.monotonic() - began < 60
        assert left >= {"stays", "seller"}
        time.sleep(1)
    print(f"all three lost the video after {time.monotonic() - began:.0f} s")
    wait_until(lambda: can_watch() == {"stays", "seller"}, "the same a second time")
