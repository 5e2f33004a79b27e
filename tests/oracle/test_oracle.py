"""The oracle against the specification's own vectors and against cases worked out by hand.

Run: python3 -m unittest discover -s tests/oracle (from the repository root). Nothing here uses the program.
"""
import os
import random
import sqlite3
import sys
import tempfile
import types
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

try:
    import numpy as np
except ImportError:
    raise unittest.SkipTest("python3-numpy is missing")

import compare_tsv                      # noqa: E402
import oracle_align as al               # noqa: E402
import oracle_bundle as ob              # noqa: E402
import oracle_features as of            # noqa: E402
import oracle_groundtruth as og         # noqa: E402
import oracle_numeric as num            # noqa: E402
import oracle_output as oo              # noqa: E402
from oracle_taxonomy import Taxonomy, parse_taxon   # noqa: E402

needs_parasail = unittest.skipIf(al.parasail is None, "python3-parasail is missing")


class Numbers(unittest.TestCase):
    def test_half_rounding_follows_the_text_route(self):
        self.assertEqual(float(num.half_from_float32([1.00048828125])[0]), 1.0009765625)
        self.assertEqual(float(np.float32(1.00048828125).astype(np.float16)), 1.0)
        self.assertEqual(float(num.half_from_float32([65519.0])[0]), 65504.0)
        self.assertTrue(np.isinf(num.half_from_float32([65520.0])[0]))
        self.assertEqual(float(num.half_from_float32([-2.0 ** -24])[0]), -2.0 ** -24)

    def test_half_rounding_is_direct_away_from_midpoints(self):
        x = np.random.default_rng(1).normal(0, 3, 2000).astype(np.float32)
        x = x[(x.view(np.uint32) & 0x1FFF) != 0x1000]
        self.assertTrue(np.array_equal(num.half_from_float32(x), x.astype(np.float16)))

    def test_pairwise_sum_is_numpys_reduce(self):
        rng = np.random.default_rng(2)
        for n in list(range(0, 40)) + [127, 128, 129, 135, 136, 137, 255, 256, 257, 640, 1000, 1024, 2560, 5000]:
            for dtype in (np.float32, np.float64):
                a = (rng.normal(0, 1, n) ** 2).astype(dtype)
                self.assertEqual(num.pairwise_sum(a, dtype), np.add.reduce(a), n)
            rows = rng.normal(0, 1, (3, n)).astype(np.float32)
            if n:
                self.assertEqual([num.norm32(r) for r in rows], list(np.linalg.norm(rows, axis=1)), n)

    def test_population_std_is_numpys(self):
        rng = np.random.default_rng(3)
        for n in (2, 3, 7, 8, 9, 30, 129):
            x = [float(v) for v in rng.random(n).astype(np.float32)]
            self.assertEqual(num.population_std(x), float(np.std(np.array(x))))
        self.assertEqual(num.population_std([0.25]), 0.0)
        self.assertEqual(num.population_std([]), 0.0)

    def test_centroid_is_a_sequential_mean(self):
        rows = [np.array([v], np.float32) for v in (1e8, 1.0, -1e8, 1.0)]
        self.assertEqual(float(num.centroid32(rows)[0]), 0.25)
        m = np.random.default_rng(4).normal(0, 1, (37, 5)).astype(np.float32)
        self.assertTrue(np.array_equal(num.centroid32(list(m)), m.mean(axis=0)))

    def test_pcg64_sample_has_the_published_values(self):
        s = num.sample_rows(60000)
        self.assertEqual((s[:5], sum(s)), ([36986, 15073, 40217, 13514, 55104], 1498346282))
        s = num.sample_rows(527424)
        self.assertEqual((s[:5], sum(s)), ([249989, 455579, 44751, 305485, 148023], 13181087935))
        self.assertEqual(num.sample_rows(7), list(range(7)))

    def test_pcg64_sample_is_numpys_choice(self):
        for n in (50001, 61234):
            want = np.random.default_rng(42).choice(n, 50000, replace=False)
            self.assertEqual(num.sample_rows(n), [int(x) for x in want])

    def test_pcg64_stream_is_numpys(self):
        mine, theirs = num.Pcg64(42), np.random.PCG64(42)
        self.assertEqual([mine.next64() for _ in range(20)], [int(theirs.random_raw()) for _ in range(20)])

    def test_cosine_of_zero_vector_is_exactly_one(self):
        d = num.distance_matrix(np.zeros((1, 9), np.float32), np.ones((2, 9), np.float32), "cosine")
        self.assertEqual(d.tolist(), [[1.0, 1.0]])

    def test_distances_agree_with_float64_arithmetic(self):
        rng = np.random.default_rng(5)
        q, r = (rng.normal(0, 1, (n, 33)).astype(np.float16).astype(np.float32) for n in (4, 6))
        qq, rr = q.astype(float), r.astype(float)
        cos = 1 - (qq @ rr.T) / np.outer(np.linalg.norm(qq, axis=1), np.linalg.norm(rr, axis=1))
        self.assertLess(np.abs(num.distance_matrix(q, r, "cosine") - cos).max(), 1e-6)
        l2 = ((qq[:, None] - rr[None]) ** 2).sum(axis=2)
        self.assertLess((np.abs(num.distance_matrix(q, r, "l2") - l2) / l2).max(), 1e-5)
        self.assertEqual(num.distance_matrix(q, q, "l2").diagonal().min(), 0.0)


