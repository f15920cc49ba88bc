"""Owns what providers do wrong in a drill, as rules for the simulators; drawn, never random by itself."""

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

Rules = tuple[Mapping[str, Any], ...]

_GMAIL: Final = "/gmail/v1/users/[^/]+"
_GMAIL_SEND: Final = f"{_GMAIL}/drafts/send$"
_GMAIL_DRAFT: Final = f"{_GMAIL}/drafts$"
_GMAIL_READ: Final = f"{_GMAIL}/(history|messages)"
_TWILIO_SEND: Final = "/2010-04-01/Accounts/[^/]+/Messages[.]json$"
_SENDS: Final[Mapping[str, str]] = {"gmail": _GMAIL_SEND, "twilio": _TWILIO_SEND}

# Longer than the local stack waits for a send.
_HANG_SECONDS: Final = 8.0
# Shorter than any witness window, so that a sent message can be found in time.
_LATE_SECONDS: Final = 2.0


def draw_one(draw: random.Random, provider: str) -> tuple[str, Rules]:
    """Draws one fault of a provider: its name, and the rules that its simulator is given."""
    names = tuple(_MENUS[provider])
    [name] = draw.choices(names, weights=[_MENUS[provider][name][0] for name in names])
    make = _MENUS[provider][name][1]
    return name, make(draw, _SENDS[provider])


def _throttled(draw: random.Random, path: str) -> Rules:
    return (
        {
            **_post(path, "status", draw.randint(1, 4)),
            "status": 429,
            "headers": {"Retry-After": str(draw.randint(1, 3))},
        },
    )


def _refused(draw: random.Random, path: str) -> Rules:
    return ({**_post(path, "status", draw.randint(1, 2)), "status": 503},)


def _accepted_but_refused(_draw: random.Random, path: str) -> Rules:
    return ({**_post(path, "status", 1), "status": 503, "effect": "before"},)


def _closed_after_accept(draw: random.Random, path: str) -> Rules:
    return (_post(path, "close", draw.randint(1, 2)),)


def _closed_before_accept(_draw: random.Random, path: str) -> Rules:
    return ({**_post(path, "close", 1), "effect": "none"},)


def _hangs(_draw: random.Random, path: str) -> Rules:
    return ({**_post(path, "hang", 1), "seconds": _HANG_SECONDS},)


def _slow(draw: random.Random, path: str) -> Rules:
    return ({**_post(path, "slow", draw.randint(2, 4)), "seconds": 2.0},)


def _seen_late(_draw: random.Random, path: str) -> Rules:
    late = {**_post(path, "late_visibility", 1), "seconds": _LATE_SECONDS}
    return (late, _post(path, "close", 1))


def _draft_refused(draw: random.Random, _path: str) -> Rules:
    return ({**_post(_GMAIL_DRAFT, "status", draw.randint(1, 2)), "status": 503},)


def _reading_refused(draw: random.Random, _path: str) -> Rules:
    return (
        {
            "action": "status",
            "method": "GET",
            "path": _GMAIL_READ,
            "status": 503,
            "times": draw.randint(1, 3),
        },
    )


def _push_lost(draw: random.Random, _path: str) -> Rules:
    return ({"action": "lose_callback", "only": "push", "times": draw.randint(1, 2)},)


def _push_repeated(draw: random.Random, _path: str) -> Rules:
    times = draw.randint(1, 4)
    return ({"action": "duplicate_callback", "only": "push", "copies": 3, "times": times},)


def _status_lost(draw: random.Random, _path: str) -> Rules:
    return ({"action": "lose_callback", "only": "sent", "times": draw.randint(2, 6)},)


def _callback_repeated(draw: random.Random, _path: str) -> Rules:
    return ({"action": "duplicate_callback", "copies": 3, "times": draw.randint(3, 8)},)


def _callback_late(draw: random.Random, _path: str) -> Rules:
    seconds = round(draw.uniform(2.0, 8.0), 1)
    return ({"action": "delay_callback", "seconds": seconds, "times": draw.randint(3, 8)},)


def _post(path: str, action: str, times: int) -> dict[str, Any]:
    return {"action": action, "method": "POST", "path": path, "times": times}


_Make = Callable[[random.Random, str], Rules]
_BOTH: Final[Mapping[str, tuple[float, _Make]]] = {
    "429 with Retry-After": (3, _throttled),
    "503": (2, _refused),
    "503 after accept": (2, _accepted_but_refused),
    "close after accept": (3, _closed_after_accept),
    "close before accept": (2, _closed_before_accept),
    "hang after accept": (1, _hangs),
    "slow answer": (2, _slow),
    "close after accept, seen late": (2, _seen_late),
}
_MENUS: Final[Mapping[str, Mapping[str, tuple[float, _Make]]]] = {
    "gmail": {
        **_BOTH,
        "503 for drafts": (1, _draft_refused),
        "503 for reading": (2, _reading_refused),
        "push lost": (2, _push_lost),
        "push repeated": (2, _push_repeated),
    },
    "twilio": {
        **_BOTH,
        "status callback lost": (2, _status_lost),
        "callback repeated": (2, _callback_repeated),
        "callback late": (2, _callback_late),
    },
}
