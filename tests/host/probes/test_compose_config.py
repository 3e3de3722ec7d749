"""Compose's reason for refusing is quoted without its preceding warnings."""

import pytest

from infra.host.probes.compose_config import find_reason

UNSET = 'time="2026-11-30T12:00:00Z" level=warning msg="The \\"A\\" variable is not set."'


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        (
            f"{UNSET}\ninvalid spec: :/media: empty section between colons\n",
            "invalid spec: :/media: empty section between colons",
        ),
        (
            "decoding failed due to the following error(s):\n\n"
            "'services[a].shm_size' invalid suffix: 'gigs'\n",
            "decoding failed due to the following error(s): "
            "'services[a].shm_size' invalid suffix: 'gigs'",
        ),
        ("WARN[0000] a.yml: `version` is obsolete\nno such service: b\n", "no such service: b"),
        ('level=warning msg="a"\nservices must be a mapping\n', "services must be a mapping"),
        (f"{UNSET}\n", ""),
        ("", ""),
        (
            "panic: interface conversion: interface {} is time.Time, not string\n\ngoroutine 1 "
            "[running]:\nmain.main()\n\tgithub.com/docker/compose/cmd/main.go:98 +0x19e\n",
            "panic: interface conversion: interface {} is time.Time, not string",
        ),
    ],
)
def test_the_reason_of_a_refusal(stderr, reason):
    assert find_reason(stderr) == reason
