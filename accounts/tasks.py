"""Background jobs: sending one-time codes, and deleting expired rows every night."""

from procrastinate.contrib.django import app

from accounts.services import known_addresses, logins, otp, otp_limits, sms_budget
from soukloop.core.jobs.retries import task


@task("accounts.deliver_code")
def deliver_code(challenge_id: int, nonce: str) -> None:
    """Send a one-time code by email or text message."""
    otp.deliver_code(challenge_id=challenge_id, nonce=nonce)


@app.periodic(cron="41 3 * * *")
@task(
    "accounts.delete_expired_rows",
    aliases=["accounts.forget_old_rows"],
    queueing_lock="accounts.delete_expired_rows",
)
def delete_expired_rows(timestamp: int) -> None:
    """Delete expired refresh families, sessions of staff and codes, and what old limits counted."""
    logins.delete_expired_families()
    logins.delete_expired_staff_sessions()
    otp.delete_expired_challenges()
    otp_limits.delete_old_events()
    known_addresses.delete_old_addresses()
    sms_budget.delete_old_counts()
