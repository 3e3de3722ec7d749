"""A record names no users and can be read back, and errors in a file have their position."""

import json
import pwd
import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from infra.host.anonymize import Identity, Scrubber
from infra.host.facts import ContainerPort, EngineImage, HostFacts, Known, Unknown
from infra.host.recording import load, record
from qca.core.errors import InputError
from qca.core.masking import is_secret_name

EXAMPLE = Path(__file__).parent.parent / "hosts" / "gpu-workstation.json"
ANA = Identity(home="/home/ana", users=("ana",), hosts=("ana-thinkpad.lan", "ana-thinkpad"))

TEXTS = {
    "the home folder": ("/home/ana/.docker/run/docker.sock", "~/.docker/run/docker.sock"),
    "the home folder alone": ("/home/ana", "~"),
    "in the middle of a sentence": ("open /home/ana/x: denied", "open ~/x: denied"),
    "another one's home": ("/home/ben/bin/docker", "~/bin/docker"),
    "a home that begins alike": ("/home/anabel/x", "~/x"),
    "a Mac's": ("unix:///Users/ben/.colima/docker.sock", "unix://~/.colima/docker.sock"),
    "a Windows home": (r"C:\Users\ben\qca", r"~\qca"),
    "the user name alone": ("no entry for ana", "no entry for user"),
    "the user name in a path": ("/run/media/ana/disk", "/run/media/user/disk"),
    "the user name in another case": ("Ana's", "user's"),
    "not inside of a word": ("banana, anaconda", "banana, anaconda"),
    "the machine's name": ("on ana-thinkpad.lan:", "on this-host:"),
    "and its short form": ("ANA-THINKPAD", "this-host"),
    "a remote host": ("ssh://ana@gpu7.uni.example", "ssh://user@remote-host"),
    "a remote host with a port": ("tcp://gpu7.uni.example:2376", "tcp://remote-host:2376"),
    "a password": ("https://ana:s3cret@proxy.example/", "https://user@remote-host/"),
    "an address": ("lookup on 10.1.2.3:53", "lookup on 192.0.2.1:53"),
    "an address at the end": ("by 10.1.2.3.", "by 192.0.2.1."),
    "an IPv6 address": ("fe80::1c2d", "2001:db8::1"),
    "an IPv6 address in a sentence": ("dial fe80::1c2d: refused", "dial 2001:db8::1: refused"),
    "one in brackets": ("tcp [fe80::1c2d]:2375", "tcp [2001:db8::1]:2375"),
    "a time is no address": ("at 12:30:45", "at 12:30:45"),
    "a network card": ("link 8c:16:45:aa:bb:cc", "link 00:00:5e:00:53:00"),
    "a home elsewhere": ("/export/home/ben/x", "~/x"),
    "a home on a network": ("open /nfs/homes2/ben: denied", "open ~: denied"),
    "a host that has no address": (
        "dial tcp: lookup gpu7.uni.example on 10.1.2.3:53: no such host",
        "dial tcp: lookup remote-host on 192.0.2.1:53: no such host",
    ),
    "a host of ssh's": (
        "ssh: Could not resolve hostname gpu7: Name or service not known",
        "ssh: Could not resolve hostname remote-host: Name or service not known",
    ),
    "a host that refuses": (
        "ben@gpu7.uni.example: Permission denied (publickey)",
        "ben@remote-host: Permission denied (publickey)",
    ),
    "a host of an inner network": ("see registry.corp for it", "see remote-host for it"),
    "an image by digest": ("python:3.13@sha256:ab12", "python:3.13@sha256:ab12"),
    "this machine's own addresses stay": ("127.0.0.1", "127.0.0.1"),
    "also on IPv6": ("::1", "::1"),
    "all addresses": ("0.0.0.0", "0.0.0.0"),
    "localhost stays": ("tcp://localhost:2375", "tcp://localhost:2375"),
    "a kernel of four numbers is no address": ("6.6.87.2-microsoft", "6.6.87.2-microsoft"),
    "a version is no address": ("1.29.2", "1.29.2"),
    "a system folder stays": ("/var/lib/docker", "/var/lib/docker"),
    "a device's id": ("GPU-84cc9674-7c2b-2544-6bd8-c217a8e09d55", "GPU-1"),
    "bytes that are no text": ("/srv/\udcff", "/srv/?"),
}


