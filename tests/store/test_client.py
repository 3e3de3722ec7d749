import pytest

from qca.core.errors import InputError
from qca.store.client import connect, read_password


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "no line"), ("--port=6379\n", "no line"), (None, "No such file")],
)
def test_a_flag_file_without_password_is_refused(tmp_path, text, complaint):
    file = tmp_path / "store.flags"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_password(file)


def test_the_password_is_read_from_dragonflys_flag_file(tmp_path):
    file = tmp_path / "store.flags"
    file.write_text("--port=6379\n--requirepass=s3cret\n")
    assert read_password(file) == "s3cret"


def test_a_wrong_store_url_is_refused():
    with pytest.raises(InputError, match="--store"):
        connect("ftp://somewhere")