VECTORS = [
    ("HEAGAWGHEE", "PAWHEAE", (.3, .3, 3, .3, 10), (.8, .8, 18, .2, 5)),
    ("MSTNPKPQRKTKRNTNRRPQDVKFPGG", "MSTNPKPQRITKRNTRRPQDVKFPGG", (25 / 27, 25 / 27, 124, 1 / 27, 27), None),
    ("WWW", "NNN", (0, 0, -12, 0, 3), (0, 0, -1073741824, 0, 0)),
    ("acdefg", "ACDEFG", (0, 1, 36, 0, 6), None),
    ("MKUOXBZJ", "MKOUXZBJ", (.5, 1, 14, 0, 8), None),
    ("MKV*", "MKVL", (.75, .75, 10, 0, 4), (1, 1, 14, 0, 3)),
    ("GGGGGWGGGGG", "GGGGGGGGGG", (10 / 11, 10 / 11, 50, 1 / 11, 11), (.9, .9, 52, 0, 10)),
    ("AAAAAAAAAAKKKKKKKKKK", "AAAAAAAAAA", (.5, .5, 21, .5, 20), (1, 1, 40, 0, 10)),
]
FIVE = ("identity", "similarity", "alignment_score", "gaps_pct", "alignment_length")


class Alignment(unittest.TestCase):
    def _check(self, mode):
        for q, r, nw, sw in VECTORS:
            got = al.alignment_values(q, r, mode)
            for suffix, want in (("nw", nw), ("sw", sw or nw)):
                self.assertEqual(tuple(got[f"{n}_{suffix}"] for n in FIVE), tuple(map(float, want)), (q, r, suffix))
            self.assertEqual((got["length_query"], got["length_ref"]), (len(q), len(r)))

    def test_vectors_by_the_state_machine(self):
        self._check("direct")

    @needs_parasail
    def test_vectors_by_parasail(self):
        self._check("cross")

    @needs_parasail
    def test_matrix_is_parasails(self):
        self.assertEqual(al.parasail.blosum62.matrix.tolist(), al.MATRIX)
        mapper = al.parasail.blosum62.mapper
        self.assertEqual([int(mapper[i]) for i in range(128)], [al.letter(chr(i)) for i in range(128)])

    def test_literal_hyphen(self):
        for mode in ("direct", "cross"):
            v = al.alignment_values("MK-V-", "M-KV-", mode)
            self.assertEqual((v["identity_nw"], v["similarity_nw"], v["gaps_pct_nw"]), (2 / 5, 3 / 5, 4 / 5))

    def test_no_aligned_column(self):
        v = al.alignment_values("W" * 30, "N" * 25)
        self.assertEqual([v[f"{n}_nw"] for n in FIVE], [0, 0, -73, 1, 55])
        self.assertEqual(al.alignment_values("W" * 30, "N" * 25, sane_empty_sw=True)["alignment_score_sw"], 0.0)

    def test_missing_text(self):
        self.assertIsNone(al.alignment_values("", "A"))
        self.assertIsNone(al.alignment_values("A", None))

    @needs_parasail
    def test_state_machine_is_parasails_traceback(self):
        rng = random.Random(7)
        for _ in range(1500):
            letters = rng.choice(("ARNDCQEGHILKMFPSTWYV", "WN", "AUOJBZX*-acde", "AC", "P", "WG"))
            q = [rng.choice(letters) for _ in range(rng.randrange(1, 45))]
            r = list(q)
            if rng.random() < 0.4:
                r = [rng.choice(rng.choice((letters, "NWARND"))) for _ in range(rng.randrange(1, 45))]
            for _ in range(rng.randrange(6)):
                p = rng.randrange(len(r) + 1)
                r[p:p + rng.randrange(3)] = [rng.choice(letters) for _ in range(rng.randrange(4))]
            al.alignment_values("".join(q), "".join(r) or "A", "cross")


