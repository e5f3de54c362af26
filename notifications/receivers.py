"""How notifications react to changes in accounts."""

from accounts import hooks
from notifications.services import account_notices, followers, inbox
from notifications.services.devices import delete_devices_of_login

hooks.account_closed.register(inbox.enqueue_removing_name)
hooks.account_reopened.register(account_notices.notify_of_reopening)
hooks.password_changed.register(account_notices.notify_of_new_password)
hooks.contact_changed.register(account_notices.notify_of_contact)
hooks.badge_given.register(account_notices.notify_of_badge)
hooks.user_followed.register(followers.enqueue_notifying_of_follower)
hooks.logins_ended.register(delete_devices_of_login)
hooks.user_muted.register(inbox.mark_read_of_actor)
hooks.user_blocked.register(inbox.mark_read_between)
