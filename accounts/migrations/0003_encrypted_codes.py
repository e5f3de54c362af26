from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_inactive_users")]

    # Codes of the ten minutes before are not delivered any more: nothing could decrypt them.
    operations = [
        migrations.RemoveField("otpchallenge", "sealed_code"),
        migrations.AddField(
            "otpchallenge",
            "encrypted_code",
            models.CharField(
                blank=True, default="", help_text="Empty once the code was used or voided", max_length=200
            ),
            preserve_default=False,
        ),
    ]
