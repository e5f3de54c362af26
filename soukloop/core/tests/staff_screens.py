"""The admin screens of soukloop.core, each with a factory of its rows."""

from procrastinate.contrib.django.models import ProcrastinateJob

from soukloop.core.tests.factories import make_job

SCREENS = {ProcrastinateJob: make_job}
