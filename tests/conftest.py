"""One profile for all properties: how long an example takes depends on the machine and on what is compiled."""

from hypothesis import settings

settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")