class TaxonomyRules(unittest.TestCase):
    def pair(self, a, lin1, b, lin2, merged=None):
        lineages = {lin[-1]: lin for lin in (lin1, lin2) if lin}
        return Taxonomy(lineages, merged).pair(a, b)

    def test_vectors(self):
        self.assertEqual(self.pair(5, [1, 2, 3, 4, 5], 6, [1, 2, 3, 4, 6]), (4, 4, "intermediate"))
        self.assertEqual(self.pair(4, [1, 2, 3, 4], 5, [1, 2, 3, 4, 5]), (3, 4, "ancestor"))
        self.assertEqual(self.pair(5, [1, 2, 3, 4, 5], 4, [1, 2, 3, 4]), (3, 4, "descendant"))
        self.assertEqual(self.pair(5, [1, 2, 5], 9, [1, 9]), (5, 1, "root-only"))
        self.assertEqual(self.pair(5, [1, 2, 5], 9, [1, 2, 9]), (4, 2, "distant"))
        self.assertEqual(self.pair(777, None, 6, [1, 2, 3, 6], {777: 6}), (2, 4, "descendant"))

    def test_missing_and_same(self):
        self.assertEqual(self.pair(None, None, None, None), (None, 0, "unrelated"))
        self.assertEqual(self.pair(5, [1, 5], 99, None), (None, 0, "unrelated"))
        self.assertEqual(self.pair(99, None, 99, None), (0, 1, "same"))
        self.assertEqual(self.pair(5, [2, 5], 9, [1, 9]), (None, 0, "distant"))

    def test_close_needs_more_than_fifteen(self):
        trunk = list(range(1, 16))
        self.assertEqual(self.pair(50, trunk + [50], 60, trunk + [60])[1:], (15, "intermediate"))
        trunk.append(16)
        self.assertEqual(self.pair(50, trunk + [50], 60, trunk + [60])[1:], (16, "close"))

    def test_taxon_text(self):
        for text, want in ((None, None), ("", None), (" 9606 ", 9606), ("0", None), ("00", None), ("abc", None),
                           ("+562", 562), ("-5", -5), ("12.0", None), ("1 2", None), ("99999999999999999999", None),
                           ("9223372036854775807", 2**63 - 1), ("9223372036854775808", None), ("١", None)):
            self.assertEqual(parse_taxon(text), want, text)

    def test_dump_and_ete3_agree(self):
        with tempfile.TemporaryDirectory() as d:
            with open(os.path.join(d, "nodes.dmp"), "w") as f:
                f.write("".join(f"{t}\t|\t{p}\t|\tno rank\t|\n" for t, p in ((1, 1), (2, 1), (3, 2), (4, 2))))
            with open(os.path.join(d, "merged.dmp"), "w") as f:
                f.write("77\t|\t4\t|\n")
            db = sqlite3.connect(os.path.join(d, "t.sqlite"))
            db.executescript("CREATE TABLE species (taxid INT, track TEXT); CREATE TABLE merged (taxid_old, taxid_new);"
                             "INSERT INTO species VALUES (1,'1'),(2,'2,1'),(3,'3,2,1'),(4,'4,2,1');"
                             "INSERT INTO merged VALUES (77,4)")
            db.commit()
            db.close()
            sources = [Taxonomy.load(d), Taxonomy.load(os.path.join(d, "nodes.dmp")),
                       Taxonomy.load(os.path.join(d, "t.sqlite"))]
            for a in (1, 2, 3, 4, 77, 5):
                for b in (1, 2, 3, 4, 77, 5):
                    self.assertEqual(len({s.pair(a, b) for s in sources}), 1, (a, b))
            self.assertEqual(sources[0].pair(77, 3), (4, 2, "distant"))


