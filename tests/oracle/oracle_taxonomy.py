"""Lineages and the three taxonomy values of a pair (spec 4.7.2, B1, B16)."""
import os
import re
import sqlite3

_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_ASCII_SPACE = " \t\n\r\v\f"
CLOSE = {"same", "ancestor", "descendant", "child", "parent", "close"}


def parse_taxon(text):
    """Taxon of a protein, or None."""
    if text is None:
        return None
    text = text.strip(_ASCII_SPACE)
    if not _INTEGER.match(text):
        return None
    value = int(text)
    if value == 0 or not -2**63 <= value < 2**63:
        return None
    return value


class Taxonomy:
    """Lineages from an explicit dict, from nodes.dmp/merged.dmp, or from an ete3 file."""

    def __init__(self, lineages=None, merged=None):
        self._lineages = lineages or {}
        self._parent = {}
        self._merged = merged or {}

    @classmethod
    def load(cls, path):
        if os.path.isdir(path):
            path = os.path.join(path, "nodes.dmp")
        with open(path, "rb") as f:
            magic = f.read(16)
        return cls._ete3(path) if magic == b"SQLite format 3\0" else cls._dump(path)

    @classmethod
    def _ete3(cls, path):
        tax = cls()
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        for taxid, track in db.execute("SELECT taxid, track FROM species"):
            tax._lineages[int(taxid)] = [int(x) for x in reversed(track.split(","))]
        for old, new in db.execute("SELECT taxid_old, taxid_new FROM merged"):
            tax._merged[int(old)] = int(new)
        db.close()
        return tax

    @classmethod
    def _dump(cls, nodes_path):
        tax = cls()
        with open(nodes_path) as f:
            for line in f:
                fields = [x.strip() for x in line.split("|")]
                tax._parent[int(fields[0])] = int(fields[1])
        merged_path = os.path.join(os.path.dirname(nodes_path), "merged.dmp")
        if os.path.exists(merged_path):
            with open(merged_path) as f:
                for line in f:
                    fields = [x.strip() for x in line.split("|")]
                    tax._merged[int(fields[0])] = int(fields[1])
        return tax

    def lineage(self, taxon):
        """Taxa from the root down to `taxon` (or to what it was merged into); None if unknown."""
        if taxon in self._lineages:
            return self._lineages[taxon]
        if taxon in self._parent:
            up = [taxon]
            while self._parent[up[-1]] != up[-1]:
                up.append(self._parent[up[-1]])
            return up[::-1]
        if taxon in self._merged:
            return self.lineage(self._merged[taxon])
        return None

    def pair(self, a, b):
        """(distance or None, common ancestors, relation) of query taxon a and reference taxon b."""
        if a is not None and a == b:
            return 0.0, 1.0, "same"
        lin1 = self.lineage(a) if a is not None else None
        lin2 = self.lineage(b) if b is not None else None
        if lin1 is None or lin2 is None:
            return None, 0.0, "unrelated"
        common = set(lin1) & set(lin2)
        c = len(common)
        last, distance = None, None
        if c > 0:
            last = max(common, key=lin1.index)
            distance = float((len(lin1) - lin1.index(last)) + (len(lin2) - lin2.index(last)))
        return distance, float(c), self._relation(a, b, lin1, lin2, c, last)

    @staticmethod
    def _relation(a, b, lin1, lin2, c, last):
        if a in lin2:
            return "ancestor"
        if b in lin1:
            return "descendant"
        if len(lin1) > 1 and lin1[-2] == b:
            return "child"
        if len(lin2) > 1 and lin2[-2] == a:
            return "parent"
        if c == 1 and last == 1:
            return "root-only"
        if c <= 2:
            return "distant"
        return "intermediate" if c <= 15 else "close"
