"""Do the random bundles show the traps? Each test breaks one rule of the oracle on purpose and expects some
job of some seed to come out different. A rule whose breakage nobody notices would not be tested by
tests/cli/50_oracle.sh either. Also: the generator is deterministic, and no job depends on the alignment mode.
"""
import hashlib
import os
import sqlite3
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

try:
    import numpy as np
except ImportError:
    raise unittest.SkipTest("python3-numpy is missing")

import export_oracle as ex              # noqa: E402
import make_bundle                      # noqa: E402
import oracle_align as al               # noqa: E402
import oracle_bundle as ob              # noqa: E402
import oracle_features as of            # noqa: E402
import oracle_groundtruth as og         # noqa: E402
import oracle_numeric as num            # noqa: E402
import oracle_taxonomy as ot            # noqa: E402

SEEDS = (1, 2, 3, 4, 6)


def digest(folder):
    h = hashlib.sha256()
    for name in ("train.tsv", "eval.tsv", "manifest.json"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path, "rb") as f:
                h.update(f.read())
        h.update(b"|")
    return h.hexdigest()


class Worlds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tmp = tempfile.TemporaryDirectory()
        cls.folder, cls.clean = {}, {}
        for seed in SEEDS:
            cls.folder[seed] = os.path.join(cls.tmp.name, str(seed))
            with mock.patch("builtins.print"):
                make_bundle.main([str(seed), "--out", cls.folder[seed]])

    @classmethod
    def tearDownClass(cls):
        cls.tmp.cleanup()

    def run_job(self, seed, job, *options):
        with tempfile.TemporaryDirectory() as out:
            with mock.patch("sys.stderr"):
                ex.main([os.path.join(self.folder[seed], f"job-{job}.json"), "--out", out, *options])
            return digest(out)

    def expected(self, seed, job):
        if (seed, job) not in self.clean:
            self.clean[seed, job] = self.run_job(seed, job)
        return self.clean[seed, job]

    def seen(self, jobs, *patches):
        """Some seed and job notices the broken rule."""
        for seed in SEEDS:
            for job in jobs.split():
                clean = self.expected(seed, job)
                with_patches = [mock.patch.object(*p) for p in patches]
                for p in with_patches:
                    p.start()
                try:
                    broken = self.run_job(seed, job)
                finally:
                    for p in with_patches:
                        p.stop()
                if broken != clean:
                    return
        self.fail("no job of any seed notices")

    def dump(self, folder):
        """The bundle as SQL; only groundtruth_uri may name the folder."""
        db = sqlite3.connect(os.path.join(folder, "bundle.sqlite"))
        text = "\n".join(db.iterdump()).replace(os.path.abspath(folder), "FOLDER")
        db.close()
        return text

    def test_same_seed_same_bytes(self):
        with tempfile.TemporaryDirectory() as again, mock.patch("builtins.print"):
            make_bundle.main([str(SEEDS[0]), "--out", again])
            first = self.folder[SEEDS[0]]
            for name in ("interpro.tsv", "anc2vec.tsv", "job-ia.json", "taxa.sqlite", "groundtruth-v160-v170.tsv"):
                with open(os.path.join(again, name), "rb") as a, open(os.path.join(first, name), "rb") as b:
                    self.assertEqual(a.read(), b.read(), name)
            self.assertEqual(self.dump(again), self.dump(first))

    @unittest.skipIf(al.parasail is None, "python3-parasail is missing")
    def test_state_machine_gives_the_same_files(self):
        self.assertEqual(self.run_job(SEEDS[0], "few", "--align", "direct"), self.expected(SEEDS[0], "few"))
        self.assertEqual(self.run_job(SEEDS[1], "k3-l2-threshold", "--align", "cross"),
                         self.expected(SEEDS[1], "k3-l2-threshold"))

    def test_direct_half_rounding(self):
        def direct(v):
            with np.errstate(over="ignore"):
                return np.asarray(v, np.float32).astype(np.float16)
        self.seen("k3-l2-threshold v5-all", (ob, "half_from_float32", direct))

    def test_chunk_order(self):
        def pool(self_, config):
            with mock.patch.object(ob.Bundle, "columns", lambda *_: set()):
                return real(self_, config)
        real = ob.Bundle.pool
        self.seen("k3-l2-threshold v5-all", (ob.Bundle, "pool", pool))

    def test_annotation_order(self):
        def backwards(self_, set_id, ontology):
            return real(self_, set_id, ontology)[::-1]
        real = ob.Bundle.annotations
        self.seen("off k1-expand", (ob.Bundle, "annotations", backwards))

    def test_neighbour_ties(self):
        def search(queries, references, pool, k, metric, threshold):
            if not references:
                return {q: [] for q in queries}
            d = num.distance_matrix(pool.rows32(queries), pool.rows32(references), metric)
            out = {}
            for q, line in zip(queries, d):
                best = sorted(range(len(references)), key=lambda i: (line[i], -i))[:k]
                out[q] = [(references[i], float(line[i])) for i in best
                          if threshold is None or not line[i] > np.float32(threshold)]
            return out
        self.seen("k1-expand off", (of, "search", search))

    def test_self_neighbour_is_kept(self):
        def search(queries, *rest):
            return {q: [x for x in hits if x[0] != q] for q, hits in real(queries, *rest).items()}
        real = of.search
        self.seen("off", (of, "search", search))

    def test_negation_is_a_substring(self):
        self.seen("off", (ob, "is_negated", lambda q: q is not None and q.split("|")[0] == "NOT"))

    def test_negation_is_case_sensitive(self):
        self.seen("off", (ob, "is_negated", lambda q: q is not None and "NOT" in q.upper()))

    def test_eco_codes_are_experimental(self):
        self.seen("off", (ob, "EXPERIMENTAL", {c for c in ob.EXPERIMENTAL if not c.startswith("ECO")}))

    def test_evidence_is_case_sensitive(self):
        self.seen("off", (ob, "EXPERIMENTAL", ob.EXPERIMENTAL | {"ida"}))

    def test_case_a_is_not_case_b(self):
        def always_b(old, new, s_old, s_new, o):
            return "B", og.classify(*og.case_b(old, new, s_old, s_new, o), o)
        self.seen("case-a", (og, "compute", always_b))

    def test_case_b_uses_native_snapshots(self):
        def pivot_only(old, new, s_old, s_new, o):
            return "B", og.classify(*og.case_b(old, new, o.pivot, o.pivot, o), o)
        self.seen("k1-expand pivot-b", (og, "compute", pivot_only))

    def test_negatives_reach_descendants(self):
        def plain(old, new, s_old, s_new, o):
            with mock.patch.object(o, "children_of", lambda s: {}):
                return real(old, new, s_old, s_new, o)
        real = og.compute
        self.seen("case-a", (og, "compute", plain))
        self.seen("off pivot-b", (og, "compute", plain))

    def test_stored_buckets(self):
        given = [f"--groundtruth={p}=" + os.path.join(self.folder[SEEDS[0]], f"groundtruth-{p}.tsv")
                 for p in ("v160-v170", "v170-v180")]
        stored = self.run_job(SEEDS[0], "stored", *given)
        self.assertNotEqual(stored, self.expected(SEEDS[0], "stored"))
        one_category = lambda g, o: real(g, o) and self.first_only(g)   # noqa: E731
        real = og.GroundTruth.finish
        with mock.patch.object(og.GroundTruth, "finish", one_category):
            self.assertNotEqual(self.run_job(SEEDS[0], "stored", *given), stored)

    @staticmethod
    def first_only(truth):
        """Each (protein, aspect) in its first category only."""
        seen = set()
        for cat in og.BUCKETS:
            truth.member[cat] -= seen
            seen |= truth.member[cat]
        return truth

    def test_newest_annotation_set(self):
        self.seen("off", (ob, "parse_time", lambda text: text))     # '.' sorts before 'Z' as text

    def test_foreign_ids_are_ignored(self):
        def everything(self_, bundle, pivot, natives):
            real(self_, bundle, pivot, list(natives) + [r[0] for r in bundle.db.execute("SELECT id FROM ontology_snapshot")])
        real = ob.Ontology.__init__
        self.seen("off k1-expand", (ob.Ontology, "__init__", everything))

    def test_only_is_a_and_part_of(self):
        def all_edges(self_, bundle, snapshot):
            parents = real(self_, bundle, snapshot)
            for c, p in bundle.db.execute("SELECT child_go_term_id, parent_go_term_id FROM go_term_relationship"
                                          " WHERE ontology_snapshot_id = ?", (snapshot,)):
                parents[self_.go_id_of[c]].add(self_.go_id_of[p])
            return parents
        real = ob.Ontology._edges
        self.seen("k1-expand", (ob.Ontology, "_edges", all_edges))

    def test_pivot_filter(self):
        def no_filter(self_, query, row, *rest):
            with mock.patch.object(self_.ctx.ontology, "pivot_terms", self_.ctx.ontology.pivot_terms | {row["go_term_id"]}):
                return real(self_, query, row, *rest)
        real = ex.Pair._record
        self.seen("off k1-expand", (ex.Pair, "_record", no_filter))

    def test_k_of_the_vote_fraction_is_the_requested_one(self):
        def found(self_, query, aspect, neighbours, *rest):
            leaves = real(self_, query, aspect, neighbours, *rest)
            for x in leaves.values():
                x["neighbor_vote_fraction"] = x["vote_count"] / len(neighbours[aspect])
            return leaves
        real = of.GroupBuilder.leaves
        self.seen("few k3-l2-threshold", (of.GroupBuilder, "leaves", found))

    def test_expansion_takes_leaves_in_creation_order(self):
        # That a copy carries the changed minimum distance cannot be seen from outside: leaves are created in
        # ascending distance, so the earlier leaf has already created every ancestor that the later one could
        # donate to. test_oracle.py tests that part on made-up distances.
        def backwards(leaves, *rest):
            order = {g: leaves[g] for g in reversed(leaves)}
            return real(order, *rest)
        real = of.expand
        self.seen("ia", (of, "expand", backwards))

    def test_expansion_uses_ia(self):
        real = of.expand
        self.seen("ia", (of, "expand", lambda leaves, parents, k, ia=None: real(leaves, parents, k, None)))

    def test_ancestors_are_ascending(self):
        real = of.reach
        self.seen("k1-expand", (of, "bytes_key", lambda t: [-b for b in t.encode()]), (of, "reach", real))

    def test_lineage_excludes_the_term_itself(self):
        def naive(term, known, parents):
            out = real(term, known, parents)
            if term in known:
                out["lineage_ancestor_of_count"] += 1
            return out
        real = of.lineage_columns
        self.seen("off", (of, "lineage_columns", naive))

    def test_anc2vec_last_duplicate_wins(self):
        def first(self_, path):
            real(self_, path)
            with np.load(path) as z:
                names = [x.decode() if isinstance(x, bytes) else str(x) for x in z["go_ids"]]
                for n, v in reversed(list(zip(names, z["embeddings"].astype(np.float32)))):
                    self_.vector[n] = v
        real = ob.Anc2vec.__init__
        self.seen("off", (ob.Anc2vec, "__init__", first))

    def test_underflowing_vectors_have_no_embedding(self):
        self.seen("off k1-expand", (num, "norm32", lambda r: np.float32(np.linalg.norm(np.asarray(r, float)))))

    def test_centroid_is_float32(self):
        self.seen("off", (num, "centroid32", lambda rows: np.mean(np.array(rows, float), axis=0).astype(np.float32)))

    def test_distance_is_accumulated_in_float64(self):
        self.seen("off", (num, "dots64", lambda q, r: (np.asarray(q, np.float32) @ np.asarray(r, np.float32).T).astype(float)))

    def test_dist_std_is_pairwise(self):
        def sequential(values, dtype):
            total = dtype(0)
            for x in np.asarray(values, dtype):
                total = dtype(total + x)
            return total
        self.seen("v5-all", (num, "pairwise_sum", sequential))

    def test_taxon_text_is_trimmed_and_parsed(self):
        self.seen("v2-all v5-all", (of, "parse_taxon", lambda t: int(t) if t and t.isdigit() and int(t) else None))

    def test_merged_taxa(self):
        def plain(self_, taxon):
            return None if taxon in self_._merged else real(self_, taxon)
        real = ot.Taxonomy.lineage
        self.seen("v2-all v5-all", (ot.Taxonomy, "lineage", plain))

    def test_alignment_is_not_symmetric(self):
        def swapped(q, r, **kw):
            out = real(r, q, **kw)
            if out:
                out["length_query"], out["length_ref"] = out["length_ref"], out["length_query"]
            return out
        real = of.alignment_values
        self.seen("v5-all v2-all", (of, "alignment_values", swapped))

    def test_empty_local_alignment_has_the_sentinel(self):
        self.seen("v2-all v5-all", (al, "SENTINEL", 0.0))

    def test_identity_is_case_sensitive(self):
        def folded(q, r, **kw):
            return real(q and q.upper(), r and r.upper(), **kw)
        real = of.alignment_values
        self.seen("v2-all v5-all", (of, "alignment_values", folded))

    def test_interpro_rows_are_added(self):
        self.seen("ia", (of, "interpro_only_terms", lambda *a: []))

    def test_interpro_repeats(self):
        def last(path):
            table = real(path)
            return {k: [v[0], v[1], max(1, len(v[1]))] for k, v in table.items()}
        real = ob.read_interpro
        self.seen("ia", (ob, "read_interpro", last))

    def test_self_prior_and_association(self):
        self.seen("association", (of.Parity, "self_prior", lambda *a: 0.0))
        self.seen("association", (of.Parity, "_conditional", lambda *a: 1.0))

    def test_parents_of_the_native_snapshot_do_not_count(self):
        def other(self_, bundle, pivot, natives):
            real(self_, bundle, pivot, natives)
            self_.parents = self_.parents_of[sorted(self_.snapshots - {pivot})[0]]
        real = ob.Ontology.__init__
        self.seen("k1-expand", (ob.Ontology, "__init__", other))

    def test_aspect_by_go_prefers_the_pivot(self):
        def smallest(self_, bundle, pivot, natives):
            real(self_, bundle, pivot, natives)
            for id_ in sorted(self_.aspect_of, reverse=True):
                self_.aspect_by_go[self_.go_id_of[id_]] = self_.aspect_of[id_]
        real = ob.Ontology.__init__
        self.seen("off case-a ia", (ob.Ontology, "__init__", smallest))


if __name__ == "__main__":
    unittest.main()
