"""Calls and bytes of four screens of an app (home, product, room, inbox): now, and as before."""

import random
import socket
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

SEED = 20261127
LIVE_STREAMS, PRODUCTS, CONVERSATIONS, CHAT_LINES = 10, 60, 25, 100
PLACE = "latitude=25.0772&longitude=55.1369"


@dataclass(frozen=True)
class Screen:
    """The paths that an app reads for a screen; `missing` is what no call could tell before."""

    name: str
    before: list[str]
    now: list[str]
    missing: str


def main() -> None:
    from bench.database import bench_database  # noqa: PLC0415 - sets Django up
    from bench.servers import project_server, running  # noqa: PLC0415

    with bench_database() as url:
        authorization, screens = fill_database()
        with running(lambda: project_server(url)) as [server]:
            print("| screen | calls before | now | bytes before | now | with gzip, before | now |")
            print("|---|---|---|---|---|---|---|")
            for screen in screens:
                sizes = [
                    sum(exchanged_bytes(server.port, path, authorization, accept) for path in paths)
                    for accept in ("identity", "gzip")
                    for paths in (screen.before, screen.now)
                ]
                shown = " | ".join(f"{size:,}" for size in sizes)
                print(f"| {screen.name} | {len(screen.before)} | {len(screen.now)} | {shown} |", flush=True)
    for screen in screens:
        print(f"{screen.name}: new, and in no answer before: {screen.missing}")


def exchanged_bytes(port: int, path: str, authorization: str, accept_encoding: str) -> int:
    """Return the bytes of a request and its answer, headers too; raises RuntimeError unless it is 200."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n"
        f"Accept: application/json\r\nAccept-Encoding: {accept_encoding}\r\nConnection: close\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
        link.sendall(request)
        answer = b"".join(iter(lambda: link.recv(1 << 16), b""))
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer[:500].decode(errors="replace"))
    return len(request) + len(answer)


def fill_database() -> tuple[str, list[Screen]]:
    """Fill the database with a busy evening; return a buyer's `Authorization` and the screens."""
    from django.utils import timezone  # noqa: PLC0415 - Django must be set up first

    from accounts.tests.factories import follow, make_seller, make_user  # noqa: PLC0415
    from accounts.tokens import access_token_for  # noqa: PLC0415
    from chat.tests.factories import make_conversation, make_message  # noqa: PLC0415
    from listings.tests.factories import make_product  # noqa: PLC0415
    from livestream.models import ChatMessage, Stream  # noqa: PLC0415
    from livestream.tests.factories import make_live_stream  # noqa: PLC0415
    from offers.tests.factories import make_offer  # noqa: PLC0415

    dice = random.Random(SEED)
    buyer = make_user()
    sellers = [make_seller(full_name=f"Seller {n}", avatar=_picture("avatars", dice)) for n in range(12)]
    for seller in sellers[::2]:
        follow(buyer, seller)
    products = [
        make_product(
            seller=sellers[number % len(sellers)],
            image_urls=[_picture_url(dice) for _ in range(3)],
            **_video() if number % 2 else {},
        )
        for number in range(PRODUCTS)
    ]
    streams = [
        make_live_stream(seller=seller, products=[each for each in products if each.seller_id == seller.pk])
        for seller in sellers[:LIVE_STREAMS]
    ]
    for product in products[:CONVERSATIONS]:
        conversation = make_conversation(buyer=buyer, product=product)
        make_message(conversation, content="Hi! Is this item still available?")
        make_message(conversation, product.seller, content="Yes! Would you like to see more photos?")
    product, room = products[0], streams[0]
    make_offer(product, buyer=buyer)
    now = timezone.now()
    ChatMessage.objects.bulk_create(
        ChatMessage(
            stream=room, seq=seq, user=dice.choice([buyer, *sellers]), message="This is amazing! 🔥",
            created_at=now + timedelta(seconds=seq),
        )
        for seq in range(1, CHAT_LINES + 1)
    )  # fmt: skip
    Stream.objects.filter(pk=room.pk).update(last_chat_seq=CHAT_LINES, chat_count=CHAT_LINES)
    api = "/api/v1"
    product_page, stream_page = f"{api}/products/{product.pk}", f"{api}/streams/{room.pk}"
    screens = [
        Screen(
            "home",
            [
                f"{api}/streams/live?per_page={LIVE_STREAMS}",
                # Who is followed, and who has the badge.
                *(f"{api}/users/{stream.seller_id}" for stream in streams),
                f"{api}/feeds/community?{PLACE}",
                f"{api}/feeds/discover",
                f"{api}/badges",
            ],
            [f"{api}/home?{PLACE}"],
            "a live stream's cover",
        ),
        Screen(
            "product",
            [
                product_page,
                f"{product_page}/similar",
                f"{api}/users/{product.seller_id}",
                *(f"{api}/conversations?page={page}" for page in (1, 2)),  # until the one about it is found
                f"{api}/offers?product_id={product.pk}&status=pending",
            ],
            [f"{product_page}?{PLACE}", f"{product_page}/similar"],
            "the distance",
        ),
        Screen(
            "room",
            [stream_page, f"{api}/users/{room.seller_id}", f"{stream_page}/chat?limit=50"],
            [stream_page, f"{stream_page}/chat?limit=50"],
            "your rights, the product shown last, emoji, who of the writers is host or moderator",
        ),
        Screen(
            "inbox",
            [f"{api}/conversations", f"{api}/badges"],
            [f"{api}/conversations", f"{api}/badges"],
            "when the other person was last there",
        ),
    ]
    return f"Bearer {access_token_for(buyer)}", screens


def _picture(folder: str, dice: random.Random) -> str:
    """Return the name of a stored picture with its sizes; there is no file, as none is fetched."""
    from soukloop.core.images.pictures import described_stem  # noqa: PLC0415 - Django must be set up first

    blurhash = "".join(dice.choices("0123456789ABCDEFGHabcdefgh#$%*+", k=28))
    stem = f"{folder}/{uuid.UUID(int=dice.getrandbits(128))}/{dice.getrandbits(128):032x}"
    return f"{described_stem(stem, width=1536, height=2048, blurhash=blurhash)}.jpg"


def _picture_url(dice: random.Random) -> str:
    from django.core.files.storage import default_storage  # noqa: PLC0415 - Django must be set up first

    return str(default_storage.url(_picture("products", dice)))


def _video() -> dict[str, Any]:
    return {"feed_type": "discover", "video_url": "https://video.example.com/vods/clip.m3u8"}