@pytest.mark.parametrize(("text", "clean"), TEXTS.values(), ids=TEXTS.keys())
def test_identifying_texts_are_removed(text: str, clean: str) -> None:
    assert Scrubber(ANA, [text]).clean(text) == clean


@pytest.mark.parametrize("user", ["root", "docker", "ubuntu", "nvidia", "1000"])
def test_a_generic_name_is_kept(user: str) -> None:
    text = f"unix:///var/run/docker.sock {user} 1000"
    identity = Identity(home=f"/home/{user}", users=(user,), hosts=("localhost",))
    assert Scrubber(identity, [text]).clean(text) == text


def test_a_remote_host_is_removed_from_the_error_too() -> None:
    texts = ["tcp://gpu7.example:2375", "lookup gpu7.example: no such host"]
    scrubber = Scrubber(ANA, texts)
    assert scrubber.clean(texts[1]) == "lookup remote-host: no such host"


def test_a_device_keeps_one_name_in_all_places() -> None:
    first, second = (f"GPU-{digit * 8}-7c2b-2544-6bd8-c217a8e09d55" for digit in "ab")
    scrubber = Scrubber(ANA, [])
    assert [scrubber.clean(one) for one in (first, second, f"nvidia.com/gpu={first}")] == [
        "GPU-1",
        "GPU-2",
        "nvidia.com/gpu=GPU-1",
    ]


def example(**changes: Any) -> HostFacts:
    return replace(load(EXAMPLE), **changes)


# A name such as `_pw` looks like that of a secret, and masks what follows it too.
names = st.from_regex(r"[a-z_][a-z0-9_-]{2,11}", fullmatch=True).filter(
    lambda name: any(letter.isalpha() for letter in name) and not is_secret_name(name)
)


@settings(max_examples=60, deadline=None)
@given(user=names, host=names, where=st.sampled_from(["/home", "/Users", "/data/people"]))
def test_the_recording_user_is_not_named(
    user: str, host: str, where: str, tmp_path_factory: Any
) -> None:
    assume(user not in host and host not in user)
    identity = Identity(home=f"{where}/{user}", users=(user,), hosts=(f"{host}.lan", host))
    texts = (
        f"open {where}/{user}/.docker/config.json as {user} on {host}.lan",
        f"ssh://{user}:hunter2@{host}.lan:22",
    )
    facts = example(system=Unknown(reason=texts[0]), cpu=Unknown(reason=texts[1]))
    text = record(facts, identity)
    written = json.loads(text)
    reasons = [written[name]["reason"] for name in ("system", "cpu")]
    assert reasons == [
        "open ~/.docker/config.json as user on this-host",
        "ssh://user@this-host:22",
    ]
    path = tmp_path_factory.mktemp("record") / "host.json"
    path.write_text(text)
    assert load(path).about  # after all replacements, it is still a valid host


def test_the_users_own_images_are_not_named() -> None:
    own, digest = "acme/secret-project:1", f"registry.acme.lan/shop@sha256:{'1' * 64}"
    images = (
        EngineImage(names=(own, digest), size=1),
        EngineImage(names=("qca-trainer:0123456789ab",), size=2),
    )
    text = record(example(images=Known(value=images)), ANA)

    hidden, shown = (image["names"] for image in json.loads(text)["images"]["value"])
    assert shown == ["qca-trainer:0123456789ab"]
    assert len(hidden) == 2
    assert all(re.fullmatch(r"hidden:[0-9a-f]{12}", name) for name in hidden)


def test_the_users_own_containers_are_not_named() -> None:
    port = ContainerPort(address="", port=80, container="shop-web-1", project="shop")
    assert "shop" not in record(example(container_ports=Known(value=(port,))), ANA)


def test_the_hosts_addresses_are_not_recorded() -> None:
    assert "10.7.0.3" not in record(example(addresses=Known(value=("10.7.0.3",))), ANA)


@pytest.mark.parametrize("user", ["running", "driver", "absent", "work"])
def test_a_user_named_like_a_word_of_the_format_can_record(tmp_path: Path, user: str) -> None:
    path = tmp_path / "host.json"
    path.write_text(record(example(), Identity(home=f"/home/{user}", users=(user,), hosts=())))
    assert load(path) == example()