class Digests(unittest.TestCase):
    def test_schema_digests(self):
        v2, v5 = oo.FEATURES["v2-56"], oo.FEATURES["v5-73"]
        self.assertEqual((len(v2), len(v5)), (56, 73))
        self.assertEqual((oo.schema_sha(v2), oo.schema_sha(v5)), ("6d97a624b8a7", "775611822dd9"))
        self.assertEqual(oo.schema_sha([f for f in v2 if not f.startswith("lineage_")]), "0d9b7219433f")
        self.assertEqual((oo.contracts_sha(v2), oo.contracts_sha(v5)), ("5dc696be2f18", "b2a5cd46ec6b"))

    def test_manifest_text(self):
        job = types.SimpleNamespace(name="n\u00e9", k=3, config="c", pivot="p", annotation_source="goa",
                                    schema_profile="v2-56")
        text = oo.manifest_bytes(job, ["v1-v2"], "v2-v3", 5, 0, "1.0", None)
        self.assertTrue(text.startswith(b'{\n  "schema_version": "v2",\n  "name": "n\\u00e9",\n  "k": 3,\n'))
        self.assertIn(b'  "train_snapshot_pairs": [\n    "v1-v2"\n  ],\n', text)
        self.assertTrue(text.endswith(b'  "producer_git_sha": null\n}'))

    def test_cells(self):
        self.assertEqual([oo.cell(x) for x in (None, True, 0.1, 1.0, 3, "a\tb\\c\nd")],
                         ["\\N", "true", "0.1", "1.0", "3", "a\\tb\\\\c\\nd"])


def leaf(x, fraction, **more):
    return dict(dict(distance=x, neighbor_vote_fraction=fraction, neighbor_min_distance=x, aspect="P"), **more)


class Expansion(unittest.TestCase):
    """parents: leaf -> mid -> root; K = 4."""
    PARENTS = {"GO:3": {"GO:2"}, "GO:2": {"GO:1"}, "GO:4": {"GO:1"}}

    def test_order_of_leaves_matters(self):
        """mid is a leaf too: processed after GO:3 it donates the smaller minimum distance, before it its own."""
        def run(order):
            all_leaves = {"GO:3": leaf(0.1, 0.25), "GO:2": leaf(0.05, 0.25)}
            all_leaves["GO:2"]["neighbor_min_distance"] = 0.3
            leaves = {g: dict(all_leaves[g], go_term_id=g) for g in order}
            return leaves, of.expand(leaves, self.PARENTS, 4)
        leaves, anc = run(("GO:3", "GO:2"))
        self.assertEqual(leaves["GO:2"]["neighbor_min_distance"], 0.1)
        self.assertEqual(leaves["GO:2"]["neighbor_vote_fraction"], 0.5)
        self.assertEqual(anc["GO:1"]["distance"], 0.05)
        self.assertEqual(anc["GO:1"]["neighbor_min_distance"], 0.1)      # copied after the change
        self.assertEqual(anc["GO:1"]["neighbor_vote_fraction"], 0.5)
        leaves, anc = run(("GO:2", "GO:3"))
        self.assertEqual(leaves["GO:2"]["neighbor_min_distance"], 0.1)
        self.assertEqual(anc["GO:1"]["neighbor_min_distance"], 0.3)      # copied before the change

    def test_nearer_leaf_replaces_but_keeps_place_and_fraction(self):
        leaves = {"GO:3": leaf(0.4, 0.25, go_term_id="GO:3"), "GO:4": leaf(0.2, 0.75, go_term_id="GO:4")}
        anc = of.expand(leaves, self.PARENTS, 4)
        self.assertEqual(list(anc), ["GO:1", "GO:2"])
        self.assertEqual((anc["GO:1"]["distance"], anc["GO:1"]["neighbor_vote_fraction"]), (0.2, 0.5))
        self.assertEqual(anc["GO:1"]["go_term_id"], "GO:1")
        self.assertEqual((anc["GO:2"]["distance"], anc["GO:2"]["neighbor_vote_fraction"]), (0.4, 0.25))

    def test_equal_distance_does_not_replace(self):
        leaves = {"GO:3": leaf(0.2, 0.25, mark=1), "GO:4": leaf(0.2, 0.25, mark=2)}
        self.assertEqual(of.expand(leaves, self.PARENTS, 4)["GO:1"]["mark"], 1)

    def test_fraction_above_one_is_cut_only_when_touched(self):
        leaves = {"GO:2": leaf(0.2, 1.5), "GO:3": leaf(0.3, 0.25), "GO:4": leaf(0.1, 1.25)}
        of.expand(leaves, self.PARENTS, 4)
        self.assertEqual(leaves["GO:2"]["neighbor_vote_fraction"], 1.0)
        self.assertEqual(leaves["GO:4"]["neighbor_vote_fraction"], 1.25)

    def test_ia_weights(self):
        anc = of.expand({"GO:3": leaf(0.1, 0.25)}, self.PARENTS, 4, {"GO:3": 4.0, "GO:2": 1.0})
        self.assertEqual((anc["GO:2"]["neighbor_vote_fraction"], anc["GO:1"]["neighbor_vote_fraction"]), (0.0625, 0.0))
        anc = of.expand({"GO:3": leaf(0.1, 0.25)}, self.PARENTS, 4, {"GO:2": 1.0})
        self.assertEqual(anc["GO:2"]["neighbor_vote_fraction"], 0.25)

    def test_cycle_counts_the_leaf_itself(self):
        leaves = {"GO:3": leaf(0.1, 0.25)}
        of.expand(leaves, {"GO:3": {"GO:2"}, "GO:2": {"GO:3"}}, 4)
        self.assertEqual(leaves["GO:3"]["neighbor_vote_fraction"], 0.5)


