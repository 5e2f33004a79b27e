"""Features of one pair: neighbours, votes, pair features, anc2vec, PCA, candidates (spec 4.4 - 4.12).

A candidate is a dict of output columns. Nothing is shared or cached across queries unless the
specification itself computes it once, so each function can be read next to its section.
"""
import math
import os
from collections import defaultdict

import numpy as np

import oracle_numeric as num
from oracle_align import NAMES as ALIGNMENT_COLUMNS
from oracle_align import alignment_values
from oracle_bundle import ASPECTS, STEMS, bytes_key, closure, reach
from oracle_taxonomy import CLOSE, parse_taxon

N_PCA = 16
PCA_COLUMNS = tuple(f"emb_pca_query_{j}" for j in range(N_PCA))
TAX_COLUMNS = ("tax_voters_same_frac", "tax_voters_close_frac", "tax_voters_mean_common_ancestors")
ANC_NEIGHBOR = ("anc2vec_neighbor_cos", "anc2vec_neighbor_maxcos")


class Pool:
    """Accession order and float16 matrix of 4.4, with the PCA state of 4.9."""

    def __init__(self, order, matrix):
        self.order, self.matrix = order, matrix
        self.index = {a: i for i, a in enumerate(order)}

    def rows32(self, accessions):
        return np.array([self.matrix[self.index[a]] for a in accessions], dtype=np.float16).astype(np.float32)


def fit_pca(matrix):
    """(mean float32, components float32) by the normative fit; fewer rows or columns, fewer components."""
    rows = matrix[num.sample_rows(len(matrix))].astype(np.float64)
    mean = rows.sum(axis=0) / len(rows)
    centred = rows - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)
    components = []
    for j in range(min(N_PCA, len(rows) - 1, rows.shape[1])):
        v = vectors[:, -1 - j]
        top = int(np.argmax(np.abs(v)))          # first of equal magnitudes
        components.append(-v if v[top] < 0 else v)
    return mean.astype(np.float32), np.array(components, dtype=np.float64).astype(np.float32)


def load_or_fit_pca(matrix, cache_folder, config):
    """A state without a fingerprint is trusted as it is (4.9)."""
    if cache_folder:
        path = os.path.join(cache_folder, config + ".npz")
        if os.path.exists(path):
            with np.load(path) as z:
                if set(z.files) == {"mean", "components"}:
                    return z["mean"].astype(np.float32), z["components"].astype(np.float32)
    return fit_pca(matrix)


def project(state, x16):
    """emb_pca_query_* of one query: a dict of 16 values, None where there is no component."""
    out = dict.fromkeys(PCA_COLUMNS)
    if state is None:
        return out
    mean, components = state
    delta = x16.astype(np.float32) - mean
    for j, comp in enumerate(components[:N_PCA]):
        out[PCA_COLUMNS[j]] = float(num.dot32(delta, comp))
    return out


class References:
    """ann[aspect][acc], reference lists, term frequency, density (4.4, 4.6)."""

    def __init__(self, rows, pool, ontology):
        self.ann = {a: defaultdict(list) for a in ASPECTS}
        self.term_freq = defaultdict(int)
        self.density = defaultdict(int)
        for row in rows:                              # ascending id
            aspect = ontology.aspect_of.get(row.term)
            if aspect in ASPECTS and not row.negated and row.acc in pool.index:
                self.ann[aspect][row.acc].append(row)
                self.term_freq[row.term] += 1
                self.density[row.acc] += 1
        self.order = {a: sorted(self.ann[a], key=bytes_key) for a in ASPECTS}


def search(queries, references, pool, k, metric, threshold):
    """query -> [(reference, distance)] in rank order; exact, ties by reference index (4.5)."""
    if not references:
        return {q: [] for q in queries}
    distances = num.distance_matrix(pool.rows32(queries), pool.rows32(references), metric)
    out = {}
    for q, row in zip(queries, distances):
        best = sorted(range(len(references)), key=lambda i: (row[i], i))[:min(k, len(references))]
        if threshold is not None:
            best = [i for i in best if not row[i] > np.float32(threshold)]
        out[q] = [(references[i], float(row[i])) for i in best]
    return out


class Votes:
    """Vote statistics of one query (4.6). neighbours: aspect -> [(reference, distance)]."""

    def __init__(self, neighbours, refs):
        self.votes, self.k_pos, self.min_d, self.sum_d = {}, {}, {}, {}
        for aspect in ASPECTS:
            for rank, (ref, x) in enumerate(neighbours[aspect], 1):
                for row in refs.ann[aspect][ref]:
                    t = row.term
                    if t not in self.votes:
                        self.votes[t], self.k_pos[t], self.min_d[t], self.sum_d[t] = 0, rank, x, 0.0
                    self.votes[t] += 1
                    self.min_d[t] = min(self.min_d[t], x)
                    self.sum_d[t] += x
        self.dist_std = num.population_std([x for a in ASPECTS for _, x in neighbours[a]])


