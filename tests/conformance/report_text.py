"""The page of a report as its tags, its text and its data, for the tests that open no browser."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags, attributes and the text outside scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.inside, self.data = [], [], "", ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script" and not self.data:
            self.data = data
        elif self.inside not in ("script", "style"):
            self.text.append(data)


def unpack(page):
    return json.loads(zlib.decompress(b64decode(page.data), wbits=31))
