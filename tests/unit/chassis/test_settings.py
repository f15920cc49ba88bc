"""Settings come from the environment once; what is missing or wrong is named, and the process ends."""

import pytest

from chassis.settings import ServiceSettings, load

WHOLE = {
    "FTE_DATABASE_URL": "postgresql://fte_identity:hidden@127.0.0.1/fte",
    "APP_PORT": "8083",
    "DAPR_GRPC_PORT": "8103",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FTE_LOCAL_GRPC_PORT", "FTE_API_KEY", "DAPR_API_TOKEN", "APP_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)


def test_a_whole_environment_is_read_and_secrets_are_not_printed() -> None:
    settings = load(ServiceSettings)
    assert (settings.app_port, settings.dapr_grpc_port) == (8083, 8103)
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_missing_setting_is_named_and_the_process_ends(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(SystemExit) as caught:
        load(ServiceSettings)
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"setting {name}: field required\n"


def test_all_that_is_wrong_is_named_at_once_and_no_value_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APP_PORT", "sesame")
    monkeypatch.setenv("FTE_DATABASE_POOL_SIZE", "0")
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    said = capsys.readouterr().err
    assert "setting APP_PORT: " in said
    assert "setting FTE_DATABASE_POOL_SIZE: " in said
    assert "sesame" not in said


def test_a_port_for_local_callers_without_a_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FTE_LOCAL_GRPC_PORT", "8072")
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    assert capsys.readouterr().err == (
        "setting FTE_API_KEY: needed when FTE_LOCAL_GRPC_PORT is set\n"
    )
    monkeypatch.setenv("FTE_API_KEY", "a-key")
    assert load(ServiceSettings).local_grpc_port == 8072


def test_settings_do_not_change() -> None:
    settings = load(ServiceSettings)
    with pytest.raises(ValueError, match="frozen"):
        settings.app_port = 1
