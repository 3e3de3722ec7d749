"""The report as annotations of a GitHub workflow."""

from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Location, Severity
from infra.doctor.formats.github import render_github
from tests.support.hosts import compose_file, config, engine, host


def _make_finding(message: str, severity: Severity = Severity.ERROR) -> Finding:
    location = Location("a,b.yml", 7)
    return Finding(
        "QCA301", "dragonfly", severity, "A, title: 100%", message, {}, (), "u", location
    )


def test_an_annotation_is_one_line_that_github_reads_back():
    line = render_github([_make_finding("50% of\nit :: is, fine")])

    assert line == (
        "::error file=a%2Cb.yml,line=7,title=QCA301 A%2C title%3A 100%25::"
        "50%25 of%0Ait :: is, fine\n"
    )


def test_annotations_of_every_severity_but_ok():
    findings = [_make_finding("x", severity) for severity in Severity]

    levels = [line.split()[0] for line in render_github(findings).splitlines()]

    assert sorted(levels) == ["::error", "::notice", "::notice", "::warning"]


def test_a_file_is_annotated_on_its_line(tmp_path):
    text = (
        "services:\n  cache:\n    image: dragonflydb/dragonfly\n"
        "    command: --maxmemory=2G --proactor_threads=16\n"
    )
    file = compose_file(tmp_path, text)

    report = render_github(examine(host(docker=engine(cpus=16)), config(), files=[file]))

    assert f"::error file={file.path},line=4,title=QCA301" in report
