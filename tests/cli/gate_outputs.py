"""Outputs of protea-prof gate of hostile names: PREFIX.txt .md .xml .json .cq.json .err; nothing in them acts."""
import json
import re
import sys
import xml.dom.minidom

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
md = re.sub(r"\n```text\n.*?\n```\n|\n```sh\n.*?\n```\n", "\n", text(".md"), flags=re.S)
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
