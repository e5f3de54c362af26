"""Jobs that watch the clock for offers."""

from uuid import UUID

from procrastinate.contrib.django import app

from offers.services import closing


@app.periodic(cron="* * * * * */20")
@app.task(name="offers.expire_due", queueing_lock="offers.expire_due")
def expire_due(timestamp: int) -> None:
    """Announce the offers whose time is over; that they are expired is true without it."""
    closing.expire_due_offers()


@app.task(name="offers.close_for_people")
def close_for_people(user_id: str, other_id: str | None = None) -> None:
    """Decline the open offers of a closed account, or between two people across a block."""
    closing.close_offers_for_people(UUID(user_id), UUID(other_id) if other_id else None)


@app.periodic(cron="* * * * *")
@app.task(name="offers.remind_of_expiring", queueing_lock="offers.remind_of_expiring")
def remind_of_expiring(timestamp: int) -> None:
    """Remind those who have not answered yet."""
    closing.remind_of_expiring_offers()
