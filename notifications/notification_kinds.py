"""Kinds of notification about the account itself and about followers."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from notifications.kinds import Kind, declare_kind

_WEEK = timedelta(days=7)
_CONTACTS = {"email": _("email address"), "phone": _("phone number")}
_EMAIL = {"contact": {"label": "email"}, "address": "n•••@example.com"}

PASSWORD_CHANGED = declare_kind(
    Kind(
        name="password_changed",
        label=_("New passwords"),
        when="The password of your account was changed or reset",
        title=_("Your password was changed"),
        body=_("If it wasn't you, reset the password now: that logs everybody else out."),
        link="account/security",
        collapse_key="password",
        is_mandatory=True,
        is_pushed=False,
        example_params={},
        example_data={},
    )
)
CONTACT_ADDED = declare_kind(
    Kind(
        name="contact_added",
        label=_("Contacts added to your account"),
        when="An email address or phone number was added to your account, not yet confirmed",
        title=_("A new %(contact)s was added to your account"),
        body=_("%(address)s. If it wasn't you, change your password now."),
        labels=_CONTACTS,
        link="account/security",
        collapse_key="contact:{contact}",
        replaces_unread=True,
        is_urgent=True,
        is_mandatory=True,
        expires_after=_WEEK,
        example_params=_EMAIL,
        example_data={"contact": "email"},
    )
)
CONTACT_CONFIRMED = declare_kind(
    Kind(
        name="contact_confirmed",
        label=_("Contacts you can log in with"),
        when="A second email address or phone number was confirmed, so that one can log in with it",
        title=_("You can now log in with a new %(contact)s"),
        body=_("%(address)s. If it wasn't you, change your password now."),
        labels=_CONTACTS,
        link="account/security",
        collapse_key="contact:{contact}",
        replaces_unread=True,
        is_urgent=True,
        is_mandatory=True,
        expires_after=_WEEK,
        example_params=_EMAIL,
        example_data={"contact": "email"},
    )
)
CONTACT_REMOVED = declare_kind(
    Kind(
        name="contact_removed",
        label=_("Contacts removed from your account"),
        when="An email address or phone number was removed from your account",
        title=_("Your %(contact)s was removed from your account"),
        body=_("%(address)s. If it wasn't you, change your password now."),
        labels=_CONTACTS,
        link="account/security",
        collapse_key="contact_removed:{contact}",
        is_urgent=True,
        is_mandatory=True,
        expires_after=_WEEK,
        example_params=_EMAIL,
        example_data={"contact": "email"},
    )
)
ACCOUNT_REOPENED = declare_kind(
    Kind(
        name="account_reopened",
        label=_("Lifted bans"),
        when="The ban of your account was lifted",
        title=_("Your account is open again"),
        body=_("Your products are listed again. Welcome back."),
        link="account",
        collapse_key="account",
        is_mandatory=True,
        is_pushed=False,
        example_params={},
        example_data={},
    )
)
BADGE_GIVEN = declare_kind(
    Kind(
        name="badge_given",
        label=_("Verified badge"),
        when="Our staff gave you the badge for a verified identity",
        title=_("You have the verified badge"),
        body=_("Our staff have verified your identity. People now see the badge beside your name."),
        link="account",
        collapse_key="badge",
        expires_after=_WEEK,
        example_params={},
        example_data={},
    )
)
FOLLOWER_NEW = declare_kind(
    Kind(
        name="follower_new",
        label=_("New followers"),
        when="Somebody follows you; several are one notification until you read it",
        title=ngettext_lazy(
            "%(actor)s follows you", "%(count)d new followers, the latest is %(actor)s", "count"
        ),
        body=_("Tap to see the profile."),
        link="users/{user_id}",
        collapse_key="followers",
        replaces_unread=True,
        expires_after=timedelta(days=2),
        example_params={"actor": "@omar", "count": 1},
        example_data={"user_id": "c1a2f4de-52b5-4f4b-9d3e-6a3c1f1b2c3d", "count": 1},
    )
)
