"""Index the failed jobs, of which there are few among the hundred thousands that are kept for a week."""

from django.db import migrations

_FORWARDS = "CREATE INDEX soukloop_jobs_failed ON procrastinate_jobs (task_name) WHERE status = 'failed'"


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_smaller_idempotency_records"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]
    operations = [migrations.RunSQL(_FORWARDS, "DROP INDEX soukloop_jobs_failed")]
