from django.db import migrations, models
from django.db.models import Q

# A verified account may have two contacts, and nothing says which of them was confirmed. Both count as confirmed,
# so that nobody is locked out, and none has a proven owner: the first recovery, by either contact, drops
# the other one, so that whoever confirmed the wrong contact loses the account to whoever holds the right one.
KEEP_CONFIRMED = """
UPDATE accounts_user SET
    email_confirmed_at = updated_at,
    phone_confirmed_at = CASE WHEN phone IS NOT NULL THEN updated_at END
WHERE is_verified AND deleted_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_encrypted_codes")]

    operations = [
        migrations.AddField("user", "email_confirmed_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("user", "phone_confirmed_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "user",
            "has_proven_owner",
            models.BooleanField(
                default=False,
                help_text="A contact was confirmed by a login of this account or by a recovery. Otherwise a "
                "recovery by one contact also drops the other one, even if it is confirmed",
            ),
        ),
        migrations.RunSQL(KEEP_CONFIRMED, migrations.RunSQL.noop),
        migrations.RemoveField("user", "is_verified"),
        migrations.AddField(
            "user",
            "is_verified",
            models.GeneratedField(
                expression=Q(email_confirmed_at__isnull=False) | Q(phone_confirmed_at__isnull=False),
                output_field=models.BooleanField(),
                db_persist=True,
                help_text="Email or phone confirmed with a code",
            ),
        ),
        migrations.AlterField("user", "email", models.EmailField(blank=True, max_length=254, null=True)),
        migrations.AddConstraint(
            "user",
            models.CheckConstraint(
                condition=Q(email__isnull=False) | Q(email_confirmed_at=None),
                name="user_confirmed_email_exists",
            ),
        ),
        migrations.AddConstraint(
            "user",
            models.CheckConstraint(
                condition=Q(phone__isnull=False) | Q(phone_confirmed_at=None),
                name="user_confirmed_phone_exists",
            ),
        ),
    ]
