"""Outputs of protea-prof gate of hostile names: PREFIX.txt .md .xml .json .cq.json .err; nothing in them acts. --html FILE:
the Markdown as it was rendered."""
import json
import re
import sys
import xml.dom.minidom
from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags that are there, rows with their cells, and the texts outside of code."""

    def __init__(self):
        super().__init__()
        self.tags = set()
        self.cells = []
        self.inside = []
        self.plain = ""

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert all(name == "align" or (tag, name) == ("code", "class") for name, _ in attributes), (tag, attributes)
        if tag == "tr":
            self.cells.append(0)
        elif tag in ("td", "th"):
            self.cells[-1] += 1
        if tag in ("code", "pre"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        if not self.inside:
            self.plain += data


if sys.argv[1] == "--html":
    page = Page()
    page.feed(open(sys.argv[2], encoding="utf-8").read())
    known = {"h3", "p", "br", "table", "thead", "tbody", "tr", "th", "td", "strong", "code", "pre", "ul", "li", "details", "summary"}
    assert page.tags <= known, page.tags - known
    assert page.cells and set(page.cells) == {8}, page.cells
    assert "<details>" not in page.plain and "**" not in page.plain, page.plain
    sys.exit()

prefix = sys.argv[1]


def text(suffix):
    with open(prefix + suffix, "rb") as f:
        return f.read().decode("utf-8")  # valid UTF-8, or this fails


def clean(name, t):
    bad = [c for c in t if (ord(c) < 0x20 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2028\u2029\u2066"]
    assert not bad, (name, bad[:5])


for suffix in (".txt", ".md", ".xml", ".err"):
    clean(suffix, text(suffix))
for line in (text(".txt") + text(".md")).split("\n"):
    assert not line.lstrip().startswith("::"), line
    assert "##[" not in line, line
commands = [line for line in text(".err").split("\n") if line.lstrip().startswith("::")]
assert commands and all(re.match(r"::(error|warning|notice) (file=[^,:]*,)?title=[^,:]*::", line) for line in commands), commands
assert "##[" not in text(".err")

# Markdown: what is no code and no block of it has no markup of the names.
md = re.sub(r"\n(```+)(?:text|sh)\n.*?\n\1\n", "\n", text(".md"), flags=re.S)
assert "```" not in md, md
md = re.sub(r"`[^`\n]*`", "", md)
assert "`" not in md
for word in ("<script", "@who", "#1 ", "](", "\\|"):
    assert word not in md.replace("[differential page](", ""), word
tags = set(re.findall(r"</?([a-zA-Z]+)", md))
assert tags <= {"br", "code", "details", "summary"}, tags
for line in text(".md").split("\n"):
    if line.startswith("|"):
        assert line.count("|") in (9, 10), line  # 8 columns

xml.dom.minidom.parse(prefix + ".xml")
d = json.loads(text(".json"))
assert any("<script>" in (r["stage"] or "") for r in d["metrics"])
quality = json.loads(text(".cq.json"))
assert quality
for issue in quality:
    clean("code quality", issue["description"])
