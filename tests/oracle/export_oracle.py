#!/usr/bin/python3
"""Independent, slow rendering of export_research_dataset for a bundle.

    export_oracle.py JOB.json --out DIR [options]

Writes train.tsv, eval.tsv (only splits with rows), manifest.json and stats.json. Written from the
specification alone; each step names its section. Exit 1: the job must fail, the reason is on stderr.
"""
import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import oracle_bundle as ob              # noqa: E402
import oracle_features as of            # noqa: E402
import oracle_groundtruth as og         # noqa: E402
import oracle_output as oo              # noqa: E402
from oracle_bundle import ASPECTS, OracleError, bytes_key   # noqa: E402
from oracle_taxonomy import Taxonomy    # noqa: E402


class Context:
    """Everything that is loaded once per run."""

    def __init__(self, job, options):
        self.job, self.options = job, options
        self.bundle = ob.Bundle(job.bundle)
        if job.test[0] <= job.train[-1]:
            raise OracleError("the first test version must be greater than the last train version")
        self.sets = self.bundle.resolve(job.annotation_source, sorted(set(job.train) | set(job.test)))
        for table, id_ in (("embedding_config", job.config), ("ontology_snapshot", job.pivot)):
            if not self.bundle.exists(table, id_):
                raise OracleError(f"{id_} is not in {table}")
        self.ontology = ob.Ontology(self.bundle, job.pivot, [native for _, native in self.sets.values()])
        order, matrix, self.dropped = self.bundle.pool(job.config)
        self.pool = of.Pool(order, matrix)
        self.proteins = self.bundle.proteins()
        self._files()
        self.align_memo = {}
        self._rows = {}

    def _files(self):
        job = self.job
        anc = job.env_path("PROTEA_ANC2VEC_PATH") or job.env_path("PROTEA_METHOD_ANC2VEC_PATH")
        if anc is None:
            raise OracleError("no anc2vec archive")
        self.anc2vec = ob.Anc2vec(anc)
        self.taxonomy = Taxonomy.load(job.env_path("PROTEA_TAXONOMY_PATH")) if job.compute_taxonomy else None
        self.ia = ob.read_ia(job.ia_path()) if job.ia_path() else None
        interpro = job.env_path("PROTEA_INTERPRO_GO_PRED_PATH")
        self.interpro = {}
        if interpro and job.schema_profile == "v5-73":
            self.interpro = ob.read_interpro(interpro)
        self.pca = None
        if job.use_embedding_pca:
            self.pca = of.load_or_fit_pca(self.pool.matrix, job.env_path("PROTEA_PCA_ARTIFACTS_DIR"), job.config)

    def rows(self, version):
        if version not in self._rows:
            self._rows[version] = self.bundle.annotations(self.sets[version][0], self.ontology)
        return self._rows[version]


