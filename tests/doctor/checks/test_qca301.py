"""QCA301: what is offered where the threads need more memory than Dragonfly has."""

from infra.doctor.finding import Finding, Severity
from tests.support.hosts import compose_file, engine, host, judge

SIXTEEN = host(docker=engine(cpus=16))


def _judge_service(folder, release: str, *lines: str) -> Finding:
    head = f"services:\n  cache:\n    image: dragonflydb/dragonfly:{release}\n"
    file = compose_file(folder, head + "".join(f"    {line}\n" for line in lines))
    (finding,) = [one for one in judge(SIXTEEN, "QCA301", files=[file]) if one.location]
    assert finding.severity is Severity.ERROR, finding.message
    return finding


def test_fewer_threads_or_more_memory(tmp_path):
    finding = _judge_service(tmp_path, "v1.38.0", "command: --maxmemory=2G")

    assert [remedy.automatic for remedy in finding.remedies] == [True, False]
    assert "--proactor_threads=8" in finding.remedies[0].title
    assert "--maxmemory=4G" in finding.remedies[1].title


def test_a_cpu_limit_that_overrides_the_flag_is_lowered(tmp_path):
    command = "command: --maxmemory=300mb --proactor_threads=1"

    finding = _judge_service(tmp_path, "v1.34.1", "cpus: 2", command)

    assert "which overrides --proactor_threads=1" in finding.message
    more, lower = finding.remedies
    assert "--maxmemory=512M" in more.title
    assert lower.title.startswith("Set the CPU limit to 1 at ")
    assert [edit.new for edit in lower.edits] == [("    cpus: 1",)]


def test_a_cpu_limit_that_stands_as_a_quota_is_lowered_by_hand(tmp_path):
    finding = _judge_service(tmp_path, "v1.34.1", "cpu_quota: 200000", "command: --maxmemory=300mb")

    assert finding.remedies[1].title == "Set the CPU limit of service cache to 1"
