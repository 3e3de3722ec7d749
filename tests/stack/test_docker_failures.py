"""The causes of failed pulls, builds and starts, from lines that Docker and pip printed."""

import pytest

from infra.stack.docker_failures import STARTING, find_failure, list_image_causes

BUILD = list_image_causes("--base-image")
DIAL = 'Head "https://registry-1.docker.io/v2/nosuch/img/manifests/1": dial tcp'


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        (f"{DIAL}: lookup registry-1.docker.io on 10.0.0.53:53: no such host", "check the image's"),
        (f"{DIAL} 192.0.2.1:443: connect: connection refused", "The registry did not answer"),
        (f"{DIAL} 192.0.2.1:443: i/o timeout", "The registry did not answer"),
        (
            'Get "https://registry.example/v2/": tls: failed to verify certificate: x509: '
            "certificate signed by unknown authority",
            "does not trust the registry's certificate",
        ),
        (
            "ERROR: pull access denied for nosuch/img, repository does not exist or may require "
            "'docker login'",
            "no such image",
        ),
        (
            "manifest for dragonfly:v9 not found: manifest unknown: manifest unknown",
            "no such image",
        ),
        (
            "ERROR: failed to solve: nosuch/img:1: docker.io/nosuch/img:1: not found",
            "no such image",
        ),
        ("toomanyrequests: You have reached your pull rate limit.", "docker login"),
        ("write /var/lib/docker/tmp/x: no space left on device", "docker system df"),
        (
            "#9 11.17 Caused by SSLError(SSLCertVerificationError(1, '[SSL: "
            "CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate",
            "stack.ca_bundle",
        ),
        (
            "NameResolutionError: Failed to resolve 'pypi.org' ([Errno -3] Temporary failure in "
            "name resolution)",
            "qca doctor --deep",
        ),
    ],
)
def test_the_advice_fits_the_cause(line, advice):
    failure = find_failure(["#3 resolving", line, "ERROR: failed to build"], BUILD)
    assert failure is not None
    assert failure.line in line
    assert advice in failure.hint


def test_the_line_is_shown_without_the_step_of_the_build():
    failure = find_failure(["#3 ERROR: failed to do request: no such host"], BUILD)
    assert failure is not None
    assert failure.line == "failed to do request: no such host"


@pytest.mark.parametrize(
    "line", ["sh: 1: gcc: not found", "ModuleNotFoundError: No module named 'x'", "exit code: 1"]
)
def test_another_failure_has_no_advice(line):
    assert find_failure([line], BUILD) is None


def test_a_port_that_is_taken_meanwhile_names_the_option():
    line = "driver failed: Bind for 127.0.0.1:6379 failed: port is already allocated"
    failure = find_failure([line], STARTING)
    assert failure is not None
    assert "--store-port" in failure.hint