class PairFeatures:
    """Alignment and taxonomy of (query, reference), each computed once (4.7.1, 4.7.2)."""

    def __init__(self, proteins, job, taxonomy, align_mode, align_memo):
        self.proteins, self.job, self.taxonomy = proteins, job, taxonomy
        self.align_mode, self.align_memo = align_mode, align_memo
        self.seen = {}

    def get(self, query, ref):
        key = (query, ref)
        if key not in self.seen:
            self.seen[key] = self._compute(query, ref)
        return self.seen[key]

    def _compute(self, query, ref):
        out = dict.fromkeys(ALIGNMENT_COLUMNS)
        if self.job.compute_alignments:
            texts = (self.proteins[query][0], self.proteins[ref][0])
            if texts not in self.align_memo:
                self.align_memo[texts] = alignment_values(*texts, mode=self.align_mode,
                                                          sane_empty_sw=self.job.sane_empty_sw)
            out.update(self.align_memo[texts] or {})
        distance, common, relation = None, None, ""
        if self.taxonomy is not None:
            distance, common, relation = self.taxonomy.pair(parse_taxon(self.proteins[query][1]),
                                                            parse_taxon(self.proteins[ref][1]))
        out.update(taxonomic_distance=distance, taxonomic_common_ancestors=common, taxonomic_relation=relation)
        return out


def consensus(query, neighbours, refs, pair_features, votes):
    """term -> (same, close, mean common ancestors) columns (4.7.3)."""
    same, close, ca_sum, ca_n = (defaultdict(int) for _ in range(4))
    for aspect in ASPECTS:
        for ref, _ in neighbours[aspect]:
            pair = pair_features.get(query, ref)
            for row in refs.ann[aspect][ref]:
                same[row.term] += pair["taxonomic_relation"] == "same"
                close[row.term] += pair["taxonomic_relation"] in CLOSE
                if pair["taxonomic_common_ancestors"] is not None:
                    ca_sum[row.term] += pair["taxonomic_common_ancestors"]
                    ca_n[row.term] += 1
    return {t: (same[t] / max(1, v), close[t] / max(1, v), ca_sum[t] / ca_n[t] if ca_n[t] else None)
            for t, v in votes.items()}


class TermVectors:
    """Unit vectors of the pair's term pool (4.8)."""

    def __init__(self, archive, refs, known, ontology):
        pool = {ontology.go_id_of[row.term] for a in ASPECTS for rows in refs.ann[a].values() for row in rows}
        for terms in known.values():
            pool |= terms
        self.unit = {}
        for t in sorted(pool, key=bytes_key):
            v = archive.vector.get(t)
            if v is not None and num.norm32(v) > 0:
                self.unit[t] = (v / num.norm32(v)).astype(np.float32)

    def context(self, terms):
        """(rows, unit centroid) over the terms that have a vector; None: no context."""
        rows = [self.unit[t] for t in terms if t in self.unit]
        if not rows:
            return None
        centre = num.centroid32(rows)
        norm = num.norm32(centre)
        return rows, (centre / norm).astype(np.float32) if norm > 0 else None

    def cosines(self, term, context):
        """(cos to the centroid, maximum cos to a row), None where undefined."""
        u = self.unit.get(term)
        if u is None or context is None:
            return None, None
        rows, centre = context
        cos = None if centre is None else float(num.dot32(u, centre))
        return cos, max(float(num.dot32(row, u)) for row in rows)


def first_appearance(rows, ontology):
    return list(dict.fromkeys(ontology.go_id_of[row.term] for row in rows))


class GroupBuilder:
    """Leaves of one (query, aspect), in creation order (4.10)."""

    def __init__(self, job, ontology, refs, vectors):
        self.job, self.ontology, self.refs, self.vectors = job, ontology, refs, vectors

    def leaves(self, query, aspect, neighbours, votes, tax, pair_features, known_context, known_count):
        rows = [row for ref, _ in neighbours[aspect] for row in self.refs.ann[aspect][ref]]
        context = self.vectors.context(first_appearance(rows, self.ontology))
        leaves, seen = {}, set()
        for ref, x in neighbours[aspect]:
            for row in self.refs.ann[aspect][ref]:
                if row.term in seen:
                    continue
                seen.add(row.term)
                leaf = self._leaf(row, ref, x, votes, tax.get(row.term))
                leaf.update(pair_features.get(query, ref))
                go = leaf["go_term_id"]
                leaf.update(zip(ANC_NEIGHBOR, self.vectors.cosines(go, context)))
                leaf.update(self.known_columns(go, known_context, known_count))
                leaves[go] = leaf                     # a dict keeps the first position
        return leaves

    def known_columns(self, go, known_context, known_count):
        cos, maxcos = self.vectors.cosines(go, known_context)
        return dict(anc2vec_has_emb=1.0 if go in self.vectors.unit else 0.0, anc2vec_query_known_cos=cos,
                    anc2vec_query_known_maxcos=maxcos, anc2vec_query_known_count=float(known_count))

    def _leaf(self, row, ref, x, votes, tax):
        t = row.term
        v = votes.votes[t]
        leaf = dict(go_term_id=self.ontology.go_id_of[t], distance=x, vote_count=float(v),
                    k_position=float(votes.k_pos[t]), go_term_frequency=float(self.refs.term_freq[t]),
                    ref_annotation_density=float(self.refs.density[ref]), neighbor_distance_std=votes.dist_std,
                    neighbor_vote_fraction=v / self.job.k, neighbor_min_distance=votes.min_d[t],
                    neighbor_mean_distance=votes.sum_d[t] / max(1, v), aspect=self.ontology.aspect_of.get(t, ""),
                    qualifier=row.qualifier or "", evidence_code=row.evidence or "", knn_present=True)
        leaf.update(zip(TAX_COLUMNS, tax if tax is not None else (None, None, None)))
        return leaf


