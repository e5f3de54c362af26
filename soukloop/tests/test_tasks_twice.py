"""Every background task may run twice, and again after it failed at any of its statements."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.apps import apps
from django.conf import settings as django_settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob

from accounts.models import RefreshFamily, User
from accounts.services import otp
from accounts.services.deletion import delete_account
from accounts.tests.factories import PASSWORD, block, follow, make_seller, make_user
from chat.services import open_conversation
from listings.models import PriceChange, Product, ViewBatch
from listings.services import mark_sold, update_product, view_counts
from listings.services.favorites import add_favorite
from listings.tests.factories import DUBAI_MARINA, make_product, make_video
from livestream.media import server as media_server
from livestream.models import Announcement, Clip, Replay, Stream, ViewerSample
from livestream.services import streams
from livestream.tests.factories import make_live_stream, make_publisher, make_stream
from notifications.models import FollowNotice, Notification, NotificationSettings, WrittenBatch
from notifications.services.account_notices import notify_of_new_password
from notifications.services.digests import schedule_digests
from offers.models import Offer, Transaction
from offers.tests.factories import make_offer, make_sale
from orders.tests.after_sale_scenes import CHANGING as CHANGING_AFTER_SALES
from orders.tests.after_sale_scenes import SCENES as SCENES_AFTER_SALES
from orders.tests.scenes import CHANGING as CHANGING_ORDERS
from orders.tests.scenes import SCENES as SCENES_OF_ORDERS
from payments.tests.memory_provider import use_memory_provider
from payments.tests.scenes import CHANGING as CHANGING_PAYMENTS
from payments.tests.scenes import SCENES as SCENES_OF_PAYMENTS
from soukloop.core.models import IdempotencyRecord
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db

Arguments = dict[str, Any]
PERIODIC = {"timestamp": 0}
LONG_AGO = timedelta(days=400)
_IGNORED = (ProcrastinateEvent, ViewerSample)  # the latter has a row for each minute
STATEMENTS_MAX = 60  # at which a task is made to fail, one after the other
_RANDOM = re.compile(r"gAAAA\S+|[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]+")


def own_job(name: str) -> Arguments:
    arguments: Arguments = ProcrastinateJob.objects.filter(task_name=name).latest("pk").args
    return arguments


def code() -> Arguments:
    otp.send_code(identifier=str(make_user().email), ip="192.0.2.1")
    return own_job("accounts.deliver_code")


def deleted_writer() -> Arguments:
    writer, product = make_user(), make_product()
    open_conversation(
        actor=writer, other_user_id=product.seller_id, product_id=product.pk, initial_message="Hello"
    )
    delete_account(actor=writer, password=PASSWORD)
    User.objects.filter(pk=writer.pk).update(password="!")  # random letters otherwise
    return own_job("notifications.remove_name")


def deleted_picture() -> Arguments:
    return {"sender_id": str(make_user().pk), "name": f"chat/{uuid4()}/deleted.jpg"}


def old_login() -> Arguments:
    for _ in range(3):
        RefreshFamily.objects.create(user=make_user(), current_jti="x", rotated_at=timezone.now() - LONG_AGO)
    return PERIODIC


def product_without_upload() -> Arguments:
    return {"product_id": str(make_product().pk)}


def views() -> Arguments:
    for product in (make_product(), make_product()):
        for _ in range(3):
            view_counts.record_view(product.pk, viewer_id=uuid4(), ip="", user_agent="")
    return PERIODIC


def inactive_products() -> Arguments:
    for _ in range(2):
        make_product(status=Product.Status.INACTIVE)
    return PERIODIC


def old_view_batch() -> Arguments:
    ViewBatch.objects.create(id=uuid4())
    ViewBatch.objects.update(applied_at=timezone.now() - LONG_AGO)
    return PERIODIC


def sold_favorite() -> Arguments:
    product = make_product()
    for _ in range(3):
        add_favorite(actor=make_user(), product_id=product.pk)
    mark_sold(product=Product.objects.get(pk=product.pk))
    return own_job("listings.notify_of_sale")


def cheaper_favorite() -> Arguments:
    product = make_product(price="100")
    for _ in range(3):
        add_favorite(actor=make_user(), product_id=product.pk)
    update_product(actor=product.seller, product_id=product.pk, changes={"price": Decimal(80)})
    return own_job("listings.notify_of_price_drop")


def old_price() -> Arguments:
    cheaper_favorite()
    PriceChange.objects.update(changed_at=timezone.now() - LONG_AGO)
    return PERIODIC


def titles() -> Arguments:
    make_product(title="Retro walkman")
    return PERIODIC


def announced_stream() -> Arguments:
    seller = make_seller(location=DUBAI_MARINA)
    for _ in range(3):
        follow(make_user(), seller)
        make_user(location=DUBAI_MARINA)
    stream = make_stream(seller=seller, notify_neighborhood=True)
    streams.go_live(actor=seller, stream_id=stream.pk, camera_ready=True, checklist_complete=True)
    return {"stream_id": str(stream.pk)}


def scheduled_stream() -> Arguments:
    stream = make_stream(scheduled_at=timezone.now() + timedelta(days=1))
    for _ in range(3):
        follow(make_user(), stream.seller)
    return {"stream_id": str(stream.pk)}


def ended_stream(**fields: Any) -> Stream:
    now = timezone.now()
    stream = make_live_stream(started_at=now - timedelta(hours=2), **fields)
    Stream.objects.filter(pk=stream.pk).update(
        status=Stream.Status.ENDED, ended_at=now - timedelta(hours=1), key_digest=""
    )
    return stream


def stream_without_recording() -> Arguments:
    return {"stream_id": str(ended_stream().pk)}


def unrecorded_stream() -> Arguments:
    return {"stream_id": str(ended_stream(record_stream=False).pk)}


def viewers() -> Arguments:
    make_live_stream()
    return PERIODIC


def lost_publisher() -> Arguments:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    make_publisher(make_live_stream(started_at=an_hour_ago), connected_at=an_hour_ago)
    return PERIODIC


def forgotten_replay() -> Arguments:
    stream = ended_stream()
    Replay.objects.filter(stream=stream).update(updated_at=timezone.now() - timedelta(hours=1))
    return PERIODIC


def withdrawn_replay() -> Arguments:
    stream = ended_stream()
    Replay.objects.filter(stream=stream).update(state="withdrawn", withdrawn_at=timezone.now())
    return {"stream_id": str(stream.pk)}


def missed_withdrawal() -> Arguments:
    stream = ended_stream(end_reason=Stream.EndReason.STAFF)
    Replay.objects.filter(stream=stream).update(state="ready")
    return PERIODIC


def clip_without_video() -> Arguments:
    stream = ended_stream()
    Replay.objects.filter(stream=stream).update(state="withdrawn", withdrawn_at=timezone.now())
    return {"clip_id": str(Clip.objects.create(stream=stream, start_seconds=0, end_seconds=5).pk)}


def old_announcement() -> Arguments:
    announced_stream()
    Announcement.objects.update(created_at=timezone.now() - LONG_AGO)
    return PERIODIC


def notification_batch() -> Arguments:
    content: Arguments = {"kind": "badge_given", "params": {}, "data": {}, "actor_id": None}
    people = [str(make_user().pk) for _ in range(5)]
    return {"batch_id": str(uuid4()), "user_ids": people, "content": content}


def old_notification_batch() -> Arguments:
    WrittenBatch.objects.create(id=uuid4(), written_at=timezone.now() - LONG_AGO)
    return PERIODIC


def new_follower() -> Arguments:
    follower, followed = make_user(), make_user()
    follow(follower, followed)
    return {"follower_id": str(follower.pk), "followed_id": str(followed.pk)}


def old_follow_notice() -> Arguments:
    created_at = timezone.now() - LONG_AGO
    FollowNotice.objects.create(follower=make_user(), followed=make_user(), created_at=created_at)
    return PERIODIC


def unread_for_a_day() -> Arguments:
    three_hours_ago = timezone.now() - timedelta(hours=3)
    for _ in range(2):
        reader = make_user(email_confirmed_at=timezone.now())
        row = Notification.objects.create(user=reader, kind="badge_given", created_at=three_hours_ago)
        # It is morning wherever this test runs.
        hours = (10 - timezone.now().hour + 12) % 24 - 12
        zone = f"Etc/GMT{-hours:+d}" if hours else "UTC"
        NotificationSettings.objects.create(user=row.user, time_zone=zone)
    return PERIODIC


def digests_of_two() -> Arguments:
    unread_for_a_day()
    schedule_digests()
    return own_job("notifications.send_digests")


def changed_password() -> Arguments:
    notify_of_new_password(make_user(email_confirmed_at=timezone.now()))
    return own_job("notifications.send_notice_email")


def due_offers() -> Arguments:
    for offer in (make_offer(), make_offer()):
        Offer.objects.filter(pk=offer.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    return PERIODIC


def low_offers() -> Arguments:
    for _ in range(2):
        product = make_product(price=Decimal(1000), min_offer_price=Decimal(900))
        offer = make_offer(product, price="500.00")
        Offer.objects.filter(pk=offer.pk).update(auto_decline_at=timezone.now() - timedelta(minutes=1))
    return PERIODIC


def offers_between_blocked_people() -> Arguments:
    first = make_offer()
    make_offer(make_product(seller=first.seller), buyer=first.buyer)
    block(first.buyer, first.seller)
    return {"user_id": str(first.buyer_id), "other_id": str(first.seller_id)}


def offers_about_to_expire() -> Arguments:
    for offer in (make_offer(), make_offer()):
        Offer.objects.filter(pk=offer.pk).update(expires_at=timezone.now() + timedelta(minutes=30))
    return PERIODIC


def unordered_sales() -> Arguments:
    make_sale()
    Transaction.objects.update(expires_at=timezone.now() - LONG_AGO)
    return PERIODIC


def stored_responses() -> Arguments:
    for number in range(3):
        record = IdempotencyRecord.objects.create(
            id=UUID(int=number), fingerprint=UUID(int=number), status=201, body=b"{}"
        )
        IdempotencyRecord.objects.filter(pk=record.pk).update(created_at=timezone.now() - LONG_AGO)
    return PERIODIC


def complete_video() -> Arguments:
    video = make_video(
        state="waiting", received=1000
    )  # whose file is lost; others in test_video_processing.py
    return {"video_id": str(video.pk), "owner_id": str(video.owner_id)}


def expired_video() -> Arguments:
    make_video(expires_at=timezone.now() - timedelta(minutes=1))
    return PERIODIC


def nothing() -> Arguments:
    return PERIODIC


# What a task finds: the function makes the rows and returns the job's arguments.
SCENES: dict[str, Callable[[], Arguments]] = {
    "accounts.deliver_code": code,
    "accounts.delete_expired_rows": old_login,
    "chat.delete_picture": deleted_picture,
    "core.delete_expired_responses": stored_responses,
    "core.delete_old_records": nothing,  # Procrastinate's own statement; see test_jobs.py
    "core.reap_stalled_jobs": nothing,  # killed for real in test_jobs.py and test_worker.py
    "listings.delete_old_view_batches": old_view_batch,
    "listings.flush_views": views,
    "listings.make_thumbnail": product_without_upload,
    "listings.delete_old_favorite_notices": old_price,
    "listings.notify_of_price_drop": cheaper_favorite,
    "listings.notify_of_sale": sold_favorite,
    "listings.put_waiting_on_sale": inactive_products,
    "listings.process_video": complete_video,
    "listings.delete_video_files": lambda: {"video_id": str(uuid4()), "owner_id": str(uuid4())},
    "listings.sweep_videos": expired_video,
    "listings.recount_words": titles,
    "livestream.announce_schedule": scheduled_stream,
    "livestream.announce_stream": announced_stream,
    "livestream.delete_old_announcements": old_announcement,
    "livestream.delete_recordings": unrecorded_stream,
    "livestream.drop_publisher": lambda: {"public_id": ended_stream().public_id},
    "livestream.delete_clip_files": lambda: {"public_id": ended_stream().public_id, "clip_id": str(uuid4())},
    "livestream.hide_replay": withdrawn_replay,
    "livestream.make_clip": clip_without_video,
    "livestream.make_replay": stream_without_recording,  # with a recording: test_replays.py
    "livestream.reconcile_publishers": lost_publisher,
    "livestream.resume_pending_replays": forgotten_replay,
    "livestream.sweep_recordings": nothing,
    "livestream.sweep_rooms": viewers,
    "livestream.sweep_withdrawn_replays": missed_withdrawal,
    "notifications.delete_old_batches": old_notification_batch,
    "notifications.delete_old_follow_notices": old_follow_notice,
    "notifications.notify_of_follower": new_follower,
    "notifications.remove_name": deleted_writer,
    "notifications.schedule_digests": unread_for_a_day,
    "notifications.send_digests": digests_of_two,
    "notifications.send_notice_email": changed_password,
    "notifications.write_batch": notification_batch,
    "offers.close_for_people": offers_between_blocked_people,
    "offers.decline_below_minimum": low_offers,
    "offers.expire_due": due_offers,
    "offers.remind_of_expiring": offers_about_to_expire,
    "offers.expire_sales": unordered_sales,
    **SCENES_OF_ORDERS,
    **SCENES_AFTER_SALES,
    **SCENES_OF_PAYMENTS,
}
# Those that must have changed a row, so that a scene that has become empty is noticed.
CHANGING = {
    "accounts.delete_expired_rows",
    "core.delete_expired_responses",
    "listings.delete_old_view_batches",
    "listings.flush_views",
    "listings.process_video",
    "listings.sweep_videos",
    "listings.recount_words",
    "listings.delete_old_favorite_notices",
    "listings.notify_of_price_drop",
    "listings.notify_of_sale",
    "listings.put_waiting_on_sale",
    "livestream.announce_schedule",
    "livestream.announce_stream",
    "livestream.delete_old_announcements",
    "livestream.make_clip",
    "livestream.make_replay",
    "livestream.reconcile_publishers",
    "livestream.resume_pending_replays",
    "livestream.sweep_withdrawn_replays",
    "notifications.delete_old_batches",
    "notifications.delete_old_follow_notices",
    "notifications.notify_of_follower",
    "notifications.remove_name",
    "notifications.schedule_digests",
    "notifications.send_digests",
    "notifications.send_notice_email",
    "notifications.write_batch",
    "offers.close_for_people",
    "offers.decline_below_minimum",
    "offers.expire_due",
    "offers.remind_of_expiring",
    "offers.expire_sales",
    *CHANGING_ORDERS,
    *CHANGING_AFTER_SALES,
    *CHANGING_PAYMENTS,
}


@pytest.fixture(autouse=True)
def no_media_server(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> None:
    """A media server without publishers and recordings; and a payment provider in memory."""
    use_memory_provider(settings)
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(media_server.MediaServer, "publishers", lambda self: {})
    monkeypatch.setattr(media_server.MediaServer, "recordings", lambda self: set())
    monkeypatch.setattr(media_server.MediaServer, "drop", lambda self, public_id: False)


def registered() -> set[str]:
    app.perform_import_paths()
    return {task.name for task in app.tasks.values() if not task.name.startswith(("builtin:", "soukloop."))}


def run(name: str, arguments: Arguments) -> None:
    function = app.tasks[name].func
    if iscoroutinefunction(function):
        async_to_sync(function)(**arguments)
    else:
        function(**arguments)


def rows() -> Counter[Any]:
    """Count all rows by their contents, but for ids, times and numbers, which differ between two scenes."""
    own = {label.split(".")[0] for label in django_settings.INSTALLED_APPS} - {"django"}
    found: Counter[Any] = Counter()
    for model in apps.get_models():
        if model.__module__.split(".")[0] in own and model not in _IGNORED:
            for values in model._default_manager.values():
                shown = (
                    (key, "set" if key.endswith("_id") and value else _comparable(value))
                    for key, value in values.items()
                    if key != "id"
                )
                found[model._meta.label, tuple(sorted((key, value) for key, value in shown if value))] += 1
    return found


def _comparable(value: Any) -> str:
    if isinstance(value, (str, bool)):
        return _RANDOM.sub("?", str(value))
    if value is None:
        return ""
    return str(value) if isinstance(value, int) and value < 10 else "set"


def changes_only_rows(name: str) -> bool:
    """Return whether undoing its statements undoes all that a task does: no keys, files or provider."""
    return name.startswith(("offers.", "orders."))


@contextmanager
def fresh_scene() -> Iterator[None]:
    """Undo all rows and keys of a scene at its end; within another one, only what is added to it."""
    redis_client().flushdb()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


class FailAt:
    """Fail at the n-th statement, as a lost connection would."""

    def __init__(self, statement: int) -> None:
        self.left = statement

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "SAVEPOINT" not in sql:
            self.left -= 1
            if self.left == 0:
                raise OperationalError("the connection was lost")
        return execute(sql, params, many, context)


def test_each_task_has_a_scene() -> None:
    assert registered() == set(SCENES)


@pytest.mark.parametrize("name", sorted(SCENES))
def test_a_task_that_runs_twice_or_fails_half_way_changes_what_one_run_does(name: str) -> None:
    if changes_only_rows(name):  # one scene serves all attempts
        with fresh_scene():
            arguments = SCENES[name]()
            check_attempts(name, lambda: arguments)
    else:
        check_attempts(name, SCENES[name])


def check_attempts(name: str, make_scene: Callable[[], Arguments]) -> None:
    with fresh_scene():
        arguments = make_scene()
        before = rows()
        counter = FailAt(-1)
        with connection.execute_wrapper(counter):
            run(name, arguments)
        expected, statements = rows(), -1 - counter.left
        assert (expected != before) == (name in CHANGING)
        run(name, arguments)
        assert rows() == expected
    for statement in range(1, min(statements, STATEMENTS_MAX) + 1):
        with fresh_scene():
            arguments = make_scene()
            # A task that caught the error would meet the second one only inside this test's transaction.
            errors = suppress(OperationalError, transaction.TransactionManagementError)
            with connection.execute_wrapper(FailAt(statement)), errors:
                run(name, arguments)
            transaction.set_rollback(False)  # the server has not seen the error
            run(name, arguments)
            assert rows() == expected, f"after a failure at statement {statement} of {statements}"
