"""Features of the plain rendering: NumPy for matrices, parasail in a process pool, dictionaries for the rest.

This is how the steps of the export would be written first by somebody who knows Python well: the neighbour search
in chunks of 500 queries, one alignment task a pair, the transfer as loops over neighbours and annotation rows.
"""
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import parasail

from plain_source import ASPECTS

CHUNK = 500
EMPTY_SW = -1073741824.0
N_PCA = 16
TAX_CLOSE = {"same", "ancestor", "descendant", "child", "parent", "close"}
NO_ALIGNMENT = dict.fromkeys(
    "identity_nw similarity_nw alignment_score_nw gaps_pct_nw alignment_length_nw identity_sw similarity_sw"
    " alignment_score_sw gaps_pct_sw alignment_length_sw length_query length_ref".split())


# ---- neighbours ----------------------------------------------------------------------------------


def normalise(x):
    return x / (np.linalg.norm(x, axis=1, keepdims=True) + np.float32(1e-9))


def nearest(q, r, k, select="argpartition"):
    """(indices, distances) of the k nearest rows of r for each row of q; both normalised, float32.

    "exact" is slow and breaks all ties as the export does: float64 products, equal distances by index.
    """
    k = min(k, len(r))
    idx, dist = np.empty((len(q), k), np.int64), np.empty((len(q), k), np.float32)
    for lo in range(0, len(q), CHUNK):
        if select == "exact":
            d = 1 - (q[lo:lo + CHUNK].astype(np.float64) @ r.T.astype(np.float64)).astype(np.float32)
            best = np.argsort(d, axis=1, kind="stable")[:, :k]
        elif select == "argsort":
            d = 1.0 - q[lo:lo + CHUNK] @ r.T
            best = np.argsort(d, axis=1)[:, :k]
        else:                                # equal distances by index; which of them are at place k is left open
            d = 1.0 - q[lo:lo + CHUNK] @ r.T
            best = np.sort(np.argpartition(d, k - 1, axis=1)[:, :k], axis=1)
            order = np.argsort(np.take_along_axis(d, best, axis=1), axis=1, kind="stable")
            best = np.take_along_axis(best, order, axis=1)
        idx[lo:lo + CHUNK] = best
        dist[lo:lo + CHUNK] = np.take_along_axis(d, best, axis=1)
    return idx, dist


# ---- alignments ----------------------------------------------------------------------------------


def _derive(result):
    trace = result.traceback
    q, r, comp = trace.query, trace.ref, trace.comp
    length = len(q)
    if length == 0:
        return 0.0, 0.0, EMPTY_SW, 0.0, 0.0
    identical = sum(a == b != "-" for a, b in zip(q, r))
    similar = comp.count("|") + comp.count(":")
    return (identical / length, similar / length, float(result.score), (q.count("-") + r.count("-")) / length,
            float(length))


def align(pair, kind="striped_32"):
    """The twelve values of one (query text, reference text)."""
    q, r = pair
    nw = _derive(getattr(parasail, "nw_trace_" + kind)(q, r, 10, 1, parasail.blosum62))
    sw = _derive(getattr(parasail, "sw_trace_" + kind)(q, r, 10, 1, parasail.blosum62))
    return dict(zip(NO_ALIGNMENT, nw + sw + (float(len(q)), float(len(r)))))


def align_all(texts, workers):
    """Each text pair once; a pool of processes, as PROTEA_PAIR_FEATURE_WORKERS asks for."""
    if workers < 2:
        return {t: align(t) for t in texts}
    with ProcessPoolExecutor(workers) as pool:
        return dict(zip(texts, pool.map(align, texts, chunksize=16)))


# ---- votes and candidates ------------------------------------------------------------------------


class Votes:
    def __init__(self, found, refs):
        self.votes, self.k_pos, self.min_d, self.sum_d = defaultdict(int), {}, {}, defaultdict(float)
        distances = [x for a in ASPECTS for _, x in found[a]]
        self.dist_std = float(np.std(distances)) if len(distances) > 1 else 0.0
        for aspect in ASPECTS:
            for rank, (ref, x) in enumerate(found[aspect], 1):
                for term, _, _ in refs.ann[aspect][ref]:
                    self.votes[term] += 1
                    self.k_pos.setdefault(term, rank)
                    self.min_d[term] = min(self.min_d.get(term, x), x)
                    self.sum_d[term] += x


def consensus(query, found, refs, pair_values):
    """term -> [same, close, sum of common ancestors, count]."""
    out = defaultdict(lambda: [0, 0, 0.0, 0])
    for aspect in ASPECTS:
        for ref, _ in found[aspect]:
            values = pair_values[query, ref]
            relation, common = values["taxonomic_relation"], values["taxonomic_common_ancestors"]
            for term, _, _ in refs.ann[aspect][ref]:
                entry = out[term]
                entry[0] += relation == "same"
                entry[1] += relation in TAX_CLOSE
                if common is not None:
                    entry[2] += common
                    entry[3] += 1
    return out


