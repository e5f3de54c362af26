"""Users, their logins and one-time codes, follows and blocks."""

import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.gis.db.models import PointField
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

PROVEN_OWNER = (
    "It was confirmed by a login of this account or by a recovery, so its recovery keeps the other contact"
)


class UserManager(BaseUserManager["User"]):
    def create_superuser(self, email: str, username: str, password: str, **fields: Any) -> "User":
        """Make a staff account from the command line (`manage.py createsuperuser`)."""
        user = self.model(email=email.lower(), username=username, is_staff=True, is_superuser=True, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(Exact(Lower("email"), Value((username or "").lower())))


class User(AbstractBaseUser, PermissionsMixin):
    """A buyer, seller or staff member. A deleted user remains as an anonymous row that others refer to."""

    class Role(models.TextChoices):
        BUYER = "buyer"
        SELLER = "seller"

    class Language(models.TextChoices):
        EN = "en", "English"
        AR = "ar", "العربية"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # NULL, for a contact that the account does not have, instead of an empty string, because it is unique.
    email = models.EmailField(max_length=254, null=True, blank=True)  # noqa: DJ001
    email_confirmed_at = models.DateTimeField(null=True, blank=True)
    email_has_proven_owner = models.BooleanField(default=False, help_text=PROVEN_OWNER)
    username = models.CharField(max_length=30)
    phone = models.CharField(max_length=16, null=True, blank=True, help_text="E.164")  # noqa: DJ001
    phone_confirmed_at = models.DateTimeField(null=True, blank=True)
    phone_has_proven_owner = models.BooleanField(default=False, help_text=PROVEN_OWNER)
    full_name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.BUYER)
    language = models.CharField(
        max_length=2,
        choices=Language,
        default=Language.EN,
        db_default=Language.EN,
        help_text="Of notifications and emails",
    )
    bio = models.CharField(max_length=500, blank=True)
    avatar = models.CharField(max_length=255, blank=True, help_text="Name in the media storage")
    neighborhood = models.CharField(max_length=100, blank=True)
    location = PointField(geography=True, null=True, blank=True, help_text="Home, never shown to others")

    is_active = models.BooleanField(default=True, help_text="Neither banned nor deleted")
    is_staff = models.BooleanField(default=False)
    # Computed by PostgreSQL, so that it cannot disagree with the contacts.
    is_verified = models.GeneratedField(
        expression=Q(email_confirmed_at__isnull=False)  # type: ignore[arg-type]  # Django takes a Q too
        | Q(phone_confirmed_at__isnull=False),
        output_field=models.BooleanField(),
        db_persist=True,
        help_text="Email or phone confirmed with a code",
    )
    has_verified_badge = models.BooleanField(default=False, help_text="Identity checked by staff")
    banned_at = models.DateTimeField(null=True, blank=True)
    ban_reason = models.CharField(max_length=500, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    rating_sum = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Of the reviews about this person that are shown"
    )
    rating_count = models.PositiveIntegerField(default=0, db_default=0)
    token_version = models.PositiveIntegerField(default=0, help_text="A token of another version is refused")
    last_login = None  # the contract names it last_login_at
    last_login_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["username"]

    class Meta:
        constraints = (
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
            models.UniqueConstraint(Lower("username"), name="user_username_once"),
            models.UniqueConstraint(fields=["phone"], name="user_phone_once"),
            models.CheckConstraint(
                condition=Q(is_active=True, banned_at=None, deleted_at=None)
                | Q(Q(banned_at__isnull=False) | Q(deleted_at__isnull=False), is_active=False),
                name="user_active_unless_closed",
            ),
            models.CheckConstraint(
                condition=Q(email__isnull=False) | Q(email_confirmed_at=None),
                name="user_confirmed_email_exists",
            ),
            models.CheckConstraint(
                condition=Q(phone__isnull=False) | Q(phone_confirmed_at=None),
                name="user_confirmed_phone_exists",
            ),
            models.CheckConstraint(
                condition=Q(rating_sum__gte=F("rating_count"), rating_sum__lte=F("rating_count") * 5),
                name="user_rating_from_1_to_5",
            ),
        )
        indexes = (
            models.Index(fields=["-created_at"]),
            # For excluding the few inactive users from audiences of 100,000.
            models.Index(fields=["id"], condition=Q(is_active=False), name="user_inactive"),
        )

    def __str__(self) -> str:
        return f"@{self.username}"

    # Both are compared with what a session of the admin holds: whatever ends a person's logins ends that too.

    def get_session_auth_hash(self) -> str:
        return f"{super().get_session_auth_hash()}:{self.token_version}"

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for key_hash in super().get_session_auth_fallback_hash():
            yield f"{key_hash}:{self.token_version}"


