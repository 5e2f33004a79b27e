"""Inputs of the plain rendering: what a Python programmer would read with sqlite3 and NumPy.

Maps are dictionaries, annotation rows are tuples, the pool is one float16 matrix in accession order.
Readers of ontology, anc2vec, taxonomy and job files are those of tests/oracle.
"""
import os
import sqlite3
import sys
from collections import defaultdict
from functools import lru_cache

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "oracle"))

from oracle_bundle import EXPERIMENTAL, Anc2vec, Bundle, Job, Ontology   # noqa: E402,F401
from oracle_groundtruth import GroundTruth                               # noqa: E402
from oracle_taxonomy import Taxonomy                                     # noqa: E402,F401

ASPECTS = ("P", "F", "C")


def load_pool(db, config):
    """(accessions, float16 matrix); one query, rows in accession order."""
    names, blobs, last = [], [], None
    for acc, blob in db.execute(
            "SELECT p.accession, e.embedding FROM protein p JOIN sequence_embedding e ON e.sequence_id = p.sequence_id"
            " WHERE e.embedding_config_id = ? ORDER BY p.accession, e.chunk_index_s, e.id", (config,)):
        if acc != last:
            names.append(acc)
            blobs.append(blob)
            last = acc
    matrix = np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(names), -1)
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        names = [a for a, ok in zip(names, finite) if ok]
        matrix = matrix[finite]
    return names, matrix


def load_proteins(db):
    """accession -> (sequence, taxon text)."""
    return {acc: (text, taxon) for acc, text, taxon in db.execute(
        "SELECT p.accession, s.sequence, p.taxonomy_id FROM protein p LEFT JOIN sequence s ON s.id = p.sequence_id")}


def load_annotations(db, set_id, ontology):
    """(accession, term id, qualifier, evidence) by ascending id."""
    known = ontology.go_id_of
    return [row for row in db.execute(
        "SELECT protein_accession, go_term_id, qualifier, evidence_code FROM protein_go_annotation"
        " WHERE annotation_set_id = ? ORDER BY id", (set_id,)) if row[1] in known]


def closures(edges):
    """A memoised function: term -> frozenset of everything reachable from it, itself included."""
    @lru_cache(maxsize=None)
    def of(term):
        seen, todo = {term}, [term]
        while todo:
            for x in edges.get(todo.pop(), ()):
                if x not in seen:
                    seen.add(x)
                    todo.append(x)
        return frozenset(seen)
    return of


class Closures:
    """Ancestors and descendants in every snapshot, each term's set made once."""

    def __init__(self, ontology):
        self.up = {s: closures(ontology.parents_of[s]) for s in ontology.snapshots}
        self.down = {s: closures(ontology.children_of(s)) for s in ontology.snapshots}


def _side_same_snapshot(rows, ontology, dropped):
    side = defaultdict(lambda: defaultdict(set))
    for acc, term, qualifier, evidence in rows:
        if evidence in EXPERIMENTAL and not (qualifier and "NOT" in qualifier) and term in ontology.aspect_of:
            go = ontology.go_id_of[term]
            if (acc, go) not in dropped:
                side[acc][ontology.aspect_of[term]].add(go)
    return side


def _positives_and_negatives(rows, snapshot, ontology, closed):
    up, down, pivot_down = closed.up[snapshot], closed.down[snapshot], closed.down[ontology.pivot]
    terms = ontology.pivot_terms
    positive, negative = defaultdict(set), defaultdict(set)
    for acc, term, qualifier, evidence in rows:
        go = ontology.go_id_of[term]
        if qualifier and "NOT" in qualifier:
            for t in down(go) & terms:
                negative[acc] |= pivot_down(t) & terms
        elif evidence in EXPERIMENTAL:
            positive[acc] |= up(go)
    return positive, negative


def _by_aspect(positive, negatives, ontology):
    side, nothing = {}, frozenset()
    aspect_of = ontology.pivot_aspect
    for acc, terms in positive.items():
        groups = defaultdict(set)
        for go in terms.difference(*(n.get(acc, nothing) for n in negatives)):
            if go in aspect_of:
                groups[aspect_of[go]].add(go)
        if groups:
            side[acc] = groups
    return side


def ground_truth(old_rows, new_rows, old_snapshot, new_snapshot, ontology, closed):
    """The buckets nk, lk, pk and the known terms of a pair."""
    if old_snapshot == new_snapshot == ontology.pivot:
        down = closed.down[ontology.pivot]
        dropped = set()
        for acc, term, qualifier, _ in old_rows + new_rows:
            if qualifier and "NOT" in qualifier:
                dropped.update((acc, t) for t in down(ontology.go_id_of[term]))
        old = _side_same_snapshot(old_rows, ontology, dropped)
        new = _side_same_snapshot(new_rows, ontology, dropped)
    else:
        old_pos, old_neg = _positives_and_negatives(old_rows, old_snapshot, ontology, closed)
        new_pos, new_neg = _positives_and_negatives(new_rows, new_snapshot, ontology, closed)
        old = _by_aspect(old_pos, (old_neg, new_neg), ontology)
        new = _by_aspect(new_pos, (old_neg, new_neg), ontology)
    return _classify(old, new, ontology)


def _classify(old, new, ontology):
    truth = GroundTruth()
    for acc, groups in new.items():
        before = old.get(acc)
        if not before:
            truth.gt["nk"].update((acc, go) for terms in groups.values() for go in terms)
            continue
        for aspect, terms in groups.items():
            had = before.get(aspect, set())
            truth.gt["pk" if had else "lk"].update((acc, go) for go in terms - had)
    for acc, groups in old.items():
        truth.known[acc] = set().union(*groups.values())
    return truth.finish(ontology)


class References:
    """Usable annotation rows of the pool's proteins by aspect, term frequency, density."""

    def __init__(self, rows, index, ontology):
        self.ann = {a: defaultdict(list) for a in ASPECTS}
        self.term_freq, self.density = defaultdict(int), defaultdict(int)
        aspect_of = ontology.aspect_of
        for acc, term, qualifier, evidence in rows:
            aspect = aspect_of.get(term)
            if aspect in self.ann and acc in index and not (qualifier and "NOT" in qualifier):
                self.ann[aspect][acc].append((term, qualifier, evidence))
                self.term_freq[term] += 1
                self.density[acc] += 1
        self.order = {a: sorted(self.ann[a]) for a in ASPECTS}


def open_bundle(path):
    return sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
