"""The credential helpers in config.json that are missing."""

from pathlib import Path

import pytest

from infra.host.probes.credential_helpers import find_missing_helpers


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        (None, ()),
        ("{}", ()),
        ('{"credsStore": "there"}', ()),
        ('{"credsStore": "desktop"}', ("docker-credential-desktop",)),
        (
            '{"credsStore": "desktop", "credHelpers": {"a.io": "b", "c.io": "there"}}',
            ("docker-credential-b", "docker-credential-desktop"),
        ),
        ('{"credsStore": 7, "credHelpers": ["x"]}', ()),
        ("[]", ()),
        ("not JSON", None),
    ],
)
def test_a_helper_must_be_on_path(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: str | None,
    missing: tuple[str, ...] | None,
) -> None:
    (tmp_path / "docker-credential-there").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    if config is not None:
        (tmp_path / "config.json").write_text(config)

    assert find_missing_helpers() == missing
