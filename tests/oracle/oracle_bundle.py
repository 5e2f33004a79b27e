"""What the export reads: the job file, the bundle's tables, and the side files (spec 2, 3, 4.1, 4.2, 4.4)."""
import datetime
import json
import os
import sqlite3
from collections import defaultdict

import numpy as np

from oracle_numeric import half_from_float32

EXPERIMENTAL = set("EXP IDA IPI IMP IGI IEP HTP HDA HMP HGI HEP IC TAS".split()) | set(
    "ECO:0000269 ECO:0000314 ECO:0000353 ECO:0000315 ECO:0000316 ECO:0000270 ECO:0006056 ECO:0007005 "
    "ECO:0007001 ECO:0007003 ECO:0007007 ECO:0000305 ECO:0000304".split())
ASPECTS = ("P", "F", "C")


class OracleError(Exception):
    """The job must fail; the text says why."""


def bytes_key(text):
    """Sort key of every RULE order: the text's bytes."""
    return text.encode("utf-8")


def is_negated(qualifier):
    return qualifier is not None and "NOT" in qualifier


def parse_time(text):
    """ISO 8601 UTC -> comparable instant."""
    text = text.rstrip("Z")
    head, _, frac = text.replace(" ", "T").partition(".")
    base = datetime.datetime.strptime(head, "%Y-%m-%dT%H:%M:%S")
    return base + datetime.timedelta(microseconds=int((frac + "000000")[:6]) if frac else 0)


class Job:
    """Job file: payload with defaults, environment with paths made absolute."""
    DEFAULTS = dict(annotation_source="goa", k=5, search_backend="numpy", compute_alignments=False,
                    compute_taxonomy=False, expand_votes_to_ancestors=False, use_embedding_pca=False,
                    compute_self_prior=False, compute_association=False, metric="cosine",
                    distance_threshold=None, ia_file=None, schema_profile="v2-56", sane_empty_sw=False,
                    compute_groundtruth=False)

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            job = json.load(f)
        self.folder = os.path.dirname(os.path.abspath(path))
        kind, _, where = job["source"].partition(":")
        if kind != "bundle":
            raise OracleError("the oracle reads bundles only")
        self.bundle = self._path(where)
        payload = dict(self.DEFAULTS, **job["payload"])
        self.payload = payload
        self.name = payload["output_name"].strip()
        self.config = payload["embedding_config_id"].strip().lower()
        self.pivot = payload["ontology_snapshot_id"].strip().lower()
        self.train = sorted(payload["train_versions"])
        self.test = sorted(payload["test_versions"])
        self.environment = job.get("environment", {})

    def __getattr__(self, name):
        try:
            return self.__dict__["payload"][name]
        except KeyError:
            raise AttributeError(name) from None

    def _path(self, path):
        return os.path.normpath(os.path.join(self.folder, os.path.expanduser(path)))

    def env_path(self, name):
        """A path variable of the job's environment, absolute; None when unset or blank."""
        value = self.environment.get(name, "").strip()
        return self._path(value) if value else None

    def ia_path(self):
        return self._path(self.ia_file) if self.ia_file else None


class Row:
    """One annotation row."""
    __slots__ = ("id", "acc", "term", "qualifier", "evidence")

    def __init__(self, id_, acc, term, qualifier, evidence):
        self.id, self.acc, self.term, self.qualifier, self.evidence = id_, acc, term, qualifier, evidence

    @property
    def negated(self):
        return is_negated(self.qualifier)

    @property
    def experimental(self):
        return self.evidence in EXPERIMENTAL