class Lineage(unittest.TestCase):
    PARENTS = {"c": {"b"}, "b": {"a"}, "d": {"a"}}

    def counts(self, t, known):
        v = of.lineage_columns(t, known, self.PARENTS)
        return (v["lineage_ancestor_of_count"], v["lineage_descendant_of_count"],
                v["lineage_is_ancestor_of_known"], v["lineage_is_descendant_of_known"])

    def test_counts(self):
        self.assertEqual(self.counts("b", {"a", "c", "d"}), (1, 1, 1, 1))
        self.assertEqual(self.counts("b", {"b"}), (0, 0, 0, 0))
        self.assertEqual(self.counts("a", {"a", "b", "c", "d"}), (3, 0, 1, 0))
        self.assertEqual(self.counts("c", {"a", "b", "c"}), (0, 2, 0, 1))
        self.assertEqual(self.counts("c", set()), (0, 0, 0, 0))


def tiny_ontology(natives=("S",), pivot="S"):
    """a <- b <- c (P), f (F), f part_of b; x has no aspect. Snapshot O lacks b: c is_a a there."""
    o = types.SimpleNamespace(pivot=pivot)
    names = {"a": "P", "b": "P", "c": "P", "f": "F", "g": "F", "x": None}
    o.go_id_of = {i: n for i, n in enumerate(names)} | {10 + i: n for i, n in enumerate(names) if n != "b"}
    o.aspect_of = {i: names[n] for i, n in o.go_id_of.items() if names[n]}
    o.pivot_aspect = {n: a for n, a in names.items() if a}
    o.pivot_terms = set(o.pivot_aspect)
    o.aspect_by_go = dict(o.pivot_aspect)
    o.parents_of = {"S": {"b": {"a"}, "c": {"b"}, "f": {"b"}}, "O": {"c": {"a"}}}
    o.parents = o.parents_of["S"]
    o.children_of = ob.Ontology.children_of.__get__(o)
    return o


def row(acc, term, qualifier=None, evidence="IDA"):
    return ob.Row(0, acc, term, qualifier, evidence)


A, B, C, F, G, X = range(6)


