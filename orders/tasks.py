"""Background jobs about orders: what expires, completes or is asked by time, and closed accounts."""

from uuid import UUID

from procrastinate.contrib.django import app

from orders.services import buying, closing, reviews, shipping
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


@app.periodic(cron="7 * * * *")
@task("orders.track_parcels", queueing_lock="orders.track_parcels")
def track_parcels(timestamp: int) -> None:
    """Ask the carriers which parcels were delivered, if CARRIER_STATUS_URL is set."""
    shipping.track_parcels()


@app.periodic(cron="*/10 * * * *")
@task("orders.assume_delivered", queueing_lock="orders.assume_delivered")
def assume_delivered(timestamp: int) -> None:
    """Count parcels as delivered of which nothing was heard for two weeks."""
    shipping.assume_delivered()


@app.periodic(cron="*/5 * * * *")
@task("orders.publish_reviews", queueing_lock="orders.publish_reviews")
def publish_reviews(timestamp: int) -> None:
    """Publish the reviews whose other side did not write in time; they are shown even before that."""
    reviews.publish_due_reviews()


@task("orders.close_for_person")
def close_for_person(user_id: str) -> None:
    """Cancel the orders of a closed account that it can't carry out any more."""
    closing.cancel_orders_of_person(UUID(user_id))
