"""Settings by what they are about; every environment variable is explained in `.env.example`."""

from soukloop.settings.api import *
from soukloop.settings.app_links import *
from soukloop.settings.authentication import *
from soukloop.settings.base import *
from soukloop.settings.environment import *
from soukloop.settings.limits import *
from soukloop.settings.logs import *
from soukloop.settings.mail import *
from soukloop.settings.marketplace import *
from soukloop.settings.media import *
from soukloop.settings.observability import *
from soukloop.settings.payments import *
from soukloop.settings.push import *
from soukloop.settings.security import *
from soukloop.settings.stores import *
