from django.db import migrations, models

COPY = """
UPDATE accounts_user SET
    email_has_proven_owner = email_confirmed_at IS NOT NULL,
    phone_has_proven_owner = phone_confirmed_at IS NOT NULL
WHERE has_proven_owner
"""
HELP = "It was confirmed by a login of this account or by a recovery, so its recovery keeps the other contact"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_ends_and_use_of_logins")]

    operations = [
        migrations.AddField(
            "user", "email_has_proven_owner", models.BooleanField(default=False, help_text=HELP)
        ),
        migrations.AddField(
            "user", "phone_has_proven_owner", models.BooleanField(default=False, help_text=HELP)
        ),
        migrations.RunSQL(COPY, migrations.RunSQL.noop),
        migrations.RemoveField("user", "has_proven_owner"),
    ]
