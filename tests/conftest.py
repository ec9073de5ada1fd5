"""What holds for every test: the same examples each time, and no limit on how long one may take."""

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