class TermVectors:
    """Unit vectors by go_id; contexts are matrices."""

    def __init__(self, archive):
        self.unit = {}
        for go, v in archive.vector.items():
            norm = np.linalg.norm(v)
            if norm > 0:
                self.unit[go] = v / norm

    def context(self, terms):
        rows = [self.unit[t] for t in terms if t in self.unit]
        if not rows:
            return None
        rows = np.array(rows)
        centre = rows.mean(axis=0)
        norm = np.linalg.norm(centre)
        return rows, (centre / norm if norm > 0 else None)

    def cosines(self, gos, context):
        """go_id -> (cosine to the centroid, greatest cosine to a row)."""
        have = [g for g in gos if g in self.unit]
        if not have or context is None:
            return {}
        rows, centre = context
        u = np.array([self.unit[g] for g in have])
        top = (u @ rows.T).max(axis=1)
        cos = u @ centre if centre is not None else [None] * len(have)
        return {g: (None if c is None else float(c), float(m)) for g, c, m in zip(have, cos, top)}


def leaves_of(query, aspect, found, state):
    """First row of each term by rank, with the columns of a leaf."""
    refs, votes, k = state.refs, state.votes, state.k
    go_id_of, aspect_of = state.ontology.go_id_of, state.ontology.aspect_of
    first, order = {}, []
    for ref, x in found[aspect]:
        for row in refs.ann[aspect][ref]:
            order.append(go_id_of[row[0]])
            if row[0] not in first:
                first[row[0]] = (ref, x, row)
    context = state.vectors.context(dict.fromkeys(order))
    gos = [go_id_of[t] for t in first]
    near = state.vectors.cosines(gos, context)
    known = state.vectors.cosines(gos, state.known_context)
    leaves = {}
    for term, (ref, x, (_, qualifier, evidence)) in first.items():
        go, v = go_id_of[term], votes.votes[term]
        leaf = dict(state.pair_values[query, ref])
        leaf.update(go_term_id=go, distance=x, vote_count=float(v), k_position=float(votes.k_pos[term]),
                    go_term_frequency=float(refs.term_freq[term]), ref_annotation_density=float(refs.density[ref]),
                    neighbor_distance_std=votes.dist_std, neighbor_vote_fraction=v / k,
                    neighbor_min_distance=votes.min_d[term], neighbor_mean_distance=votes.sum_d[term] / max(1, v),
                    aspect=aspect_of.get(term, ""), qualifier=qualifier or "", evidence_code=evidence or "",
                    anc2vec_has_emb=1.0 if go in state.vectors.unit else 0.0,
                    anc2vec_query_known_count=float(state.known_count))
        leaf["anc2vec_neighbor_cos"], leaf["anc2vec_neighbor_maxcos"] = near.get(go, (None, None))
        leaf["anc2vec_query_known_cos"], leaf["anc2vec_query_known_maxcos"] = known.get(go, (None, None))
        same, close, total, n = state.tax[term]
        leaf["tax_voters_same_frac"], leaf["tax_voters_close_frac"] = same / max(1, v), close / max(1, v)
        leaf["tax_voters_mean_common_ancestors"] = total / n if n else None
        leaves[go] = leaf
    return leaves


def expand(leaves, ancestors_of, k):
    """Ancestor candidates of one group; leaves that are ancestors of others change in place."""
    out = {}
    for g, leaf in leaves.items():
        for a in ancestors_of(g):
            other = leaves.get(a)
            if other is not None:
                other["neighbor_vote_fraction"] = min(1.0, other["neighbor_vote_fraction"] + 1 / k)
                other["neighbor_min_distance"] = min(other["neighbor_min_distance"], leaf["neighbor_min_distance"])
                continue
            other = out.get(a)
            if other is None or leaf["distance"] < other["distance"]:
                before = other["neighbor_vote_fraction"] if other else 0.0
                out[a] = dict(leaf, go_term_id=a, neighbor_vote_fraction=min(1.0, before + 1 / k))
            else:
                other["neighbor_vote_fraction"] = min(1.0, other["neighbor_vote_fraction"] + 1 / k)
    return out


class Lineage:
    """Counts of known terms above and below a candidate; one Counter a query."""

    def __init__(self, known, closed):
        self.known, self.closed = known, closed
        self.above = Counter(t for k in known for t in closed(k))

    def columns(self, go):
        above, below = self.above[go], len(self.known & self.closed(go))
        if go in self.known:
            above, below = above - 1, below - 1
        return dict(lineage_is_ancestor_of_known=1.0 if above > 0 else 0.0,
                    lineage_is_descendant_of_known=1.0 if below > 0 else 0.0,
                    lineage_ancestor_of_count=float(above), lineage_descendant_of_count=float(below))


def fit_pca(matrix):
    """Mean and 16 right singular vectors of at most 50,000 rows."""
    if len(matrix) > 50000:
        matrix = matrix[np.random.default_rng(42).choice(len(matrix), 50000, replace=False)]
    x = matrix.astype(np.float32)
    mean = x.mean(axis=0)
    _, _, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:N_PCA]
