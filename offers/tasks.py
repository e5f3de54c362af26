"""Background jobs about offers: expiry, reminders, closed accounts and blocks."""

from uuid import UUID

from procrastinate.contrib.django import app

from offers.services import closing, sales
from soukloop.core.jobs.retries import task


@app.periodic(cron="* * * * * */20")
@task("offers.expire_due", queueing_lock="offers.expire_due")
def expire_due(timestamp: int) -> None:
    """Mark due offers as expired and publish that; they count as expired even before this job runs."""
    closing.expire_due_offers()


@app.periodic(cron="* * * * * */20")
@task("offers.expire_sales", queueing_lock="offers.expire_sales")
def expire_sales(timestamp: int) -> None:
    """Cancel the sales that were not ordered in time; they count as cancelled even before this job runs."""
    sales.expire_due_sales()


@app.periodic(cron="* * * * * */5")
@task("offers.decline_below_minimum", queueing_lock="offers.decline_below_minimum")
def decline_below_minimum(timestamp: int) -> None:
    """Decline the offers below the seller's minimum price whose random waiting time has passed."""
    closing.decline_offers_below_minimum()


@task("offers.close_for_people")
def close_for_people(user_id: str, other_id: str | None = None) -> None:
    """Decline the pending offers of a closed account, or between two users after a block."""
    closing.close_offers_for_people(UUID(user_id), UUID(other_id) if other_id else None)


@app.periodic(cron="* * * * *")
@task("offers.remind_of_expiring", queueing_lock="offers.remind_of_expiring")
def remind_of_expiring(timestamp: int) -> None:
    """Remind users of offers that expire soon and that they have not answered."""
    closing.remind_of_expiring_offers()