class Bundle:
    """The tables of 2.1, read with plain SELECTs; all joins and orders are done here."""

    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def close(self):
        self.db.close()

    def columns(self, table):
        return {row[1] for row in self.db.execute(f"PRAGMA table_info({table})")}

    def resolve(self, source, versions):
        """version -> (set id, native snapshot): greatest created_at, ties by smallest id."""
        out, missing = {}, []
        for v in versions:
            rows = self.db.execute("SELECT id, created_at, ontology_snapshot_id FROM annotation_set"
                                   " WHERE source = ? AND source_version = ?", (source, str(v))).fetchall()
            if not rows:
                missing.append(v)
                continue
            newest = max(parse_time(r[1]) for r in rows)
            best = min((r for r in rows if parse_time(r[1]) == newest), key=lambda r: r[0])
            out[v] = (best[0], best[2])
        if missing:
            raise OracleError(f"no annotation set for source {source} versions {missing}")
        return out

    def exists(self, table, id_):
        return self.db.execute(f"SELECT 1 FROM {table} WHERE id = ?", (id_,)).fetchone() is not None

    def evaluation_uri(self, old, new, pivot):
        """groundtruth_uri of the chosen evaluation set, or None (B14)."""
        rows = self.db.execute("SELECT id, stats, groundtruth_uri, created_at FROM evaluation_set WHERE"
                               " old_annotation_set_id = ? AND new_annotation_set_id = ?", (old, new)).fetchall()
        if not rows:
            return None
        match = [r for r in rows
                 if str((json.loads(r[1]) or {}).get("pivot_ontology_snapshot_id", "")).lower() == pivot]
        rows = match or rows
        newest = max(parse_time(r[3]) for r in rows)
        return min((r for r in rows if parse_time(r[3]) == newest), key=lambda r: r[0])[2]

    def annotations(self, set_id, ontology):
        """Rows of one set in ascending id; ids that belong to no snapshot of S are ignored (B12)."""
        rows = self.db.execute("SELECT id, protein_accession, go_term_id, qualifier, evidence_code FROM"
                               " protein_go_annotation WHERE annotation_set_id = ?", (set_id,))
        kept = [Row(*r) for r in rows if r[2] in ontology.go_id_of]
        return sorted(kept, key=lambda r: r.id)

    def proteins(self):
        """accession -> (sequence text or None, taxonomy text)."""
        texts = dict(self.db.execute("SELECT id, sequence FROM sequence"))
        return {acc: (texts.get(seq), tax) for acc, seq, tax in
                self.db.execute("SELECT accession, sequence_id, taxonomy_id FROM protein")}

    def pool(self, config):
        """accession -> float16 row, by the RULEs of 4.4 and B15."""
        have = self.columns("sequence_embedding")
        chunk = "chunk_index_s" if "chunk_index_s" in have else "0"
        best = {}
        for seq, order, id_, blob, dim in self.db.execute(
                f"SELECT sequence_id, {chunk}, id, embedding, embedding_dim FROM sequence_embedding"
                " WHERE embedding_config_id = ?", (config,)):
            if seq not in best or (order, id_) < best[seq][0]:
                best[seq] = ((order, id_), blob, dim)
        rows, dims, dropped = {}, set(), []
        decoded = {}
        for acc, seq in self.db.execute("SELECT accession, sequence_id FROM protein"):
            if seq is None or seq not in best:
                continue
            if seq not in decoded:
                decoded[seq] = decode_embedding(best[seq][1], best[seq][2])
            row = decoded[seq]
            dims.add(len(row))
            if np.all(np.isfinite(row)):
                rows[acc] = row
            else:
                dropped.append(acc)
        if len(dims) > 1:
            raise OracleError(f"rows of configuration {config} have dimensions {sorted(dims)}")
        if not rows:
            raise OracleError(f"no embeddings for configuration {config}")
        order = sorted(rows, key=bytes_key)
        return order, np.array([rows[a] for a in order], dtype=np.float16), sorted(dropped, key=bytes_key)


def decode_embedding(blob, dim):
    """Little-endian float16 or float32 BLOB -> float16 row."""
    if dim and len(blob) == 2 * dim:
        return np.frombuffer(blob, dtype="<f2")
    if dim and len(blob) == 4 * dim:
        return half_from_float32(np.frombuffer(blob, dtype="<f4"))
    raise OracleError(f"embedding of {len(blob)} bytes for {dim} values")


