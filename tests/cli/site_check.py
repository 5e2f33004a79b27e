"""Reads the index of a site and checks it: elements are nested and closed, ids are unique, every link leads to a file
of the site, nothing is loaded from elsewhere. Prints the matrix: ROW<tab>COLUMN<tab>METRIC<tab>VALUE.

  site_check.py DIR
"""
import os
import sys
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "img", "hr"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.bad = [], set(), [], []
        self.scripts = 0
        self.table = self.row = self.column = None
        self.head, self.out, self.text, self.metrics = [], [], "", {}
        self.span = self.label = None

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if "id" in a:
            if a["id"] in self.ids:
                self.bad.append("id twice: " + a["id"])
            self.ids.add(a["id"])
        if tag == "a" and "href" in a:
            self.links.append(a["href"])
        if tag == "script":
            self.scripts += 1
        for name, value in attrs:
            if name.startswith("on") or name == "src" or (name == "href" and tag != "a" and value != "data:,"):
                self.bad.append(f"<{tag} {name}={value}>")
        if tag == "label" and a.get("for", "").startswith("m"):
            self.label, self.text = a["for"], ""
        if a.get("id") == "matrix":
            self.table = "head"
        if self.table and tag in ("th", "td"):
            self.text = ""
            if tag == "td":
                self.column = (self.column or 0) + 1
        if self.table and tag == "tr":
            self.column = 0
        if self.table and tag == "span" and "data-v" in a:
            self.out.append((self.row, self.column, a["class"].split()[1], a["data-v"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.bad.append(f"</{tag}> closes nothing")
        if tag == "label" and self.label:
            self.metrics[self.label] = self.text
            self.label = None
        if self.table == "head" and tag == "th":
            self.head.append(self.text)
        elif self.table == "body" and tag == "th":
            self.row = self.text
        if self.table and tag == "thead":
            self.table = "body"
        if tag == "table":
            self.table = None

    def handle_data(self, data):
        self.text += data


def main(folder):
    page = Page()
    with open(os.path.join(folder, "index.html"), encoding="utf-8", errors="strict") as f:
        page.feed(f.read())
    page.close()
    if page.open:
        page.bad.append("left open: " + " ".join(page.open))
    if page.scripts != 2:
        page.bad.append(f"{page.scripts} scripts")
    for link in page.links:
        if "/../" in link or not os.path.isfile(os.path.join(folder, link)):
            page.bad.append("no such file: " + link)
    linked = set(page.links)
    for name in os.listdir(os.path.join(folder, "cells")):
        path = os.path.join(folder, "cells", name)
        if "cells/" + name not in linked:
            page.bad.append("not linked: " + name)
        with open(path, encoding="utf-8") as f:
            if '<a href="../index.html">' not in f.read():
                page.bad.append("no way back: " + name)
    if page.bad:
        sys.exit("\n".join(page.bad[:20]))
    for row, column, metric, value in page.out:
        print(row, page.head[column].strip(), page.metrics[metric], value, sep="\t")


main(sys.argv[1])
