"""The current user's own account: profile and avatar."""

from functools import partial
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import hooks
from accounts.access import lock_open_account
from accounts.contacts import CONTACTS, is_confirmed
from accounts.models import User
from accounts.services.contacts import CONFIRMATION_FIELDS, reset_confirmation
from accounts.services.passwords import check_current_password
from accounts.services.registration import check_available, save_unique
from soukloop.core.errors import ValidationFailed
from soukloop.core.images import delete_image, store_image
from soukloop.core.images.earlier import with_sizes

AVATAR_SIDE = 512


def update_profile(*, actor: User, current_password: str | None, **changes: Any) -> User:
    """Change the actor's profile; a new email or phone requires the password and is unconfirmed.

    Without the password, a stolen access token would be enough to change the email and then reset the
    password. Raises ValidationFailed, Conflict (email_taken, username_taken, phone_taken), and as
    `lock_open_account` does.
    """
    with transaction.atomic():
        user = lock_open_account(actor.pk)
        changed = [field for field, value in changes.items() if getattr(user, field) != value]
        changed_contacts = [contact for contact in CONTACTS if contact in changed]
        earlier = {
            contact: (getattr(user, contact), is_confirmed(user, contact)) for contact in changed_contacts
        }
        if changed_contacts:
            if current_password is None:
                message = _("Enter your current password to change email or phone.")
                raise ValidationFailed(details={"current_password": [message]})
            check_current_password(user, current_password, "current_password")
        for field in changed:
            setattr(user, field, changes[field])
        for contact in changed_contacts:
            reset_confirmation(user, contact)
        check_available(user, [field for field in (*CONTACTS, "username") if field in changed])
        if changed:
            save_unique(user, update_fields=[*changed, *CONFIRMATION_FIELDS, "updated_at"])
            user.refresh_from_db(fields=["is_verified"])
        for contact in changed_contacts:
            address, was_confirmed = earlier[contact]
            if address:
                hooks.contact_changed(user, contact, address, "removed", was_confirmed)
            if new_address := getattr(user, contact):
                hooks.contact_changed(user, contact, new_address, "added", False)
        return user


def set_avatar(*, actor: User, upload: "UploadedFile[Any]") -> User:
    """Replace the actor's avatar; raises as `store_image` and `lock_open_account`."""
    image = store_image(upload, folder="avatars", max_side=AVATAR_SIDE)
    try:
        return _replace_avatar(actor, image.name)
    except Exception:
        delete_image(image.name)
        raise


def remove_avatar(*, actor: User) -> User:
    return _replace_avatar(actor, "")


def add_sizes_to_avatars() -> int:
    """Store the avatars of earlier versions again, with smaller sizes; return how many people's were."""
    changed = 0
    for user_id, name in User.objects.exclude(avatar="").values_list("pk", "avatar").iterator():
        new_name = with_sizes(name)
        # Unless the avatar was replaced meanwhile.
        if new_name and User.objects.filter(pk=user_id, avatar=name).update(avatar=new_name):
            delete_image(name)
            changed += 1
        elif new_name:
            delete_image(new_name)
    return changed


def _replace_avatar(actor: User, name: str) -> User:
    with transaction.atomic():
        user = lock_open_account(actor.pk)
        transaction.on_commit(partial(delete_image, user.avatar), robust=True)
        user.avatar = name
        user.save(update_fields=["avatar", "updated_at"])
        return user
