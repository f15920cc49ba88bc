"""What holds for every test: property tests count cases, never milliseconds."""

from hypothesis import settings

settings.register_profile("counts", deadline=None)
settings.load_profile("counts")