class Pair:
    """One (v_old, v_new): ground truth, references, neighbours, records (stages of 4.0.4)."""

    def __init__(self, ctx, old, new):
        self.ctx, self.old, self.new = ctx, old, new
        self.label = f"v{old}-v{new}"
        self.stats = {"pair": self.label, "skipped": None}
        self.records = {cat: [] for cat in og.BUCKETS}

    def run(self):
        self._ground_truth()
        queries = sorted((p for p in self.truth.proteins if p in self.ctx.pool.index), key=bytes_key)
        if not self.truth.proteins:
            self.stats["skipped"] = "no ground truth in any category"
        elif not queries:
            self.stats["skipped"] = "no query embeddings"
        else:
            self._transfer(queries)
        return self

    def _ground_truth(self):
        ctx = self.ctx
        (old_set, old_snap), (new_set, new_snap) = ctx.sets[self.old], ctx.sets[self.new]
        uri = ctx.bundle.evaluation_uri(old_set, new_set, ctx.job.pivot)
        given = ctx.options.groundtruth.get(self.label)
        if given and uri and not ctx.job.compute_groundtruth:
            self.truth, case = og.read_triples(given, ctx.ontology), "file"
        else:
            case, self.truth = og.compute(ctx.rows(self.old), ctx.rows(self.new), old_snap, new_snap, ctx.ontology)
        self.stats.update(case=case, old_set=old_set, new_set=new_set,
                          evaluation_uri=uri,
                          buckets={cat: len(self.truth.gt[cat]) for cat in og.BUCKETS},
                          known=sum(len(t) for t in self.truth.known.values()), gt_proteins=len(self.truth.proteins))

    def _transfer(self, queries):
        ctx, job = self.ctx, self.ctx.job
        refs = of.References(ctx.rows(self.old), ctx.pool, ctx.ontology)
        found = {a: of.search(queries, refs.order[a], ctx.pool, job.k, job.metric, job.distance_threshold)
                 for a in ASPECTS}
        self.pair_features = of.PairFeatures(ctx.proteins, job, ctx.taxonomy, ctx.options.align, ctx.align_memo)
        self.vectors = of.TermVectors(ctx.anc2vec, refs, self.truth.known, ctx.ontology)
        self.builder = of.GroupBuilder(job, ctx.ontology, refs, self.vectors)
        self.refs = refs
        self.parity = of.Parity(ctx.rows(self.old), ctx.ontology)
        self.total_unlabeled = 0
        for q in queries:
            self._query(q, {a: found[a][q] for a in ASPECTS})
        self.stats.update(queries=len(queries), references={a: len(refs.order[a]) for a in ASPECTS},
                          distinct_pairs=len(self.pair_features.seen), total_unlabeled=self.total_unlabeled,
                          rows={cat: len(r) for cat, r in self.records.items()},
                          positives={cat: sum(x["label"] for x in r) for cat, r in self.records.items()})

    def _query(self, query, neighbours):
        ctx, job = self.ctx, self.ctx.job
        votes = of.Votes(neighbours, self.refs)
        tax = {}
        if ctx.taxonomy is not None:
            tax = of.consensus(query, neighbours, self.refs, self.pair_features, votes.votes)
        known = self.truth.known.get(query, set())
        known_context = self.vectors.context(sorted(known, key=bytes_key))
        table = {go: entry for (acc, go), entry in ctx.interpro.items() if acc == query}
        pca = of.project(ctx.pca, ctx.pool.matrix[ctx.pool.index[query]])
        for aspect in ASPECTS:
            leaves = self.builder.leaves(query, aspect, neighbours, votes, tax, self.pair_features, known_context,
                                         len(known))
            ancestors = {}
            if job.expand_votes_to_ancestors:
                ancestors = of.expand(leaves, ctx.ontology.parents, job.k, ctx.ia)
            extra = of.interpro_only_terms(table, aspect, leaves, ancestors, ctx.ontology)
            rows = list(leaves.values())
            rows += [self._interpro_row(go, aspect, known_context, len(known)) for go in extra]
            rows += list(ancestors.values())
            for row in rows:
                self._record(query, row, known, table, pca)

    def _interpro_row(self, go, aspect, known_context, known_count):
        row = dict.fromkeys(oo.columns(self.ctx.job.schema_profile))
        row.update(go_term_id=go, aspect=aspect, vote_count=0.0, neighbor_vote_fraction=0.0, knn_present=False,
                   qualifier="", evidence_code="", taxonomic_relation="")
        row.update(self.builder.known_columns(go, known_context, known_count))
        return row

    def _record(self, query, row, known, table, pca):
        """Remaining columns, pivot filter, category filter, label (4.11 - 4.13)."""
        ctx, job = self.ctx, self.ctx.job
        go, aspect = row["go_term_id"], row["aspect"]
        if go not in ctx.ontology.pivot_terms:
            return
        self.total_unlabeled += 1
        cats = [cat for cat in og.BUCKETS if (query, aspect) in self.truth.member[cat]]
        if not cats:
            return
        full = dict(row, protein_accession=query, snapshot_pair=self.label, **pca)
        full["aspect"] = oo.ASPECT_NAMES[aspect]
        full.update(of.lineage_columns(go, known, ctx.ontology.parents))
        if job.schema_profile == "v5-73":
            full.update(of.interpro_columns(table.get(go)))
            full.update(self._parity(query, go))
        for cat in cats:
            record = dict(full, category=cat, label=1 if (query, go) in self.truth.gt[cat] else 0)
            bad = [c for c, v in record.items() if not of.isfinite(v)]
            if bad:
                raise OracleError(f"not a finite number in {bad} of {query} {go}")
            self.records[cat].append(record)

    def _parity(self, query, go):
        out = dict.fromkeys(("classifier_score", "classifier_present", "self_prior_score", "association_total",
                             "association_cross", "association_present"))
        if self.ctx.job.compute_self_prior:
            out["self_prior_score"] = self.parity.self_prior(query, go)
        if self.ctx.job.compute_association:
            out.update(zip(("association_total", "association_cross", "association_present"),
                           self.parity.association(query, go)))
        return out


def export(ctx, out):
    job, stats = ctx.job, {}
    train = [Pair(ctx, a, b).run() for a, b in zip(job.train, job.train[1:])]
    stats["train"] = [p.stats for p in train]
    rows = [row for cat in og.BUCKETS for p in train for row in p.records[cat]]
    if not rows:
        write_stats(out, stats)
        raise OracleError("No training data produced from any split")
    test = Pair(ctx, job.train[-1], job.test[0]).run()
    stats["test"] = test.stats
    eval_rows = [row for cat in og.BUCKETS for row in test.records[cat]]
    stats.update(pool=len(ctx.pool.order), dim=ctx.pool.matrix.shape[1], dropped_non_finite=ctx.dropped,
                 n_train_rows=len(rows), n_eval_rows=len(eval_rows), aligned_texts=len(ctx.align_memo))
    oo.write_tsv(os.path.join(out, "train.tsv"), job.schema_profile, rows)
    if eval_rows:
        oo.write_tsv(os.path.join(out, "eval.tsv"), job.schema_profile, eval_rows)
    labels = [p.label for p in train if any(p.records.values())]
    with open(os.path.join(out, "manifest.json"), "wb") as f:
        f.write(oo.manifest_bytes(job, labels, test.label, len(rows), len(eval_rows),
                                  ctx.options.producer_version, ctx.options.producer_git_sha))
    write_stats(out, stats)
    return stats


def write_stats(out, stats):
    with open(os.path.join(out, "stats.json"), "w", encoding="utf-8") as f:
        json.dump(stats, f, indent=1)
        f.write("\n")


def parse_args(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("job")
    p.add_argument("--out", required=True)
    p.add_argument("--align", choices=("parasail", "direct", "cross"), default="parasail",
                   help="cross: both, and stop at the first difference")
    p.add_argument("--groundtruth", action="append", default=[], metavar="PAIRLABEL=FILE.tsv")
    p.add_argument("--producer-version", default="0")
    p.add_argument("--producer-git-sha", default=None)
    args = p.parse_args(argv)
    args.groundtruth = dict(x.split("=", 1) for x in args.groundtruth)
    return args


def main(argv=None):
    options = parse_args(argv)
    os.makedirs(options.out, exist_ok=True)
    try:
        export(Context(ob.Job(options.job), options), options.out)
    except OracleError as err:
        print(f"export_oracle: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
