"""The admin's screens of soukloop.core, and what makes a row for each."""

from procrastinate.contrib.django.models import ProcrastinateJob

from soukloop.core.tests.factories import make_job

SCREENS = {ProcrastinateJob: make_job}
