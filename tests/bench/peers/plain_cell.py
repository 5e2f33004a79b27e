#!/usr/bin/python3
"""One cell of the export in plain NumPy and parasail, stage by stage, with its times.

    plain_cell.py JOB [--share S] [--workers N] [--select argpartition|argsort|exact] [--out FOLDER] [--times FILE]

Reads the same job file and bundle as `protea-export run JOB` and computes the same rows (profile v2-56). Output is
one compressed archive of columns for train and for eval, since Debian has no Parquet writer for Python.
With --share 0.05 only one query in 20 is worked on, the same proteins in every pair; stages whose work is
proportional to the queries are then divided by the share of queries that were taken ("scaled").
"""
import argparse
import json
import os
import resource
import sys
import time
import zlib
from contextlib import contextmanager

import numpy as np

import plain_features as pf
import plain_source as ps
from plain_source import ASPECTS

from oracle_output import ASPECT_NAMES, STRINGS, columns    # noqa: E402
from oracle_taxonomy import parse_taxon                     # noqa: E402

BUCKETS = ("nk", "lk", "pk")
PER_QUERY = ("knn", "alignment", "taxonomy", "transfer", "records", "output")


def cpu_seconds():
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


class Clock:
    """Wall and CPU time by stage; the processes of the pool included."""

    def __init__(self):
        self.wall, self.cpu, self.start = {}, {}, time.perf_counter()

    @contextmanager
    def stage(self, name):
        start, cpu = time.perf_counter(), cpu_seconds()
        yield
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - start
        self.cpu[name] = self.cpu.get(name, 0.0) + cpu_seconds() - cpu


class Cell:
    """What is loaded once."""

    def __init__(self, job, args, clock):
        self.job, self.args, self.clock = job, args, clock
        bundle = ps.Bundle(job.bundle)
        self.db = ps.open_bundle(job.bundle)
        self.sets = bundle.resolve(job.annotation_source, sorted(set(job.train) | set(job.test)))
        with clock.stage("load_maps"):
            self.ontology = ps.Ontology(bundle, job.pivot, [s for _, s in self.sets.values()])
            self.closed = ps.Closures(self.ontology)
            self.proteins = ps.load_proteins(self.db)
        with clock.stage("load_embeddings"):
            self.names, self.pool = ps.load_pool(self.db, job.config)
            self.index = {a: i for i, a in enumerate(self.names)}
        with clock.stage("pca_fit"):
            self.pca = pf.fit_pca(self.pool) if job.use_embedding_pca else None
        with clock.stage("load_files"):
            self.vectors = pf.TermVectors(ps.Anc2vec(job.env_path("PROTEA_ANC2VEC_PATH")))
            self.taxonomy = ps.Taxonomy.load(job.env_path("PROTEA_TAXONOMY_PATH")) if job.compute_taxonomy else None
        self.rows, self.aligned, self.ancestors = {}, {}, {}
        self.queries_all = self.queries_taken = 0

    def annotations(self, version):
        if version not in self.rows:
            with self.clock.stage("annotations"):
                self.rows = {v: r for v, r in self.rows.items() if v == self.keep}
                self.rows[version] = ps.load_annotations(self.db, self.sets[version][0], self.ontology)
        return self.rows[version]

    def ancestors_of(self, go):
        if go not in self.ancestors:
            self.ancestors[go] = sorted(self.closed.up[self.ontology.pivot](go) - {go})
        return self.ancestors[go]


