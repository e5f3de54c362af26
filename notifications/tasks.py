"""Background jobs that write notifications."""

from datetime import datetime
from typing import Any
from uuid import UUID

from procrastinate.contrib.django import app

from notifications.services import digests, followers, inbox, notice_emails, notify
from soukloop.core.jobs.retries import task


@task("notifications.write_batch")
def write_batch(*, batch_id: str, user_ids: list[str], content: dict[str, Any]) -> None:
    """Write one batch of a notification to many people."""
    notify.write_batch(
        batch_id=UUID(batch_id), user_ids=[UUID(user_id) for user_id in user_ids], content=content
    )


@task("notifications.remove_name", aliases=["chat.remove_name"])
def remove_name(user_id: str) -> None:
    """Remove the name of a deleted account from other people's notifications."""
    inbox.remove_name(user_id=UUID(user_id))


@task("notifications.notify_of_follower")
def notify_of_follower(follower_id: str, followed_id: str) -> None:
    """Notify a person of a new follower."""
    followers.notify_of_follower(follower_id=UUID(follower_id), followed_id=UUID(followed_id))


@app.periodic(cron="44 3 * * *")
@task("notifications.delete_old_follow_notices", queueing_lock="notifications.delete_old_follow_notices")
def delete_old_follow_notices(timestamp: int) -> None:
    """Delete the records of followers whom people were notified of over a day ago."""
    followers.delete_old_notices()


@app.periodic(cron="46 3 * * *")
@task("notifications.delete_old_batches", queueing_lock="notifications.delete_old_batches")
def delete_old_batches(timestamp: int) -> None:
    """Delete the records of batches that were written over a week ago."""
    notify.delete_old_batches()


@app.periodic(cron="*/5 * * * *")
@task("notifications.schedule_digests", queueing_lock="notifications.schedule_digests")
def schedule_digests(timestamp: int) -> None:
    """Enqueue the daily email of unread notifications for those whose morning has come."""
    digests.schedule_digests()


@task("notifications.send_notice_email")
def send_notice_email(notification_id: str) -> None:
    """Email one notice about the safety of an account."""
    notice_emails.send_notice_email(notification_id=UUID(notification_id))


# After all other jobs: one-time codes don't wait for 200,000 emails.
@task("notifications.send_digests", priority=-10)
def send_digests(user_ids: list[str], scheduled_at: str) -> None:
    """Email a batch of people what they haven't read."""
    digests.send_digests(
        user_ids=[UUID(user_id) for user_id in user_ids], scheduled_at=datetime.fromisoformat(scheduled_at)
    )