class Buckets(unittest.TestCase):
    def test_case_a_categories(self):
        o = tiny_ontology()
        old = [row("pk", C), row("lk", C), row("same", C), row("iea", C, evidence="IEA"), row("lost", C)]
        new = [row("pk", C), row("pk", A), row("lk", C), row("lk", F), row("same", C), row("iea", C),
               row("x", X), row("eco", G, evidence="ECO:0000314"), row("null", G, evidence=None)]
        case, t = og.compute(old, new, "S", "S", o)
        self.assertEqual(case, "A")
        self.assertEqual(t.gt, {"nk": {("iea", "c"), ("eco", "g")}, "lk": {("lk", "f")}, "pk": {("pk", "a")}})
        self.assertEqual(t.known, {"pk": {"c"}, "lk": {"c"}, "same": {"c"}, "lost": {"c"}})
        self.assertEqual(t.member["lk"], {("lk", "F")})

    def test_case_a_negation_reaches_descendants_on_both_sides(self):
        o = tiny_ontology()
        old = [row("p", C), row("p", A)]
        new = [row("p", C), row("p", A), row("p", F), row("p", B, "NOT|involved_in", "IEA"), row("q", B, "CANNOT"),
               row("q", A), row("r", B, "not|x")]
        _, t = og.compute(old, new, "S", "S", o)
        self.assertEqual(t.known, {"p": {"a"}})                  # c lies below the negated b
        self.assertEqual(t.gt["nk"], {("q", "a"), ("r", "b")})   # lower case does not negate
        self.assertEqual(t.gt["lk"] | t.gt["pk"], set())         # f is below b too

    def test_case_b_propagates_natively_and_intersects_with_the_pivot(self):
        o = tiny_ontology()
        old, new = [row("p", 12)], [row("p", C)]                  # id 12 is c in snapshot O
        case, t = og.compute(old, new, "O", "S", o)
        self.assertEqual(case, "B")
        self.assertEqual(t.known, {"p": {"a", "c"}})             # O has no b between c and a
        self.assertEqual(t.gt, {"nk": set(), "lk": set(), "pk": {("p", "b")}})

    def test_case_b_negatives(self):
        o = tiny_ontology()
        old = [row("p", 12, "NOT"), row("q", 15, "NOT")]          # c; x has no aspect and vanishes
        new = [row("p", C), row("p", F), row("q", F)]
        _, t = og.compute(old, new, "O", "S", o)
        self.assertEqual(t.gt["nk"], {("p", "a"), ("p", "b"), ("p", "f"), ("q", "a"), ("q", "b"), ("q", "f")})
        old = [row("p", 10, "NOT")]                               # a: b is its child only under the pivot
        _, t = og.compute(old, new, "O", "S", o)
        self.assertEqual({p for p, _ in t.gt["nk"]}, {"q"})

    def test_triples(self):
        with tempfile.NamedTemporaryFile("w", suffix=".tsv") as f:
            f.write("p\ta\tnk\nq\tf\tpk\nq\tc\tknown\nq\tc\tpk_known\nr\ta\tremoved\nq\tnowhere\tpk\n")
            f.flush()
            t = og.read_triples(f.name, tiny_ontology())
        self.assertEqual(t.gt, {"nk": {("p", "a")}, "lk": set(), "pk": {("q", "f"), ("q", "nowhere")}})
        self.assertEqual(t.member["pk"], {("q", "F")})
        self.assertEqual((t.known, t.proteins), ({"q": {"c"}}, {"p", "q"}))


class Candidates(unittest.TestCase):
    def setUp(self):
        self.o = tiny_ontology()
        self.pool = of.Pool(["r1", "r2"], np.zeros((2, 3), np.float16))
        rows = [ob.Row(3, "r2", C, "q3", "IEA"), ob.Row(4, "r1", C, None, "IDA"), ob.Row(5, "r1", C, "q5", None),
                ob.Row(6, "r1", A, "NOT", "IDA"), ob.Row(7, "r1", F, None, "TAS"), ob.Row(8, "zz", A, None, "IDA")]
        self.refs = of.References(rows, self.pool, self.o)

    def test_references(self):
        self.assertEqual(self.refs.order, {"P": ["r1", "r2"], "F": ["r1"], "C": []})
        self.assertEqual(dict(self.refs.term_freq), {C: 3, F: 1})
        self.assertEqual(dict(self.refs.density), {"r1": 3, "r2": 1})

    def test_votes_are_rows_not_neighbours(self):
        near = {"P": [("r2", 0.1), ("r1", 0.4)], "F": [("r1", 0.4)], "C": []}
        v = of.Votes(near, self.refs)
        self.assertEqual((v.votes[C], v.k_pos[C], v.min_d[C], v.sum_d[C]), (3, 1, 0.1, 0.1 + 0.4 + 0.4))
        self.assertEqual(v.dist_std, num.population_std([0.1, 0.4, 0.4]))

    def test_same_go_id_twice_replaces_but_keeps_its_place(self):
        rows = [ob.Row(1, "r1", C, "first", "IDA"), ob.Row(2, "r1", A, "other", "IDA"), ob.Row(3, "r1", 12, "late", "IEA")]
        refs = of.References(rows, self.pool, self.o)
        near = {"P": [("r1", 0.5)], "F": [], "C": []}
        votes = of.Votes(near, refs)
        vectors = types.SimpleNamespace(unit={}, context=lambda terms: None, cosines=lambda t, c: (None, None))
        builder = of.GroupBuilder(types.SimpleNamespace(k=4), self.o, refs, vectors)
        pair = types.SimpleNamespace(get=lambda q, r: dict(taxonomic_relation=""))
        leaves = builder.leaves("q", "P", near, votes, {}, pair, None, 0)
        self.assertEqual(list(leaves), ["c", "a"])
        self.assertEqual((leaves["c"]["qualifier"], leaves["c"]["vote_count"]), ("late", 1.0))

    def test_neighbour_ties_and_threshold(self):
        pool = of.Pool(["a", "b", "c", "q"], np.array([[1, 0], [1, 0], [0, 1], [1, 0]], np.float16))
        found = of.search(["q"], ["a", "b", "c"], pool, 2, "cosine", None)
        self.assertEqual([r for r, _ in found["q"]], ["a", "b"])
        found = of.search(["q"], ["a", "b", "c"], pool, 3, "cosine", 0.5)
        self.assertEqual([r for r, _ in found["q"]], ["a", "b"])
        self.assertEqual(of.search(["q"], [], pool, 3, "cosine", None), {"q": []})


