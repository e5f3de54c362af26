from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_daily_limits_of_codes")]

    operations = [
        # True for existing rows: their current tokens may have been used, so that a repeated refresh ends the login.
        migrations.AddField(
            "refreshfamily", "is_current_used", models.BooleanField(default=True), preserve_default=False
        ),
        migrations.AlterField(
            "refreshfamily",
            "is_current_used",
            models.BooleanField(
                default=False, help_text="An access token of the current pair was used at least once"
            ),
        ),
        migrations.AddField(
            "refreshfamily",
            "end_reason",
            models.CharField(blank=True, default="", help_text="Shown to the person's devices", max_length=120),
            preserve_default=False,
        ),
        migrations.AlterField(
            "refreshfamily",
            "end_reason",
            models.CharField(blank=True, help_text="Shown to the person's devices", max_length=120),
        ),
    ]