def test_a_record_of_this_host_can_be_read(tmp_path: Path) -> None:
    from infra.host.collect import collect

    facts = collect(timeout=20, work_dir=tmp_path)
    path = tmp_path / "host.json"
    path.write_text(record(facts))
    again = load(path)
    assert again.cpu == facts.cpu
    assert record(again) == path.read_text()
    assert str(Path.home()) not in path.read_text() or Path.home() == Path("/")


def change(keys: str, value: Any) -> Callable[[Any], None]:
    def apply(document: Any) -> None:
        *way, last = keys.split(".")
        for key in way:
            document = document[int(key) if key.isdecimal() else key]
        if value is ...:
            del document[last]
        else:
            document[last] = value

    return apply


WRONG = {
    "a fact is missing": (change("cpu", ...), "key cpu is missing"),
    "a value is missing": (change("cpu.value.online", ...), "key cpu.value.online is missing"),
    "one of a list": (change("disks.value.1.free", ...), "key disks.value.1.free is missing"),
    "a reason is missing": (change("cpu", {"known": False}), "key cpu.reason is missing"),
    "a key too many": (change("docker.value.bogus", 1), "unknown key docker.value.bogus"),
    "a key too many at the top": (change("bogus", 1), "unknown key bogus"),
    "text for a number": (change("cpu.value.online", "4"), "cpu.value.online: input should be"),
    "an impossible number": (change("cpu.value.online", 0), "cpu.value.online: input should be"),
    "a number without end": (
        change("cpu.value.cgroup_quota", float("inf")),
        "cpu.value.cgroup_quota: input should be a finite number",
    ),
    "an unknown state": (change("docker.value.state", "odd"), "docker.value: input tag 'odd'"),
    "neither known nor unknown": (change("cpu.known", "maybe"), "cpu.known: input should be"),
    "a list for a fact": (change("cpu", []), "cpu: input should be"),
    "another version": (change("schema_version", 2), "schema_version: 2 is not supported"),
    "no version at all": (change("schema_version", None), "schema_version: None is not supported"),
}


@pytest.mark.parametrize(("apply", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_key_is_named(tmp_path: Path, apply: Callable[[Any], None], message: str) -> None:
    document = json.loads(EXAMPLE.read_text())
    apply(document)
    path = tmp_path / "host.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError) as error:
        load(path)
    assert error.value.message.startswith(f"{path}: {message}")
    assert error.value.hint
    assert "\n" not in error.value.message


NOT_FACTS = {
    "no JSON": (b'{"schema_version": 1,\n "about": oops}', ", line 2: Expecting value"),
    "half a file": (b'{"schema_version": 1,', ", line 1: "),
    "an empty file": (b"", ", line 1: Expecting value"),
    "a list": (b"[]", ": not a JSON object"),
    "not text": (b"\xff\xfe{}", ": not UTF-8 text"),
    "nested without end": (b"[" * 100_000, ": "),
    "a number without end": (b'{"schema_version": ' + b"1" * 10_000 + b"}", ": "),
    "a large file": (b" " * (2**20 + 1), ": larger than 1 MiB"),
}


@pytest.mark.parametrize(("content", "message"), NOT_FACTS.values(), ids=NOT_FACTS.keys())
def test_a_file_without_facts_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "host.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        load(path)
    assert error.value.message.startswith(f"{path}{message}")


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.json", "No such file"), ("", "a folder, not a plain file"), ("a\0b", "null byte")],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path / name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(name=st.sampled_from(sorted(field.name for field in fields(HostFacts))), value=json_values)
def test_any_file_is_read_or_refused(name: str, value: Any, tmp_path_factory: Any) -> None:
    document = {**json.loads(EXAMPLE.read_text()), name: value}
    path = tmp_path_factory.mktemp("fuzz") / "host.json"
    path.write_text(json.dumps(document))
    try:
        load(path)
    except InputError as error:
        message = error.message
    else:
        return
    assert message.startswith(str(path))


def test_a_user_without_an_account_has_no_name_to_remove(monkeypatch):
    def find_none(_: int) -> None:
        raise KeyError("uid not found: 12345")

    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", find_none)
    found = Identity.detect()
    assert (found.home, found.users) == ("", ("", ""))
    assert Scrubber(found, []).clean("as it was") == "as it was"
    monkeypatch.setenv("HOME", "/srv/jane")
    assert Identity.detect().users == ("", "jane")