class RefreshFamily(models.Model):
    """One login: its current pair of tokens and the previous refresh token, each by its `jti`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="refresh_families")
    current_jti = models.CharField(max_length=32)
    previous_jti = models.CharField(max_length=32, blank=True)
    is_current_used = models.BooleanField(
        default=False, help_text="An access token of the current pair was used at least once"
    )
    rotated_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=120, blank=True, help_text="Shown to the person's devices")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "refresh families"
        indexes = (models.Index(fields=["rotated_at"]),)


class OtpChallenge(models.Model):
    """The latest one-time code for an email or phone, whether or not an account has it.

    Guesses are compared with a value in Redis and counted in PostgreSQL, so that losing Redis's data allows
    no additional guesses.
    """

    identifier = models.CharField(max_length=254, unique=True)
    nonce = models.CharField(max_length=32, help_text="Changes with each code")
    encrypted_code = models.CharField(
        max_length=200, blank=True, help_text="Empty once the code was used or voided"
    )
    network = models.CharField(
        max_length=45, blank=True, help_text="The address that asked for the code; empty if several did"
    )
    guesses = models.PositiveSmallIntegerField(
        default=0, help_text="Wrong ones from the address that asked for the code"
    )
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(guesses__lte=5), name="otp_five_guesses"),)


class OtpEvent(models.Model):
    """A code that was sent or a wrong guess; the daily limits are counted from these rows."""

    class Kind(models.TextChoices):
        SEND = "send"
        WRONG_GUESS = "wrong_guess"

    kind = models.CharField(max_length=12, choices=Kind)
    identifier = models.CharField(max_length=254)
    network = models.CharField(max_length=45)
    is_network_known = models.BooleanField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = (
            models.Index(fields=["identifier", "kind", "created_at"]),
            models.Index(fields=["network", "kind", "created_at"]),
        )


class KnownAddress(models.Model):
    """An address from which somebody proved to own an identifier, by a right password or code.

    Strangers cannot use up the limits that apply to these. Only a keyed hash of both is kept.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    last_used_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "known addresses"


class SmsCount(models.Model):
    """The number of text messages sent to a country on a day (UTC)."""

    country = models.CharField(max_length=2)
    day = models.DateField()
    sent = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["country", "day"], name="sms_count_once"),)


class Follow(models.Model):
    follower = models.ForeignKey(User, models.CASCADE, related_name="following")
    followed = models.ForeignKey(User, models.CASCADE, related_name="followers")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["follower", "followed"], name="follow_once"),
            models.CheckConstraint(condition=~Q(follower=models.F("followed")), name="follow_somebody_else"),
        )
        indexes = (models.Index(fields=["followed", "-created_at"]),)


class Mute(models.Model):
    """The muter gets no notification that the muted person causes; the muted person isn't told."""

    muter = models.ForeignKey(User, models.CASCADE, related_name="mutes_made")
    muted = models.ForeignKey(User, models.CASCADE, related_name="mutes_received")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["muter", "muted"], name="mute_once"),
            models.CheckConstraint(condition=~Q(muter=models.F("muted")), name="mute_somebody_else"),
        )


class Block(models.Model):
    """Hides two people from each other, whichever of them made it."""

    blocker = models.ForeignKey(User, models.CASCADE, related_name="blocks_made")
    blocked = models.ForeignKey(User, models.CASCADE, related_name="blocks_received")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["blocker", "blocked"], name="block_once"),
            models.CheckConstraint(condition=~Q(blocker=models.F("blocked")), name="block_somebody_else"),
        )
        indexes = (models.Index(fields=["blocked"]),)