class Pair:
    def __init__(self, cell, old, new):
        self.cell, self.label = cell, f"v{old}-v{new}"
        self.ontology, self.vectors, self.k = cell.ontology, cell.vectors, cell.job.k
        cell.keep = old
        old_rows, new_rows = cell.annotations(old), cell.annotations(new)
        with cell.clock.stage("ground_truth"):
            self.truth = ps.ground_truth(old_rows, new_rows, cell.sets[old][1], cell.sets[new][1], self.ontology,
                                         cell.closed)
            queries = sorted(q for q in self.truth.proteins if q in cell.index)
        with cell.clock.stage("references"):
            self.refs = ps.References(old_rows, cell.index, self.ontology)
        self.queries = [q for q in queries if zlib.crc32(q.encode()) % 10000 < cell.args.share * 10000]
        cell.queries_all += len(queries)
        cell.queries_taken += len(self.queries)

    def run(self):
        found = self.neighbours()
        self.pair_features(found)
        clock = self.cell.clock
        with clock.stage("transfer"):
            groups = [(q, *self.transfer(q, {a: found[a][i] for a in ASPECTS})) for i, q in enumerate(self.queries)]
        with clock.stage("records"):
            return self.records(groups)

    def neighbours(self):
        cell, found = self.cell, {}
        rows = [cell.index[q] for q in self.queries]
        for aspect in ASPECTS:
            refs = self.refs.order[aspect]
            with cell.clock.stage("knn_references"):
                r = pf.normalise(cell.pool[[cell.index[a] for a in refs]].astype(np.float32))
            with cell.clock.stage("knn"):
                q = pf.normalise(cell.pool[rows].astype(np.float32))
                idx, dist = pf.nearest(q, r, self.k, cell.args.select)
                found[aspect] = [[(refs[i], float(x)) for i, x in zip(a, b)] for a, b in zip(idx, dist)]
        return found

    def pair_features(self, found):
        cell = self.cell
        pairs = dict.fromkeys((q, ref) for a in ASPECTS for q, hits in zip(self.queries, found[a]) for ref, _ in hits)
        texts = {p: (cell.proteins[p[0]][0], cell.proteins[p[1]][0]) for p in pairs}
        with cell.clock.stage("alignment"):
            if cell.job.compute_alignments:
                todo = [t for t in dict.fromkeys(texts.values()) if all(t) and t not in cell.aligned]
                cell.aligned.update(pf.align_all(todo, cell.args.workers))
        with cell.clock.stage("taxonomy"):
            self.pair_values = {}
            for (q, ref), text in texts.items():
                values = dict(cell.aligned.get(text, pf.NO_ALIGNMENT))
                if cell.taxonomy:
                    d, common, relation = cell.taxonomy.pair(parse_taxon(cell.proteins[q][1]),
                                                             parse_taxon(cell.proteins[ref][1]))
                else:
                    d, common, relation = None, None, ""
                values.update(taxonomic_distance=d, taxonomic_common_ancestors=common, taxonomic_relation=relation)
                self.pair_values[q, ref] = values

    def transfer(self, query, found):
        known = self.truth.known.get(query, set())
        self.votes = pf.Votes(found, self.refs)
        self.tax = pf.consensus(query, found, self.refs, self.pair_values)
        self.known_context, self.known_count = self.vectors.context(sorted(known)), len(known)
        out = []
        for aspect in ASPECTS:
            leaves = pf.leaves_of(query, aspect, found, self)
            more = pf.expand(leaves, self.cell.ancestors_of, self.k) if self.cell.job.expand_votes_to_ancestors else {}
            out.append((aspect, list(leaves.values()) + list(more.values())))
        return out, known

    def records(self, groups):
        """Rows of each category, with label, lineage and PCA."""
        cell, truth, out = self.cell, self.truth, {c: [] for c in BUCKETS}
        closed, pivot_terms = cell.closed.up[self.ontology.pivot], self.ontology.pivot_terms
        for query, aspects, known in groups:
            lineage = pf.Lineage(known, closed)
            pca = {}
            if cell.pca is not None:
                mean, components = cell.pca
                values = components @ (cell.pool[cell.index[query]].astype(np.float32) - mean)
                pca = {f"emb_pca_query_{j}": float(v) for j, v in enumerate(values)}
            for aspect, rows in aspects:
                cats = [c for c in BUCKETS if (query, aspect) in truth.member[c]]
                for row in rows if cats else ():
                    go = row["go_term_id"]
                    if go not in pivot_terms:
                        continue
                    row.update(pca, protein_accession=query, snapshot_pair=self.label, aspect=ASPECT_NAMES[aspect],
                               **lineage.columns(go))
                    for c in cats:
                        out[c].append(dict(row, category=c, label=1 if (query, go) in truth.gt[c] else 0))
        return out



def write(folder, name, rows):
    """A compressed archive of columns; None becomes NaN."""
    table = {}
    for column in columns("v2-56"):
        values = [r.get(column) for r in rows]
        if column in STRINGS:
            table[column] = np.array(values)
        else:
            table[column] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    np.savez_compressed(os.path.join(folder, name + ".npz"), **table)


def run(args):
    clock = Clock()
    job = ps.Job(args.job)
    os.makedirs(args.out, exist_ok=True)
    cell = Cell(job, args, clock)
    train = [Pair(cell, a, b).run() for a, b in zip(job.train, job.train[1:])]
    test = Pair(cell, job.train[-1], job.test[0]).run()
    counts = {}
    for name, pairs in (("train", train), ("eval", [test])):
        with clock.stage("output"):
            rows = [row for c in BUCKETS for p in pairs for row in p[c]]
            write(args.out, name, rows)
            counts[name] = len(rows)
    total = time.perf_counter() - clock.start
    share = cell.queries_taken / max(1, cell.queries_all)
    scaled, scaled_cpu = ({s: t / share if s in PER_QUERY else t for s, t in times.items()}
                          for times in (clock.wall, clock.cpu))
    usage = [resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return dict(wall=total, cpu=cpu_seconds(), stages=clock.wall, scaled_cpu=scaled_cpu, queries=cell.queries_all, taken=cell.queries_taken, scaled=scaled,
                scaled_wall=sum(scaled.values()) + total - sum(clock.wall.values()), rows=counts,
                aligned=len(cell.aligned), peak_rss_mib=usage[0] / 1024, k=job.k, pool=len(cell.names),
                dim=int(cell.pool.shape[1]), workers=args.workers, select=args.select)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("job")
    p.add_argument("--share", type=float, default=1.0)
    p.add_argument("--workers", type=int, default=os.cpu_count())
    p.add_argument("--select", choices=("argpartition", "argsort", "exact"), default="argpartition")
    p.add_argument("--out", default="plain-cell")
    p.add_argument("--times", default="-")
    args = p.parse_args()
    result = run(args)
    text = json.dumps(result, indent=1) + "\n"
    if args.times == "-":
        sys.stdout.write(text)
    else:
        with open(args.times, "w", encoding="utf-8") as f:
            f.write(text)


if __name__ == "__main__":
    main()
