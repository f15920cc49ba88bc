"""Ports, secrets and what each process finds in its environment."""

import stat
from pathlib import Path

import pytest

from devstack.environment import load_environment
from devstack.failure import StackError
from devstack.ports import SERVICES, Port, Ports


def test_ports_shift_as_a_whole() -> None:
    ports = Ports.from_environment({"FTE_PORT_BASE": "1000"})
    assert ports[Port.INTAKE_HTTP] == 9080
    assert ports.of("agent", "DAPR_GRPC") == 9102
    assert ports.url(Port.TWILIO) == "http://127.0.0.1:9091"


def test_port_numbers_are_distinct() -> None:
    assert len(set(map(int, Port))) == len(Port)


@pytest.mark.parametrize("base", ["-7048", "24606", "100000", "-9000", "many", "1.5"])
def test_a_shift_out_of_range_is_refused(base: str) -> None:
    with pytest.raises(StackError, match="FTE_PORT_BASE"):
        Ports.from_environment({"FTE_PORT_BASE": base})


@pytest.mark.parametrize("base", ["-7047", "24605", "0", ""])
def test_a_shift_within_range_is_taken(base: str) -> None:
    ports = Ports.from_environment({"FTE_PORT_BASE": base})
    assert all(1024 <= ports[port] <= 32767 for port in Port)


def test_secrets_are_kept_and_private(tmp_path: Path) -> None:
    caller = {"FTE_HOME": str(tmp_path)}
    first, second = load_environment(caller), load_environment(caller)
    assert first.secrets == second.secrets
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_two_homes_share_no_secret(tmp_path: Path) -> None:
    one = load_environment({"FTE_HOME": str(tmp_path / "one")})
    two = load_environment({"FTE_HOME": str(tmp_path / "two")})
    assert not set(one.secrets.values()) & set(two.secrets.values())


def test_damaged_secrets_are_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(StackError, match=r"secrets\.json"):
        load_environment({"FTE_HOME": str(tmp_path)})


def test_the_callers_value_wins(tmp_path: Path) -> None:
    environment = load_environment(
        {"FTE_HOME": str(tmp_path), "FTE_LINK_SECRET": "mine", "FTE_GMAIL_ADDRESS": "a@b.test"}
    )
    assert environment.service("intake")["FTE_LINK_SECRET"] == "mine"
    assert environment.service("delivery")["FTE_GMAIL_ADDRESS"] == "a@b.test"


def test_a_callers_database_does_not_reach_all_services(tmp_path: Path) -> None:
    environment = load_environment(
        {"FTE_HOME": str(tmp_path), "FTE_DATABASE_URL": "postgresql://other/db"}
    )
    urls = {environment.service(name)["FTE_DATABASE_URL"] for name in SERVICES}
    assert len(urls) == len(SERVICES)
    assert all(f"fte_{name}:" in environment.service(name)["FTE_DATABASE_URL"] for name in SERVICES)


def test_simulators_are_the_default(tmp_path: Path) -> None:
    environment = load_environment({"FTE_HOME": str(tmp_path), "FTE_PORT_BASE": "1000"})
    assert environment.twilio_simulated
    assert environment.gmail_simulated
    assert environment.shared["FTE_GMAIL_TOKEN_URL"].startswith("http://127.0.0.1:9092/")


def test_real_credentials_switch_one_simulator_off(tmp_path: Path) -> None:
    environment = load_environment(
        {
            "FTE_HOME": str(tmp_path),
            "FTE_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "FTE_TWILIO_AUTH_TOKEN": "real",
        }
    )
    assert environment.shared["FTE_TWILIO_API_URL"] == "https://api.twilio.com"
    assert not environment.twilio_simulated
    assert environment.gmail_simulated


def test_what_fte_env_exports_changes_nothing_when_read_back(tmp_path: Path) -> None:
    first = load_environment({"FTE_HOME": str(tmp_path), "FTE_PORT_BASE": "1000"})
    second = load_environment(first.exported())
    assert second.shared == first.shared
    assert second.twilio_simulated


def test_the_model_mode_names_the_endpoint(tmp_path: Path) -> None:
    home = {"FTE_HOME": str(tmp_path)}
    assert "offline" in load_environment(home).model_mode
    keyed = load_environment({**home, "FTE_OPENAI_API_KEY": "k", "FTE_OPENAI_MODEL": "m"})
    assert keyed.model_mode.startswith("m at https://")


def test_each_process_gets_only_its_own_passwords(tmp_path: Path) -> None:
    environment = load_environment({"FTE_HOME": str(tmp_path)})
    secrets = environment.secrets
    for name in SERVICES:
        found = " ".join(environment.service(name).values())
        for role in ("INTAKE", "AGENT", "IDENTITY", "DELIVERY", "METRICS"):
            assert (secrets[f"ROLE_FTE_{role}"] in found) == (role.lower() == name)
        assert (secrets["ROLE_FTE_TURN"] in found) == (name == "agent")
        assert secrets["POSTGRES_SUPERUSER"] not in found
        sidecar = " ".join(environment.sidecar(name).values())
        assert (secrets["ROLE_FTE_STATE"] in sidecar) == (name == "agent")
        assert (secrets["ROLE_FTE_METRICS"] in sidecar) == (name == "metrics")


def test_local_listeners_have_port_and_key(tmp_path: Path) -> None:
    environment = load_environment({"FTE_HOME": str(tmp_path)})
    assert environment.service("agent")["FTE_LOCAL_GRPC_PORT"] == "8071"
    assert "FTE_LOCAL_GRPC_PORT" not in environment.service("delivery")
    assert environment.service("intake")["FTE_HTTP_PORT"] == "8080"


def test_the_callers_shell_stays_outside_and_proxies_spare_this_host(tmp_path: Path) -> None:
    environment = load_environment(
        {"FTE_HOME": str(tmp_path), "SECRET_OF_MINE": "x", "HTTPS_PROXY": "http://proxy:1"}
    )
    found = environment.service("agent")
    assert "SECRET_OF_MINE" not in found
    assert found["HTTPS_PROXY"] == "http://proxy:1"
    assert "127.0.0.1" in found["no_proxy"]


def test_each_simulated_mailbox_has_a_token_and_a_service_account_means_google(
    tmp_path: Path,
) -> None:
    caller = {"FTE_HOME": str(tmp_path), "FTE_GMAIL_ADDRESS": "a@b.test,c@b.test"}
    environment = load_environment(caller)
    assert environment.gmail_simulated
    tokens = environment.shared["FTE_GMAIL_REFRESH_TOKEN"].split(",")
    assert len(set(tokens)) == 2
    assert (
        tokens[0] == load_environment({"FTE_HOME": str(tmp_path)}).shared["FTE_GMAIL_REFRESH_TOKEN"]
    )
    real = load_environment({**caller, "FTE_GMAIL_SERVICE_ACCOUNT": "key.json"})
    assert not real.gmail_simulated
