"""Background jobs about orders: what expires, completes or is asked by time, and closed accounts."""

from uuid import UUID

from procrastinate.contrib.django import app

from orders.services import buying, closing
from soukloop.core.jobs.retries import task


@app.periodic(cron="* * * * * */20")
@task("orders.expire_due", queueing_lock="orders.expire_due")
def expire_due(timestamp: int) -> None:
    """Mark unpaid orders as expired and publish that; they count as expired even before this job runs."""
    buying.expire_due_orders()


@app.periodic(cron="* * * * *")
@task("orders.complete_due", queueing_lock="orders.complete_due")
def complete_due(timestamp: int) -> None:
    """Complete the orders whose time for complaints is over, so that their sellers get their shares."""
    closing.complete_due_orders()


@app.periodic(cron="*/10 * * * *")
@task("orders.cancel_unsent", queueing_lock="orders.cancel_unsent")
def cancel_unsent(timestamp: int) -> None:
    """Cancel and refund the paid orders that were neither handed over nor sent in time."""
    closing.cancel_unsent_orders()


@app.periodic(cron="*/10 * * * *")
@task("orders.ask_about_meetings", queueing_lock="orders.ask_about_meetings")
def ask_about_meetings(timestamp: int) -> None:
    """Ask both sides of orders in person that have waited for a week."""
    closing.ask_about_meetings()


@task("orders.close_for_person")
def close_for_person(user_id: str) -> None:
    """Cancel the orders of a closed account that it can't carry out any more."""
    closing.cancel_orders_of_person(UUID(user_id))
