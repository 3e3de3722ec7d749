"""Secrets are masked wherever they occur, and ordinary sentences stay unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qca.core.masking import is_secret_name, mask_secrets, select_secrets

SECRET = "hun/ter2,x"

FORMS = [
    "--requirepass={}",
    "--requirepass {}",
    "-requirepass {}",
    "--requirepass='{}'",
    '--requirepass="{} with space"',
    '["--maxmemory=2G", "--requirepass", "{}"]',
    "['--requirepass', '{}']",
    "--masterauth={} --x=1",
    "DFLY_requirepass={}",
    "DFLY_PASSWORD={}",
    "- AWS_SECRET_ACCESS_KEY={}",
    "environment: {{AWS_SECRET_ACCESS_KEY: {0}, API_TOKEN: {0}}}",
    '"apiKey": "{}"',
    "export CI_DEPLOY_TOKEN={}",
    "SSH_KEY={}",
    "tcp://bob:{}@host:2376",
    "https://{}@host/x".replace("{}", "ghp_abcdefgh"),
    "redis://:{}@127.0.0.1:6379/0",
    "ssh://bob:{}@host",
    "x=1https://bob:{}@host",
    "bob:{}@host.example",
    "https://host/path?user=x&token={}",
    "https://host/path?X-Amz-Signature={}",
    "Authorization: Bearer {}".replace("{}", "abcdef123456"),
    "redis-cli -a {} ping",
    '["CMD", "redis-cli", "-a", "{}", "ping"]',
    '["redis-cli","-a","{}"]',
    "[redis-cli, -a, {}]",
    "redis-cli -a {0}; redis-cli -a '{0}'",
    "--pass {}",
]

ORDINARY = [
    "Service cache: add --requirepass, or keep it off the network.",
    "dragonflydb/dragonfly:v1.40.0@sha256:0123456789abcdef",
    "https://registry.example:5000/a/b@sha256:0123456789abcdef",
    "ssh://bob@host.example",
    "git@github.com:owner/repository.git",
    "PWD=/home/user OLDPWD=/tmp",
    "compose.yaml:5: unknown key 'x'; key: value",
    "POSTGRES_PASSWORD_FILE=/run/secrets/postgres",
    "services.a.secrets: not a list",
    "TOKEN_TTL=3600 tokenizer=bpe",
    "--requirepass --maxmemory=2G",
]


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form(form):
    text = form.format(SECRET)
    masked = mask_secrets(text)
    assert "***" in masked
    for part in (SECRET, "hun/", "ter2", "ghp_", "abcdef", "space"):
        assert part not in masked, masked


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_text_is_unchanged(text):
    assert mask_secrets(text) == text


def test_the_text_around_a_secret_is_unchanged():
    masked = mask_secrets('command: --maxmemory=2G --requirepass="a b" --port=1')
    assert masked == "command: --maxmemory=2G --requirepass=*** --port=1"
    assert mask_secrets("tcp://bob:pw@host:2376/x") == "tcp://bob:***@host:2376/x"


def test_a_known_secret_is_masked_in_any_sentence_also_quoted_for_a_url():
    known = select_secrets({"CI_DEPLOY_TOKEN": "a b/c-d", "HOME": "/home", "X_TOKEN": "true"})
    assert mask_secrets("who@host:a b/c-d.git", known) == "who@host:***.git"
    assert mask_secrets("https://host/a%20b%2Fc-d", known) == "https://host/***"
    assert mask_secrets("/home is true", known) == "/home is true"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("MYSQL_ROOT_PASSWORD", True),
        ("secretAccessKey", True),
        ("DB_PASS", True),
        ("GITHUB_PAT", True),
        ("SENTRY_DSN", True),
        ("stripe-api-key", True),
        ("PATH", False),
        ("KEYBOARD", False),
        ("AUTHOR", False),
        ("COMPOSE_FILE", False),
        ("PASSENGER", False),
    ],
)
def test_names_of_secrets(name, secret):
    assert is_secret_name(name) is secret


@given(
    st.text("abcXYZ0189/+=_.,:@!%-", min_size=8, max_size=40).filter(lambda one: one[0] != "-"),
    st.sampled_from([form for form in FORMS if "{}" in form]),
)
def test_no_part_of_any_secret_is_left(secret, form):
    assert secret not in mask_secrets(form.replace("{}", secret))


REPEATED = {
    "a word": "a",
    "a word with dashes": "a-",
    "a name of a secret": "key_",
    "a user": "a:b",
    "a scheme": "a://",
    "an image's digest": "a:b@sha256:",
    "an image's digest after a scheme": "a://b@sha256:",
    "a client without a password": "redis-cli ",
    "a client's flag": "redis-cli -a",
    "half a web token": "eyJabcdefgh-",
    "an open quote": 'token="\\\n',
    "spaces": "Bearer     ",
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", REPEATED.values(), ids=REPEATED)
def test_a_megabyte_takes_no_longer_than_its_length(part):
    """Half of these texts took minutes when a pattern searched the rest of the text from every
    position."""
    text = part * (1_000_000 // len(part))
    assert "hunter2" not in mask_secrets(f"{text}\n--token=hunter2")


@pytest.mark.parametrize("part", ["a", "a-", "key_", "a:b", "a://"])
def test_a_long_word_is_unchanged(part):
    assert mask_secrets(part * 10_000) == part * 10_000