class Ontology:
    """The maps of 4.2 over S = {pivot} + native snapshots."""

    def __init__(self, bundle, pivot, natives):
        self.pivot = pivot
        self.snapshots = {pivot} | set(natives)
        self.go_id_of, self.aspect_of = {}, {}
        self.pivot_aspect = {}
        first = {}
        for id_, go, aspect, snap in bundle.db.execute(
                "SELECT id, go_id, aspect, ontology_snapshot_id FROM go_term"):
            if snap not in self.snapshots:
                continue
            self.go_id_of[id_] = go
            if not aspect:
                continue
            self.aspect_of[id_] = aspect
            if snap == pivot:
                self.pivot_aspect[go] = aspect
            if go not in first or id_ < first[go][0]:
                first[go] = (id_, aspect)
        self.pivot_terms = set(self.pivot_aspect)
        self.aspect_by_go = {go: aspect for go, (_, aspect) in first.items()}
        self.aspect_by_go.update(self.pivot_aspect)
        self.parents_of = {s: self._edges(bundle, s) for s in self.snapshots}
        self.parents = self.parents_of[pivot]

    def _edges(self, bundle, snapshot):
        parents = defaultdict(set)
        for child, parent in bundle.db.execute(
                "SELECT child_go_term_id, parent_go_term_id FROM go_term_relationship WHERE"
                " ontology_snapshot_id = ? AND relation_type IN ('is_a', 'part_of')", (snapshot,)):
            if child in self.go_id_of and parent in self.go_id_of:
                parents[self.go_id_of[child]].add(self.go_id_of[parent])
        return parents

    def children_of(self, snapshot):
        children = defaultdict(set)
        for child, parents in self.parents_of[snapshot].items():
            for parent in parents:
                children[parent].add(child)
        return children


def reach(start, edges):
    """Everything reachable from `start` in one step or more (start itself only over a cycle)."""
    seen, todo = set(), list(edges.get(start, ()))
    while todo:
        x = todo.pop()
        if x not in seen:
            seen.add(x)
            todo.extend(edges.get(x, ()))
    return seen


def closure(terms, edges):
    """`terms` and everything reachable from them."""
    out = set(terms)
    for t in terms:
        out |= reach(t, edges)
    return out


class Anc2vec:
    """go_id -> float32 vector; duplicates: the last wins (2.3, 4.8)."""

    def __init__(self, path):
        self.vector = {}
        with open(path, "rb") as f:
            zipped = f.read(2) == b"PK"
        if zipped:
            with np.load(path) as z:
                matrix = np.asarray(z["embeddings"]).astype(np.float32)
                names = [x.decode() if isinstance(x, bytes) else str(x) for x in z["go_ids"]]
        else:
            names, rows = [], []
            with open(path, encoding="utf-8") as f:
                for line in f:
                    fields = line.rstrip("\r\n").split("\t")
                    names.append(fields[0])
                    rows.append([float(x) for x in fields[1:]])
            matrix = np.array(rows, dtype=np.float64).astype(np.float32)
        for name, row in zip(names, matrix):
            self.vector[name] = row
        self.dim = matrix.shape[1]


def read_ia(path):
    with open(path, encoding="utf-8") as f:
        return {go: float(w) for go, w in (line.rstrip("\r\n").split("\t") for line in f)}


STEMS = ("pfam", "panther", "superfamily", "smart", "cdd", "prosite")


def _number(text, kind):
    try:
        return kind(text)
    except ValueError:
        return None


def read_interpro(path):
    """(accession, go_id) -> [score, stems, count] (4.11)."""
    table = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            fields = line.rstrip("\r\n").split("\t")
            if len(fields) < 3 or not fields[0] or not fields[1]:
                continue
            score = _number(fields[2], float)
            if score is None or score != score:
                continue
            tokens = []
            if len(fields) > 3:
                tokens = [t.strip().lower() for t in fields[3].replace(";", ",").split(",")]
            stems = {s for s in STEMS if any(s in t for t in tokens)}
            count = _number(fields[4], int) if len(fields) > 4 else None
            key = (fields[0], fields[1])
            if key not in table:
                table[key] = [score, stems, count if count is not None else max(1, len(stems))]
            else:
                entry = table[key]
                entry[0] = max(entry[0], score)
                entry[1] = entry[1] | stems
                entry[2] = count if count is not None else entry[2] + 1
    return table
