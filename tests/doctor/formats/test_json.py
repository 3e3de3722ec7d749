"""The JSON report: one document that matches the schema."""

import json

import jsonschema
from click.testing import CliRunner

from infra.doctor.examine import examine
from infra.host.recording import record
from qca.cli import cli
from tests.support.doctor_reports import SCHEMA, write_json
from tests.support.hosts import SEEDS_STACK, compose_file, config, engine, host, seeds_laptop

TOO_MANY_THREADS = (
    "services:\n  cache:\n    image: dragonflydb/dragonfly\n"
    "    command: --maxmemory=2G --proactor_threads=16\n"
)


def test_the_published_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_json_matches_the_schema(tmp_path):
    file = compose_file(tmp_path, "services:\n  a:\n    image: dragonflydb/dragonfly\n")
    facts = seeds_laptop()
    findings = examine(facts, config(SEEDS_STACK), files=[file])

    document = json.loads(write_json(findings, facts))

    jsonschema.validate(document, SCHEMA)
    assert sum(document["summary"].values()) == len(document["findings"]) == len(findings)
    assert any(finding["location"] for finding in document["findings"])
    assert any(finding["remedies"] for finding in document["findings"])


def test_a_remedy_that_edits_a_file_has_a_diff(tmp_path):
    (tmp_path / "c.yml").write_text(TOO_MANY_THREADS)
    (tmp_path / "h.json").write_text(record(host(docker=engine(cpus=16))))

    words = ["doctor", "--facts", str(tmp_path / "h.json"), "-f", str(tmp_path / "c.yml")]
    done = CliRunner().invoke(cli, [*words, "--format", "json"])

    document = json.loads(done.output)
    jsonschema.validate(document, SCHEMA)
    assert any(remedy["diff"] for f in document["findings"] for remedy in f["remedies"])


def test_json_of_a_mostly_unknown_host():
    facts = host(docker="hung", gpu="hung", system="hung", python="hung")

    document = json.loads(write_json(examine(facts, config()), facts))

    jsonschema.validate(document, SCHEMA)
    assert document["host"]["docker"] is None
    assert document["summary"]["skipped"] >= 4
