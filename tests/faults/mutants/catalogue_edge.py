"""Bugs at the edge: in keys and limits, in what is kept and shown, in patience, and in the channels' switches."""

from tests.faults.mutants.mutant import Mutant, caught_in

_ACCESS = "services/intake/adapters/http/access.py"
_ACCESS_TESTS = "tests/unit/intake/test_intake_access.py"
_KEYS = "services/intake/adapters/api_keys.py"
_KEY_TESTS = "tests/integration/test_api_keys.py"
_CONNECTIONS = "services/intake/adapters/http/connections.py"
_SLOW_TESTS = "tests/integration/test_slow_clients.py"

EDGE = (
    Mutant(
        "key-works-after-its-revocation",
        "A revoked key ends at once.",
        _KEYS,
        "    WHERE key_hash = $1 AND revoke_time IS NULL AND",
        "    WHERE key_hash = $1 AND",
        caught_in(_KEY_TESTS, "test_a_revoked_key_ends_at_once"),
    ),
    Mutant(
        "key-never-ends",
        "A key ends with its time, the one that was rotated too.",
        _KEYS,
        "AND (expire_time IS NULL OR expire_time > now())\n",
        "\n",
        caught_in(_KEY_TESTS, "test_a_key_ends_with_its_time"),
    ),
    Mutant(
        "key-scope-ignored",
        "A key does only what its scopes allow.",
        _ACCESS,
        "            if needed.value not in holder.scopes:\n",
        "            if False:\n",
        caught_in(_ACCESS_TESTS, "test_a_key_does_only_what_its_scopes_allow"),
    ),
    Mutant(
        "address-taken-from-the-client",
        "An address has a limit: whoever invents addresses has none.",
        _ACCESS,
        "return forwarded[-proxies] if",
        "return forwarded[0] if",
        caught_in(_ACCESS_TESTS, "test_what_a_client_says_of_its_own_address_does_not_count"),
    ),
    Mutant(
        "limit-holds-webhooks-up",
        "What a provider sends is taken however much it is.",
        _ACCESS,
        'UNLIMITED = ("/webhooks/", "/health")',
        'UNLIMITED = ("/health",)',
        caught_in(_ACCESS_TESTS, "test_an_address_has_a_limit_before_any_key_is_looked_at"),
    ),
    Mutant(
        "lookup-kept-over-a-link",
        "A link or merge ends a kept lookup at once.",
        "services/intake/adapters/customer_lookup.py",
        "        if self._clock() >= until:\n            return False\n",
        "        if self._clock() < until:\n            return True\n",
        caught_in("tests/unit/intake/test_intake_rest.py", "test_a_link_or_merge_ends_it_at_once"),
    ),
    Mutant(
        "known-address-answered-sooner",
        "Nobody learns from the form's answer whether an address is known.",
        "services/intake/adapters/inbox.py",
        '        if message.assurance == "claimed":\n',
        "        if False:\n",
        caught_in(
            "tests/integration/test_known_and_unknown.py",
            "test_a_form_with_a_known_address_is_answered_like_any_other",
        ),
    ),
    Mutant(
        "dark-provider-makes-health-fail",
        "A dark provider is no reason to take the whole system out of service.",
        "services/intake/adapters/http/health.py",
        "503 if failing else 200",
        '503 if failing or any(c["breaker"] != "closed" for c in channels.values()) else 200',
        caught_in(
            "tests/unit/intake/test_intake_rest.py",
            "test_a_dark_provider_or_a_disabled_channel_is_shown_and_is_no_503",
        ),
    ),
    Mutant(
        "slow-header-kept",
        "A client that sends its header a byte at a time is dropped.",
        _CONNECTIONS,
        "        if self._waits_for_header() and taken > patience.header_seconds:\n",
        "        if False:\n",
        caught_in(_SLOW_TESTS, "test_slow_header_is_dropped"),
    ),
    Mutant(
        "slow-reader-kept",
        "A client that does not read its answer is dropped.",
        _CONNECTIONS,
        "            if unread > self._unread - LEAST_READ_BYTES:\n",
        "            if False:\n",
        caught_in(_SLOW_TESTS, "test_slow_reader_is_dropped"),
    ),
    Mutant(
        "switch-ignored",
        "On a channel that is switched off nothing is sent.",
        "services/delivery/application/send_due.py",
        "            if self._enabled(channel)\n",
        "",
        caught_in(
            "tests/unit/delivery/test_other_channels.py",
            "test_on_a_disabled_channel_nothing_is_claimed",
        ),
    ),
    Mutant(
        "switch-forgotten-at-a-restart",
        "A channel that is off stays off while intake is away.",
        "services/delivery/adapters/channel_switches.py",
        "        await self._ledger.keep_switch(channel, enabled=enabled)\n",
        "",
        caught_in(
            "tests/integration/test_delivery_channels.py",
            "test_a_switch_is_remembered_over_a_restart_without_intake",
        ),
    ),
)