class Terms(unittest.TestCase):
    def test_contexts(self):
        archive = types.SimpleNamespace(vector={"c": np.array([3, 4], np.float32), "f": np.array([0, 2], np.float32),
                                                "a": np.zeros(2, np.float32), "b": np.array([-3, -4], np.float32),
                                                "g": np.array([1e-30, 0], np.float32)})
        pool = of.Pool(["r"], np.zeros((1, 2), np.float16))
        rows = [ob.Row(i, "r", t, None, "IDA") for i, t in enumerate((C, F, A, B, G))]
        v = of.TermVectors(archive, of.References(rows, pool, tiny_ontology()), {}, tiny_ontology())
        self.assertEqual(set(v.unit), {"b", "c", "f"})           # zero and underflowing vectors have none
        self.assertEqual(v.cosines("a", v.context(["c"])), (None, None))
        self.assertIsNone(v.context(["a", "g", "unknown"]))
        rows, centre = v.context(["b", "c"])
        self.assertIsNone(centre)                                 # they cancel: a context without a centroid
        cos, top = v.cosines("c", (rows, centre))
        self.assertIsNone(cos)
        self.assertAlmostEqual(top, 1.0, 6)
        self.assertAlmostEqual(v.cosines("f", v.context(["c"]))[0], 0.8, 6)

    def test_term_outside_the_pool_has_no_vector(self):
        archive = types.SimpleNamespace(vector={"c": np.ones(2, np.float32)})
        pool = of.Pool(["r"], np.zeros((1, 2), np.float16))
        refs = of.References([], pool, tiny_ontology())
        self.assertEqual(of.TermVectors(archive, refs, {}, tiny_ontology()).unit, {})
        self.assertEqual(set(of.TermVectors(archive, refs, {"p": {"c"}}, tiny_ontology()).unit), {"c"})


class Interpro(unittest.TestCase):
    def test_table(self):
        text = ("p\tg\t0.5\tPfam;xsmartx, CDD\n" "p\tg\t0.9\t\t\n" "p\tg\t0.1\tPROSITE_PROFILES\tabc\n" "q\tg\t1\n"
                "p\tg2\t1\tPfam\t7\n" "p\tg2\t1\tPfam\t3\n" "\tg\t1\n" "p\t\t1\n" "p\tg\tx\n" "p\tg\n" "\n"
                "q\th\t2\tGene3D\n")
        with tempfile.NamedTemporaryFile("w", suffix=".tsv") as f:
            f.write(text)
            f.flush()
            t = ob.read_interpro(f.name)
        self.assertEqual(t[("p", "g")], [0.9, {"pfam", "smart", "cdd", "prosite"}, 5])   # 3, then two repeats
        self.assertEqual(t[("p", "g2")], [1.0, {"pfam"}, 3])
        self.assertEqual((t[("q", "g")], t[("q", "h")]), ([1.0, set(), 1], [2.0, set(), 1]))
        self.assertEqual(len(t), 4)


