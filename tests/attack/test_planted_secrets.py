"""Secrets of every form are planted wherever a file can hold one, and searched for in every output.

ATTACK_INPUTS sets their number; the nox session `attack` plants more.
"""

import json
import os
import random
import string
from pathlib import Path

from infra.compose_file.load import read_compose_files
from infra.doctor.examine import examine
from infra.doctor.finding import Finding
from infra.doctor.formats import FORMATS, render_report
from infra.host.recording import load, make_scrubber
from qca.core.config import Config
from qca.core.masking import select_secrets

FACTS = load(Path(__file__).parents[1] / "hosts" / "cpu-engine.json")
INPUTS = int(os.environ.get("ATTACK_INPUTS", "60"))

NAMES = ["DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "API_KEY", "REDIS_AUTH", "MY_PASS"]
FLAGS = ["--requirepass={}", "--masterauth={}", "--requirepass {}", "-requirepass={}"]
PLACES = [
    "command: --maxmemory=1G --proactor_threads=16 {flag}",
    "command: {flag} --maxmemory=1G",
    "command: [--maxmemory=1G, '--proactor_threads=16', {flag_items}]",
    "entrypoint: dragonfly {flag} --maxmemory=1M",
    "environment: {{{name}: {quoted}}}",
    "environment: ['{name}={secret}']",
    "environment: {{DFLY_requirepass: {quoted}, DFLY_maxmemory: 1G}}",
    "labels: {{{name}: {quoted}}}",
    "mem_limit: ${{{name}}}",
    "cpus: ${{{name}}}",
    "ports: ['${{{name}}}:6379']",
    "shm_size: ${{{name}}}",
    "volumes: ['redis://:{secret}@host.example/0:/data']",
    "env_file: ['https://bob:{secret}@host.example/x.env']",
    "extends: {{file: 'bob:{secret}@host.example/x.yml', service: y}}",
    "runtime: {quoted}\n    x-{name}: {quoted}",
]
LETTERS = string.ascii_letters + string.digits + "/+=_.-"


def make_secret(source: random.Random) -> str:
    size = source.randint(12, 40)
    return source.choice(string.ascii_letters) + "".join(source.choices(LETTERS, k=size))


def write_project(folder: Path, source: random.Random, secret: str) -> Path:
    flag, name = source.choice(FLAGS).format(secret), source.choice(NAMES)
    text = source.choice(PLACES[:15]).format(
        flag=flag,
        flag_items=", ".join(f"'{word}'" for word in flag.split()),
        name=name,
        quoted=source.choice([secret, f"'{secret}'", f'"{secret}"']),
        secret=secret,
    )
    (folder / ".env").write_text(f"{name}={secret}\n")
    path = folder / "compose.yaml"
    image = "dragonflydb/dragonfly:v1.40.0"
    path.write_text(f"services:\n  cache:\n    image: {image}\n    {text}\n")
    return path


def render_all(findings: list[Finding]) -> str:
    reports = [
        render_report(format_, findings, FACTS, width=80, color=False) for format_ in FORMATS
    ]
    return "\n".join([*reports, make_scrubber(FACTS).clean(reports[0])])


def test_no_planted_secret_appears_in_any_output(tmp_path):
    source, shown = random.Random(4711), []
    for _ in range(INPUTS):
        secret = make_secret(source)
        path = write_project(tmp_path, source, secret)
        variables = dict([(tmp_path / ".env").read_text().strip().split("=", 1)])
        file = read_compose_files([path], {})
        findings = examine(FACTS, Config(), files=[file], secrets=select_secrets(variables))
        report = render_all(findings)
        if secret in report or json.dumps(secret)[1:-1] in report:
            shown.append((path.read_text(), secret))
    print(f"{INPUTS} secrets planted, {len(shown)} found")
    assert shown == []
