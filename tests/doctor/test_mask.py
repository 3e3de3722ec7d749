"""Secrets are masked in findings, but not the words that happen to be the same."""

from infra.doctor.examine import examine
from tests.support.hosts import compose_file, config, host

POSTGRES = """\
services:
  cache: {image: valkey/valkey:8, command: [--requirepass, valkey], working_dir: valkey}
  postgres:
    image: docker.io/library/postgres:16
    environment: {POSTGRES_PASSWORD: postgres, TOKEN: %s}
    volumes: ['./x:data']
"""


def _examine(folder, token: str) -> list[str]:
    file = compose_file(folder, POSTGRES % token)
    return [finding.message for finding in examine(host(), config(), files=[file])]


def test_the_name_of_a_service_is_shown_although_its_password_is_the_same_word(tmp_path):
    messages = _examine(tmp_path, "a1b2c3d4")

    assert any(message.startswith("Service postgres: the mount point") for message in messages)
    assert any("working directory 'valkey'" in message for message in messages)
    assert not any("***" in message for message in messages)


def test_a_password_that_is_a_word_of_a_message_does_not_hide_it(tmp_path):
    (advice,) = [one for one in _examine(tmp_path, "secret") if "`TOKEN`" in one]

    assert "Then change the secret" in advice


def test_a_secret_in_a_message_is_masked(tmp_path):
    file = compose_file(tmp_path, POSTGRES % "a1b2c3d4" + "    restart: a1b2c3d4\n")

    messages = [finding.message for finding in examine(host(), config(), files=[file])]

    assert any("'***' is not a restart policy" in message for message in messages)
    assert not any("a1b2c3d4" in message for message in messages)


def test_a_service_that_is_not_read_is_said_to_be_unknown_without_a_mask(tmp_path):
    text = "services: {a: {extends: {file: missing.yml, service: b}}}\n"

    findings = examine(host(), config(), files=[compose_file(tmp_path, text)])

    (unknown,) = [finding.message for finding in findings if finding.id == "QCA804"]
    assert "***" not in unknown