class ParityRules(unittest.TestCase):
    def test_self_prior_and_association(self):
        o = tiny_ontology()
        rows = [row("p", C), row("p", F), row("p", A, evidence="IEA"), row("p", B, "NOT", "IEA"), row("p", G, None, None),
                row("q", C), row("q", A), row("r", C, evidence="IEA"), row("s", F), row("s", A)]
        parity = of.Parity(rows, o)
        self.assertEqual([parity.self_prior("p", g) for g in "abcg"], [1.0, 0.0, 0.0, 1.0])
        # a: with c in q (1 of 2 carriers of c: p, q), with f in s (1 of 2: p, s); f is the other aspect
        self.assertEqual(parity.association("p", "a"), (1.0, 0.5, 1.0))
        self.assertEqual(parity.association("p", "c"), (1.5, 0.5, 1.0))        # c goes with itself
        self.assertEqual(parity.association("p", "b"), (0.0, 0.0, 0.0))
        self.assertEqual(parity.association("none", "a"), (0.0, 0.0, 0.0))


class Pca(unittest.TestCase):
    def test_components_and_signs(self):
        rng = np.random.default_rng(9)
        x = (rng.normal(0, 1, (40, 20)) * np.linspace(3, 0.1, 20)).astype(np.float16)
        mean, comps = of.fit_pca(x)
        self.assertEqual((mean.shape, comps.shape, comps.dtype), ((20,), (16, 20), np.float32))
        for c in comps:
            self.assertGreater(c[np.argmax(np.abs(c))], 0)
        _, _, vt = np.linalg.svd(x.astype(float) - x.astype(float).mean(axis=0), full_matrices=False)
        for c, v in zip(comps, vt):
            self.assertAlmostEqual(abs(float(c @ v)), 1.0, 5)

    def test_few_rows_or_columns(self):
        x = np.random.default_rng(9).normal(0, 1, (5, 9)).astype(np.float16)
        state = of.fit_pca(x)
        self.assertEqual(len(state[1]), 4)
        values = of.project(state, x[0])
        self.assertEqual([values[c] is None for c in of.PCA_COLUMNS], [False] * 4 + [True] * 12)
        self.assertEqual(len(of.fit_pca(x[:1])[1]), 0)
        self.assertEqual(len(of.fit_pca(np.random.default_rng(9).normal(0, 1, (50, 9)).astype(np.float16))[1]), 9)


class Comparison(unittest.TestCase):
    """compare_tsv.py must not be blind."""
    HEADER = ["protein_accession", "go_term_id", "label", "distance", "interpro_hit", "emb_pca_query_0"]
    ROWS = [["p", "GO:1", "1", "0.1", "true", "1.5"], ["p", "GO:2", "0", "\\N", "false", "-2.5"]]

    def differences(self, header=None, rows=None, change=None):
        rows = [list(r) for r in (self.ROWS if rows is None else rows)]
        if change:
            row, column, value = change
            rows[row][column] = value
        with tempfile.TemporaryDirectory() as d, mock.patch("builtins.print"):
            paths = []
            for name, h, body in (("a", self.HEADER, self.ROWS), ("b", header or self.HEADER, rows)):
                paths.append(os.path.join(d, name))
                with open(paths[-1], "w") as f:
                    f.write("".join("\t".join(x) + "\n" for x in [h] + body))
            return compare_tsv.main(paths)

    def test_equal(self):
        self.assertEqual(self.differences(), 0)
        self.assertEqual(self.differences(change=(0, 3, "1.0e-1")), 0)
        self.assertEqual(self.differences(change=(0, 4, "1")), 0)
        self.assertEqual(self.differences(change=(0, 5, "1.5000000001")), 0)

    def test_different(self):
        for change in ((0, 3, "0.10000000000000002"), (1, 3, "0.0"), (0, 3, "\\N"), (0, 2, "0"), (0, 4, "false"),
                       (0, 5, "1.50001"), (0, 5, "\\N"), (1, 1, "GO:3"), (0, 3, "x"), (0, 0, "q")):
            self.assertEqual(self.differences(change=change), 1, change)
        self.assertEqual(self.differences(rows=self.ROWS[:1]), 1)
        self.assertEqual(self.differences(rows=self.ROWS[::-1]), 1)
        self.assertEqual(self.differences(rows=self.ROWS + self.ROWS[:1]), 1)
        self.assertEqual(self.differences(header=["go_term_id", "protein_accession"] + self.HEADER[2:]), 1)
        self.assertEqual(self.differences(rows=[r[:-1] for r in self.ROWS]), 2)


if __name__ == "__main__":
    unittest.main()
