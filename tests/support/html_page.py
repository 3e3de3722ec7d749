"""Parse a page, and check that its tags are closed in the right order."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "source"}
INLINE = {"code"}


class Page(HTMLParser):
    """A parser that fails on tags that are not closed in the right order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [value for key, value in attrs if key == "id" and value]
        links = [given.get(key) for key in ("src", "href", "xlink:href")]
        self.loads += [link for link in links if link and not link.startswith(("#", "data:"))]
        if tag not in VOID:
            self.open.append(tag)
        if tag not in INLINE:
            self.text += " "

    def handle_startendtag(self, tag, attrs):
        if tag not in VOID:
            self.handle_starttag(tag, attrs)
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "svg"} & set(self.open):
            self.text += data