def expand(leaves, parents, k, ia=None):
    """Ancestor candidates of one group; changes leaves in place, in creation order (4.10)."""
    ancestors = {}
    for g, leaf in leaves.items():
        for a in sorted(reach(g, parents), key=bytes_key):
            if ia is None:
                w = 1.0
            else:
                w = ia.get(a, 0.0) / ia[g] if ia.get(g, 0.0) > 0 else 1.0
            if a in leaves:
                other = leaves[a]
                other["neighbor_vote_fraction"] = min(1.0, other["neighbor_vote_fraction"] + w / k)
                other["neighbor_min_distance"] = min(other["neighbor_min_distance"], leaf["neighbor_min_distance"])
            elif a not in ancestors or leaf["distance"] < ancestors[a]["distance"]:
                previous = ancestors[a]["neighbor_vote_fraction"] if a in ancestors else 0.0
                copy = dict(leaf, go_term_id=a, neighbor_vote_fraction=min(1.0, previous + w / k))
                ancestors[a] = copy                   # replacing a value keeps its position in the dict
            else:
                other = ancestors[a]
                other["neighbor_vote_fraction"] = min(1.0, other["neighbor_vote_fraction"] + w / k)
    return ancestors


def lineage_columns(term, known_terms, parents):
    """Four doubles of 4.11."""
    above = sum(term in closure({k}, parents) for k in known_terms)
    lineage = closure({term}, parents)
    below = sum(k in lineage for k in known_terms)
    if term in known_terms:
        above, below = above - 1, below - 1
    return dict(lineage_ancestor_of_count=float(above), lineage_descendant_of_count=float(below),
                lineage_is_ancestor_of_known=1.0 if above > 0 else 0.0,
                lineage_is_descendant_of_known=1.0 if below > 0 else 0.0)


def interpro_only_terms(query_terms, aspect, leaves, ancestors, ontology):
    """Go ids of the table to append to the group, ascending (4.11, B17)."""
    return sorted((go for go in query_terms if ontology.aspect_by_go.get(go) == aspect
                   and go not in leaves and go not in ancestors), key=bytes_key)


def interpro_columns(entry):
    score, stems, count = entry if entry is not None else (0.0, set(), 0)
    out = {f"interpro_db_{s}": s in stems for s in STEMS}
    out.update(interpro_hit=entry is not None, interpro_present=entry is not None, interpro_score=float(score),
               interpro_n_signatures=float(count))
    return out


class Parity:
    """self_prior and association of the old set (4.12, B23).

    A protein's experimental terms at v_old are those of its experimental, non-negated rows, as they are written:
    no propagation, for the query and for the counts alike.
    """

    def __init__(self, rows, ontology):
        self.ontology = ontology
        self.non_experimental, self.experimental = defaultdict(set), defaultdict(set)
        self.carriers = defaultdict(set)                  # go_id -> distinct proteins
        for row in rows:
            if row.negated:
                continue
            go = ontology.go_id_of[row.term]
            if row.experimental:
                self.experimental[row.acc].add(go)
                self.carriers[go].add(row.acc)
            else:
                self.non_experimental[row.acc].add(go)

    def self_prior(self, query, go):
        return 1.0 if go in self.non_experimental.get(query, ()) else 0.0

    def _conditional(self, k, t):
        """cooc(k, t) / freq(k); freq(k) counts the query itself, so it is never 0."""
        return len(self.carriers[k] & self.carriers[t]) / len(self.carriers[k])

    def association(self, query, go):
        """(total, cross, present)."""
        total = cross = 0.0
        aspect = self.ontology.aspect_by_go.get(go)
        for k in sorted(self.experimental.get(query, ()), key=bytes_key):
            p = self._conditional(k, go)
            total += p
            if self.ontology.aspect_by_go.get(k) != aspect:
                cross += p
        return total, cross, 1.0 if total > 0 else 0.0


def isfinite(x):
    return x is None or not isinstance(x, float) or math.isfinite(x)
