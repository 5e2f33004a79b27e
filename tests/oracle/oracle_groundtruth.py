"""Ground truth of one pair: computed from two annotation sets, or read as triples (spec 4.3)."""
from collections import defaultdict

from oracle_bundle import closure

BUCKETS = ("nk", "lk", "pk")


class GroundTruth:
    """gt[cat] = {(protein, go_id)}, member[cat] = {(protein, aspect)}, known[protein] = {go_id}."""

    def __init__(self):
        self.gt = {cat: set() for cat in BUCKETS}
        self.known = defaultdict(set)

    def finish(self, ontology):
        self.known = dict(self.known)
        self.member = {cat: {(p, ontology.aspect_by_go[g]) for p, g in pairs if g in ontology.aspect_by_go}
                       for cat, pairs in self.gt.items()}
        self.proteins = {p for pairs in self.gt.values() for p, _ in pairs}
        return self


def read_triples(path, ontology):
    """Materialised buckets as TSV: accession, go_id, bucket; unknown buckets are ignored."""
    truth = GroundTruth()
    with open(path, encoding="utf-8") as f:
        for line in f:
            acc, go, bucket = line.rstrip("\r\n").split("\t")
            if bucket in BUCKETS:
                truth.gt[bucket].add((acc, go))
            elif bucket == "known":
                truth.known[acc].add(go)
    return truth.finish(ontology)


def _group(pairs, aspect_of_pair):
    """{(protein, go)} -> protein -> aspect -> {go}."""
    out = defaultdict(lambda: defaultdict(set))
    for acc, go in pairs:
        out[acc][aspect_of_pair[(acc, go)]].add(go)
    return out


def case_a(old_rows, new_rows, ontology):
    """Both sets are bound to the pivot snapshot."""
    children = ontology.children_of(ontology.pivot)
    dropped = set()
    for row in old_rows + new_rows:
        if row.negated:
            go = ontology.go_id_of[row.term]
            dropped |= {(row.acc, t) for t in closure({go}, children)}
    sides = []
    for rows in (old_rows, new_rows):
        pairs = {}
        for row in rows:
            key = (row.acc, ontology.go_id_of[row.term])
            if row.experimental and not row.negated and key not in dropped and row.term in ontology.aspect_of:
                pairs[key] = ontology.aspect_of[row.term]
        sides.append(_group(pairs, pairs))
    return sides


def case_b(old_rows, new_rows, old_snapshot, new_snapshot, ontology):
    """At least one set is bound to another snapshot than the pivot."""
    pivot_children = ontology.children_of(ontology.pivot)
    positives, negatives = [], set()
    for rows, snapshot in ((old_rows, old_snapshot), (new_rows, new_snapshot)):
        up, down = ontology.parents_of[snapshot], ontology.children_of(snapshot)
        side = set()
        for row in rows:
            go = ontology.go_id_of[row.term]
            if row.negated:
                terms = closure({go}, down) & ontology.pivot_terms
                terms = closure(terms, pivot_children) & ontology.pivot_terms
                negatives |= {(row.acc, t) for t in terms}
            elif row.experimental:
                side |= {(row.acc, t) for t in closure({go}, up) & ontology.pivot_terms}
        positives.append(side)
    sides = []
    for side in positives:
        kept = side - negatives
        sides.append(_group(kept, {pair: ontology.pivot_aspect[pair[1]] for pair in kept}))
    return sides


def classify(old, new, ontology):
    truth = GroundTruth()
    for acc, aspects in new.items():
        if not any(aspects.values()):
            continue
        had = old.get(acc, {})
        if not any(had.values()):
            truth.gt["nk"] |= {(acc, go) for terms in aspects.values() for go in terms}
            continue
        for aspect, terms in aspects.items():
            before = had.get(aspect, set())
            gain = terms - before
            if gain:
                truth.gt["pk" if before else "lk"] |= {(acc, go) for go in gain}
    for acc, aspects in old.items():
        terms = {go for group in aspects.values() for go in group}
        if terms:
            truth.known[acc] = terms
    return truth.finish(ontology)


def compute(old_rows, new_rows, old_snapshot, new_snapshot, ontology):
    """Returns (case letter, GroundTruth)."""
    if old_snapshot == new_snapshot == ontology.pivot:
        return "A", classify(*case_a(old_rows, new_rows, ontology), ontology)
    return "B", classify(*case_b(old_rows, new_rows, old_snapshot, new_snapshot, ontology), ontology)
