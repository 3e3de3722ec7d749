"""QCA712: services that never become ready; what happens was run with Compose 2.40."""

import pytest

from infra.doctor.analysis.image_health import list_awaited_images
from infra.doctor.finding import Finding
from infra.host.facts import EngineAnswers, ImageDetails, Known, Unknown
from tests.support.hosts import compose_file, host, one
from tests.support.verdicts import ERROR, INFO, OK, SKIPPED, WARNING, judge_file


def _judge_pair(folder, condition: str, other: str, has_check: bool | None = None) -> Finding:
    """Judge a service that waits for `other`, whose image has or lacks a health check."""
    text = f"services: {{app: {{image: app, depends_on: {{db: {condition}}}}}, db: {{{other}}}}}\n"
    details = None if has_check is None else ImageDetails({}, has_health_check=has_check)
    answers = EngineAnswers(images={"example/db": Known(value=details)})
    return one(host(), "QCA712", files=[compose_file(folder, text)], engine_answers=answers)


HEALTHY = "{condition: service_healthy}"
TEST = "healthcheck: {test: [CMD, redis-cli, ping]}"


@pytest.mark.parametrize(
    ("other", "has_check", "severity", "says"),
    [
        # Flagsmith/flagsmith 5197, raffomania/ties 290: the health check was removed.
        ("image: redis:8.2", None, ERROR, "has no health check"),
        ("image: 'docker.io/library/postgres:17'", None, ERROR, "has no health check"),
        ("image: example/db, healthcheck: {disable: true}", None, ERROR, "is disabled"),
        ("image: example/db, healthcheck: {test: [NONE]}", True, ERROR, "is disabled"),
        ("image: example/db", False, ERROR, "the image example/db has one"),
        ("image: example/db", True, OK, "no service waits"),
        (f"image: redis, {TEST}", None, OK, ""),
        ("image: redis, healthcheck: {test: redis-cli ping}", None, OK, ""),
        ("image: example/db", None, SKIPPED, "the image example/db was not examined"),
        ("image: example/db, healthcheck: {interval: 5s}", None, SKIPPED, "not examined"),
        ("build: .", None, SKIPPED, "the image that is built"),
        ("extends: {file: missing.yml, service: x}", None, SKIPPED, "that it extends"),
    ],
)
def test_a_health_check_that_is_waited_for(tmp_path, other, has_check, severity, says):
    finding = _judge_pair(tmp_path, HEALTHY, other, has_check)

    assert finding.severity is severity
    assert says in finding.message


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Unknown(reason="permission denied"), "example/db was not examined: permission denied."),
        (Known(value=None), "example/db was not examined."),
    ],
)
def test_an_image_without_details_is_not_judged(tmp_path, answer, says):
    waiting = f"{{image: app, depends_on: {{db: {HEALTHY}}}}}"
    file = compose_file(tmp_path, f"services: {{app: {waiting}, db: {{image: example/db}}}}\n")
    answers = EngineAnswers(images={"example/db": answer})

    finding = one(host(), "QCA712", files=[file], engine_answers=answers)

    assert finding.severity is SKIPPED
    assert says in finding.message


@pytest.mark.parametrize(
    ("db", "images"),
    [
        ("image: db", ["db"]),
        ("image: db, healthcheck: {interval: 5s}", ["db"]),
        ("image: db, healthcheck: {disable: true}", []),
        (f"image: db, {TEST}", []),
        ("image: db, build: .", []),
        ("build: .", []),
    ],
)
def test_an_image_matters_if_the_file_does_not_decide_its_health_check(tmp_path, db, images):
    waiting = f"{{image: app, depends_on: {{db: {HEALTHY}}}}}"

    file = compose_file(tmp_path, f"services: {{app: {waiting}, db: {{{db}}}}}\n")

    assert [*list_awaited_images(file)] == images


@pytest.mark.parametrize(
    ("restart", "severity"),
    [("always", ERROR), ("unless-stopped", ERROR), ("on-failure", OK), ("'no'", OK)],
)
def test_a_service_that_is_started_again_never_completes(tmp_path, restart, severity):
    condition = "{condition: service_completed_successfully}"
    finding = _judge_pair(tmp_path, condition, f"image: alpine, restart: {restart}")

    assert finding.severity is severity


@pytest.mark.parametrize("condition", ["{condition: service_started}", "{required: false}"])
def test_only_a_start_needs_no_health_check(tmp_path, condition):
    assert _judge_pair(tmp_path, condition, "image: redis").severity is OK


def test_a_service_that_is_not_started_is_not_waited_for(tmp_path):
    condition = "{condition: service_healthy, required: false}"
    finding = _judge_pair(tmp_path, condition, "image: redis, profiles: [x]")

    assert finding.severity is OK


@pytest.mark.parametrize(
    ("test", "severity", "says"),
    [
        ("[CMD, redis-cli ping]", WARNING, "no program 'redis-cli ping'"),
        # toptal/haste-server 401
        ("[CMD, curl, -f, 'http://x', '||', exit, '1']", WARNING, "'||' reaches curl"),
        # docker/docs 10058, donknap/dpanel 257
        ("[CMD-SHELL, wget, -q, 'http://x']", WARNING, "runs only 'wget'"),
        ("CMD redis-cli ping", WARNING, "looks for a program CMD"),
        ("[CMD-SHELL, CMD-SHELL redis-cli ping]", WARNING, "a program CMD-SHELL"),
        # docker/compose 10155
        ("[CMD, mysql, -p$$PASSWORD]", WARNING, "'-p$PASSWORD' reaches mysql"),
        ("[CMD, sh, -c, 'redis-cli -a $$PASSWORD ping || exit 1']", OK, ""),
        ("[CMD, /bin/bash, -c, 'test $$X', '||']", OK, ""),
        ("[CMD-SHELL, 'curl -f http://x || exit 1']", OK, ""),
        ("curl -f http://x || exit 1", OK, ""),
        ("[CMD, grep, -q, '|', /etc/x]", OK, ""),
        ("[CMD, /healthcheck.sh]", OK, ""),
        ("[NONE]", OK, ""),
    ],
)
def test_the_words_of_a_health_check(tmp_path, test, severity, says):
    text = f"services: {{a: {{image: x, healthcheck: {{test: {test}}}}}}}\n"
    finding = judge_file(tmp_path, "QCA712", text)

    assert finding.severity is severity
    assert says in finding.message


def test_a_health_check_that_always_fails_stops_those_who_wait_for_it(tmp_path):
    check = "healthcheck: {test: [CMD, redis-cli ping]}"

    assert _judge_pair(tmp_path, HEALTHY, f"image: redis, {check}").severity is ERROR


def test_a_dormant_service_is_only_mentioned(tmp_path):
    text = "services: {a: {image: x, profiles: [p], healthcheck: {test: [CMD, a b]}}}\n"

    assert judge_file(tmp_path, "QCA712", text).severity is INFO
