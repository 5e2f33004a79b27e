"""Random adversarial worlds: ontologies, proteins, embeddings, annotations. Everything follows from one seed."""
import hashlib
import random
import uuid

import numpy as np

from oracle_numeric import half_from_float32

ROOTS = {"P": "GO:0008150", "F": "GO:0003674", "C": "GO:0005575"}
VERSIONS = (160, 165, 170, 175, 180, 185)
#: snapshot letters: A, B old; C the usual pivot; D used by nobody; E only by the last version
NATIVE = {160: "A", 165: "B", 170: "B", 175: "C", 180: "C", 185: "E"}
OPTIONAL = ("cycle", "mixed_ids", "dup_chunks", "no_chunk_column", "no_opt_columns", "missing_sequence_row",
            "empty_aspect", "odd_strings", "foreign_ids", "nonfinite", "skipped_pair", "queryless_pair",
            "last_version_on_pivot")
EVIDENCE_EXP = ["EXP", "IDA", "IPI", "IMP", "IGI", "IEP", "HTP", "HDA", "HMP", "HGI", "HEP", "IC", "TAS",
                "ECO:0000314", "ECO:0000269", "ECO:0007005", "ECO:0000304"]
EVIDENCE_OTHER = ["IEA", "ISS", "IBA", "ND", "NAS", "ECO:0000501", "ECO:0000250", "ida", "", None]
SIZES = {"small": dict(terms=(26, 16, 11), families=8, members=(3, 9), length=(25, 110)),
         "mid": dict(terms=(70, 45, 25), families=28, members=(4, 14), length=(40, 180))}


#: pairs whose buckets are stored, not computed (job "stored")
STORED_PAIRS = ((160, 170), (170, 180))


class World:
    def __init__(self, seed, size, features, store):
        """store: absolute path of the artifact store, for groundtruth_uri."""
        self.store = store
        self.rng = random.Random(seed)
        self.np = np.random.default_rng(seed)
        self.seed, self.size, self.features = seed, SIZES[size], features
        self.native = dict(NATIVE)
        if "last_version_on_pivot" in features:
            self.native[185] = "C"
        self._ontology()
        self._taxonomy()
        self._proteins()
        self._embeddings()
        self._annotations()
        self._evaluation_sets()

    def uuid(self, label):
        return str(uuid.UUID(hashlib.md5(f"{self.seed}:{label}".encode()).hexdigest()))

    def has(self, name):
        return name in self.features

    # ---- ontology ---------------------------------------------------------------------------

    def _ontology(self):
        rng = self.rng
        numbers = rng.sample(range(10000, 9999999), sum(self.size["terms"]))
        base, self.by_aspect = {}, {}
        for aspect, n in zip("PFC", self.size["terms"]):
            names = [ROOTS[aspect]] + [f"GO:{numbers.pop():07d}" for _ in range(n - 1)]
            self.by_aspect[aspect] = names
            base.update(dict.fromkeys(names, aspect))
        edges = []
        for aspect, names in self.by_aspect.items():
            for i, go in enumerate(names[1:], 1):
                for parent in rng.sample(names[:i], min(i, rng.choice((1, 1, 2, 3)))):
                    edges.append((go, parent, rng.choice(("is_a", "is_a", "part_of"))))
                roll = rng.random()
                other = rng.choice(self.by_aspect[{"P": "C", "F": "P", "C": "F"}[aspect]]
                                   if aspect == "F" or len(self.by_aspect) == 3 else names)
                if aspect == "F" and roll < 0.4:
                    other = rng.choice(self.by_aspect["P"])
                    edges.append((go, other, "part_of"))
                elif roll < 0.7:
                    edges.append((go, other, rng.choice(("regulates", "has_part", "IS_A", "negatively_regulates"))))
        self.base, self.base_edges = base, edges
        self._snapshots()

    def _snapshots(self):
        rng = self.rng
        self.snapshot = {s: self.uuid("snapshot" + s) for s in "ABCDE"}
        self.terms, self.relations = [], []
        self.term_id, self.aspect = {}, {}                 # (snapshot, go) -> id, aspect
        ids = iter(rng.sample(range(1000, 90000), 8 * len(self.base) + 10))
        rel_ids = iter(rng.sample(range(1, 900000), 8 * len(self.base_edges) + 100))
        for s in rng.sample("ABCDE", 5):
            for go, aspect in self.base.items():
                root = go in ROOTS.values()
                if not root and rng.random() < 0.07:
                    continue
                roll = 1.0 if root else rng.random()
                if roll < 0.03:
                    aspect = None
                elif roll < 0.05:
                    aspect = ""
                elif roll < 0.08:
                    aspect = rng.choice("PFC")
                id_ = next(ids)
                self.term_id[s, go], self.aspect[s, go] = id_, aspect
                self.terms.append(dict(id=id_, go_id=go, aspect=aspect, name=f"term {go}",
                                       is_obsolete=int(rng.random() < 0.08), ontology_snapshot_id=self.snapshot[s]))
            self._edges(s, rel_ids)
        rng.shuffle(self.terms)
        rng.shuffle(self.relations)

    def _edges(self, s, rel_ids):
        rng = self.rng
        mine = [e for e in self.base_edges if rng.random() > 0.06]
        mine += [(c, rng.choice(self.by_aspect[self.base[c]]), "regulates") for c, _, _ in rng.sample(mine, 4)]
        mine += rng.sample(mine, 2)                        # repeated edges
        if self.has("cycle") and s in "CB":
            c, p, _ = rng.choice([e for e in mine if e[2] == "is_a" and e[1] not in ROOTS.values()])
            mine.append((p, c, "part_of"))
        for child, parent, kind in mine:
            if (s, child) in self.term_id and (s, parent) in self.term_id:
                self.relations.append(dict(id=next(rel_ids), child_go_term_id=self.term_id[s, child],
                                           parent_go_term_id=self.term_id[s, parent], relation_type=kind,
                                           ontology_snapshot_id=self.snapshot[s]))

    # ---- taxonomy ---------------------------------------------------------------------------

    def _taxonomy(self):
        rng = self.rng
        self.tax_parent = {1: 1}
        chain = [1]
        for taxon in rng.sample(range(2, 9000), 20):       # a deep trunk, so that 'close' (> 15) occurs
            self.tax_parent[taxon] = chain[-1]
            chain.append(taxon)
        for taxon in rng.sample(range(9000, 400000), 40):
            parent = rng.choice(chain[-4:] if rng.random() < 0.5 else list(self.tax_parent))
            self.tax_parent[taxon] = parent
        self.taxa = [t for t in self.tax_parent if t != 1]
        self.tax_merged = {rng.randrange(500000, 600000): rng.choice(self.taxa) for _ in range(5)}

    def _taxon_text(self, near):
        rng = self.rng
        roll = rng.random()
        if roll < 0.55:
            return str(near)
        if roll < 0.75:
            return str(rng.choice(self.taxa))
        t = rng.choice(self.taxa)
        return rng.choice([None, "", "   ", f" {t} ", f"\t{t}\n", "0", "abc", f"+{t}", "-5", f"00{t}", f"{t}.0", "1",
                           str(rng.choice(list(self.tax_merged))), "777777777", "99999999999999999999",
                           str(rng.choice(list(self.tax_merged)))])

    # ---- proteins ---------------------------------------------------------------------------

    def _accession(self, used):
        rng = self.rng
        while True:
            acc = rng.choice([f"P{rng.randrange(10**5):05d}", f"Q{rng.randrange(10)}ABC{rng.randrange(10)}",
                              f"A0A{rng.randrange(10**7):07d}", f"a0{rng.randrange(1000)}", f"O{rng.randrange(100)}"])
            if used and rng.random() < 0.1:
                acc = rng.choice(sorted(used)).split("-")[0] + f"-{rng.randrange(1, 4)}"
            if acc not in used:
                used.add(acc)
                return acc

    def _mutate(self, text):
        rng = self.rng
        letters = "ACDEFGHIKLMNPQRSTVWY"
        out = []
        rate = rng.uniform(0.02, 0.4)
        for c in text:
            roll = rng.random()
            if roll < rate:
                c = rng.choice(letters)
            elif roll < rate + 0.02:
                c = c + "".join(rng.choice(letters) for _ in range(rng.randrange(1, 9)))
            elif roll < rate + 0.03:
                c = ""
            out.append(c)
        text = "".join(out) or "M"
        if rng.random() < 0.12:
            a = rng.randrange(len(text))
            text = text[:a] + rng.choice(["XXXX", "UO", "B", "ZJ", "**", "-", "q", "abcdef", "1", "--"]) + text[a + 2:]
        return text.lower() if rng.random() < 0.03 else text

    def _proteins(self):
        rng = self.rng
        letters = "ACDEFGHIKLMNPQRSTVWY"
        used, texts = set(), []
        self.family, self.proteins = {}, []                # accession -> family, [(acc, text, taxon)]
        for fam in range(self.size["families"]):
            ancestor = "M" + "".join(rng.choice(letters) for _ in range(rng.randrange(*self.size["length"])))
            near = rng.choice(self.taxa)
            for i in range(rng.randrange(*self.size["members"])):
                text = ancestor if i == 0 else self._mutate(ancestor)
                if texts and rng.random() < 0.08:
                    text = rng.choice(texts)               # two proteins, one sequence
                texts.append(text)
                acc = self._accession(used)
                self.family[acc] = fam
                self.proteins.append((acc, text, self._taxon_text(near)))
        odd = ["W" * 30, "N" * 25, "W" * 41, "G" * 20 + "W" + "G" * 20, "W", "A", "*", "-", "MK-V-", "M-KV-", "*" * 9,
               "U" * 12, "acdefg", "ACDEFG", "", "", None, None]
        for text in odd:
            acc = self._accession(used)
            self.family[acc] = rng.randrange(self.size["families"])
            self.proteins.append((acc, text, self._taxon_text(rng.choice(self.taxa))))
        rng.shuffle(self.proteins)
        distinct = sorted({t for _, t, _ in self.proteins if t is not None})
        rng.shuffle(distinct)
        numbers = rng.sample(range(1, 5000), len(distinct) + 1)
        self.sequence_id = dict(zip(distinct, numbers))
        self.ghost_sequence = numbers[-1]                  # has embeddings, has no row in `sequence`
        self.ghost_protein = None
        if self.has("missing_sequence_row"):
            self.ghost_protein = next(acc for acc, text, _ in self.proteins if text is None)

    def protein_rows(self):
        for acc, text, taxon in self.proteins:
            seq = self.sequence_id.get(text)
            if acc == self.ghost_protein:
                seq = self.ghost_sequence
            yield dict(accession=acc, sequence_id=seq, taxonomy_id=taxon)

    def sequence_rows(self):
        return [dict(id=i, sequence=t, sequence_hash=hashlib.md5(t.encode()).hexdigest())
                for t, i in self.sequence_id.items()]

    # ---- embeddings -------------------------------------------------------------------------

    def _midpoint(self):
        """A float32 exactly between two halves, where the text route may differ from a direct conversion."""
        while True:
            if self.rng.random() < 0.75:
                exponent = self.rng.randrange(-6, 4)
                x = np.float32((1024 + self.rng.randrange(1024) + 0.5) * 2.0 ** (exponent - 10))
            else:
                x = np.float32((2 * self.rng.randrange(1, 1000) + 1) * 2.0 ** -25)
            if self.rng.random() < 0.3 or half_from_float32([x])[0] != x.astype(np.float16):
                return x if self.rng.random() < 0.5 else -x

    def _embeddings(self):
        rng = self.rng
        self.configs = {"f16": (self.uuid("cfg16"), rng.randrange(9, 25)), "f32": (self.uuid("cfg32"), rng.randrange(18, 41)),
                        "few": (self.uuid("cfgfew"), 12)}
        sequences = [(t, i) for t, i in self.sequence_id.items()]
        if self.ghost_protein:
            sequences.append((None, self.ghost_sequence))
        fam_of = {}
        for acc, text, _ in self.proteins:
            fam_of.setdefault(text, self.family[acc])
        self.embeddings = []
        ids = iter(rng.sample(range(1, 200000), 20 * len(sequences) + 50))
        for name, (config, dim) in self.configs.items():
            centres = self.np.normal(0, 1, (self.size["families"], dim))
            vectors = {i: (centres[fam_of[t]] + self.np.normal(0, 0.35, dim)).astype(np.float32) for t, i in sequences}
            chosen = [i for _, i in sequences if rng.random() < (0.2 if name == "few" else 0.93)]
            self._oddities(vectors, chosen, name, dim)
            for i in chosen:
                self._write_rows(ids, name, config, dim, i, vectors[i])
        rng.shuffle(self.embeddings)

    def _oddities(self, vectors, chosen, name, dim):
        rng = self.rng
        if name == "few":
            return
        pick = rng.sample(chosen, min(len(chosen), 12))
        vectors[pick[0]] = np.zeros(dim, np.float32)
        vectors[pick[1]] = np.zeros(dim, np.float32)
        vectors[pick[2]] = vectors[pick[3]]                # other text, same vector: a tie everywhere
        vectors[pick[4]] = np.full(dim, 1.2e-7, np.float32)
        vectors[pick[5]] = -vectors[pick[6]]
        vectors[pick[7]] = np.float32(2) * vectors[pick[8]].astype(np.float16).astype(np.float32)
        if self.has("nonfinite"):
            vectors[pick[9]] = np.where(np.arange(dim) == 3, np.nan, vectors[pick[9]]).astype(np.float32)
            vectors[pick[10]] = np.where(np.arange(dim) == 0, np.inf, vectors[pick[10]]).astype(np.float32)
            vectors[pick[11]] = np.where(np.arange(dim) == 1, 65520.0, vectors[pick[11]]).astype(np.float32)
        if name == "f32":
            for i in rng.sample(chosen, len(chosen) // 2):
                for j in rng.sample(range(dim), 4):
                    if np.isfinite(vectors[i][j]):
                        vectors[i] = vectors[i].copy()
                        vectors[i][j] = self._midpoint()

    def _blob(self, name, vector):
        with np.errstate(over="ignore"):
            return vector.astype("<f4" if name == "f32" else "<f2").tobytes()

    def _write_rows(self, ids, name, config, dim, seq, vector):
        """The row that counts and, for chunked configurations, rows that must not count."""
        rng = self.rng
        chunked = name == "f32" and rng.random() < 0.3
        rows = []
        first = rng.choice((0, 0, 0, 512)) if chunked else 0
        rows.append((first, vector, dim))
        if chunked:
            for c in range(rng.randrange(1, 3)):
                other_dim = dim + (1 if rng.random() < 0.2 else 0)
                rows.append((first + 512 * (c + 1), self.np.normal(0, 1, other_dim).astype(np.float32), other_dim))
            if self.has("dup_chunks") and not self.has("no_chunk_column"):
                rows.append((first, self.np.normal(0, 1, dim).astype(np.float32), dim))
        numbers = [next(ids) for _ in rows]
        if self.has("no_chunk_column") or (self.has("dup_chunks") and chunked):
            numbers.sort()                                 # the first row must have the smallest id
        else:
            rng.shuffle(numbers)
        for id_, (chunk, v, d) in zip(numbers, rows):
            self.embeddings.append(dict(id=id_, sequence_id=seq, embedding_config_id=config, chunk_index_s=chunk,
                                        chunk_index_e=chunk + 512 if name == "f32" else None,
                                        embedding=self._blob(name, v), embedding_dim=d))

    # ---- annotations ------------------------------------------------------------------------

    def _annotations(self):
        rng = self.rng
        self.sets, self.annotations = [], []
        ids = rng.sample(range(1, 3000000), 400000 if len(self.proteins) > 150 else 60000)
        self._annotation_ids = iter(ids)
        facts = self._facts()
        self.set_id = {}
        for v in VERSIONS:
            s = self.native[v]
            set_id = self.uuid(f"set{v}")
            self.set_id[v] = set_id
            self.sets.append(dict(id=set_id, source="goa", source_version=str(v), ontology_snapshot_id=self.snapshot[s],
                                  created_at=f"2020-01-{v % 28 + 1:02d}T00:00:00.5Z"))
            seen = set()
            for fact in facts:
                if fact["from"] <= v < fact["to"]:
                    self._annotate(seen, set_id, s, fact["acc"], fact["go"], fact["qualifier"], fact["evidence"])
            self._noise(seen, set_id, s, v)
        self._decoy_sets()
        rng.shuffle(self.annotations)

    def _annotate(self, seen, set_id, s, acc, go, qualifier, evidence, id_=None):
        term = self.term_id.get((s, go)) if id_ is None else id_
        key = (acc, term, evidence)
        if term is None or (key in seen and evidence is not None):
            return
        seen.add(key)
        self.annotations.append(dict(id=next(self._annotation_ids), annotation_set_id=set_id, protein_accession=acc,
                                     go_term_id=term, qualifier=qualifier, evidence_code=evidence))

    def _facts(self):
        """What is known about whom and when: dicts with first version and the version it is withdrawn at."""
        rng = self.rng
        facts = []
        plain = {"P": "involved_in", "F": "enables", "C": "located_in"}
        fam_terms = [{a: rng.sample(self.by_aspect[a][1:], 3) for a in "PFC"} for _ in range(self.size["families"])]
        for acc, fam in self.family.items():
            silent_until = rng.choice(VERSIONS[:1] * 3 + VERSIONS[1:5] + (999,))
            for aspect in "PFC":
                if rng.random() < 0.25:
                    continue
                terms = [t for t in fam_terms[fam][aspect] if rng.random() < 0.6]
                terms += [rng.choice(self.by_aspect[aspect]) for _ in range(rng.choice((0, 0, 1, 2)))]
                for go in dict.fromkeys(terms):
                    start = max(silent_until, rng.choice(VERSIONS[:1] * 3 + VERSIONS))
                    if start == 170 and self.has("skipped_pair"):
                        start = 175
                    end = rng.choice(VERSIONS) if rng.random() < 0.05 else 999
                    if end == 170 and self.has("skipped_pair"):
                        end = 999
                    qualifier = rng.choice((plain[aspect], plain[aspect], None, "contributes_to", "not_a_negation", ""))
                    if self.has("odd_strings") and rng.random() < 0.03:
                        qualifier = rng.choice(("part_of\tα", "a\\b", "line\nbreak", "quote\"'", "Γ"))
                    facts.append({"acc": acc, "go": go, "from": start, "to": end, "qualifier": qualifier,
                                  "evidence": rng.choice(EVIDENCE_EXP)})
                    if rng.random() < 0.35:
                        facts.append({"acc": acc, "go": go, "from": rng.choice(VERSIONS), "to": 999,
                                      "qualifier": rng.choice((plain[aspect], None)),
                                      "evidence": rng.choice(EVIDENCE_OTHER)})
        if self.has("queryless_pair"):
            self._queryless(facts)
        return facts

    def _queryless(self, facts):
        """Between 165 and 170 only proteins without an embedding gain anything."""
        bare = {acc for acc, text, _ in self.proteins if text is None and acc != self.ghost_protein}
        for f in facts:
            experimental = f["evidence"] in EVIDENCE_EXP
            if experimental and f["acc"] not in bare:
                f["from"] = 175 if f["from"] == 170 else f["from"]
                f["to"] = 999 if f["to"] == 170 else f["to"]
        for acc in sorted(bare):
            facts.append({"acc": acc, "go": self.by_aspect["P"][1], "from": 170, "to": 999, "qualifier": None,
                          "evidence": "IDA"})

    def _noise(self, seen, set_id, s, v):
        """Per version: negations, duplicates by evidence, foreign and misplaced ids, a bare aspect."""
        rng = self.rng
        accs = sorted(self.family)
        frozen = v == 170 and (self.has("skipped_pair") or self.has("queryless_pair"))
        mine = [r for r in self.annotations if r["annotation_set_id"] == set_id]
        if not frozen and v != 165 or not (self.has("skipped_pair") or self.has("queryless_pair")):
            for row in rng.sample(mine, len(mine) // 40):
                go = rng.choice(list(self.base))
                self._annotate(seen, set_id, s, row["protein_accession"], go,
                               rng.choice(("NOT|involved_in", "NOT", "CANNOT", "NOT|enables", "colocalizes|NOT")),
                               rng.choice(EVIDENCE_EXP + EVIDENCE_OTHER))
        for row in rng.sample(mine, len(mine) // 8):
            for _ in range(rng.randrange(1, 3)):
                self._annotate(seen, set_id, s, row["protein_accession"], None, row["qualifier"],
                               rng.choice(EVIDENCE_OTHER), id_=row["go_term_id"])
        if self.has("foreign_ids"):
            pool = [i for (sn, _), i in self.term_id.items() if sn == "D"]
            for _ in range(8):
                self._annotate(seen, set_id, s, rng.choice(accs), None, rng.choice((None, "NOT")),
                               rng.choice(EVIDENCE_EXP), id_=rng.choice(pool))
        if self.has("mixed_ids"):
            for row in rng.sample(mine, min(len(mine), 15)):
                go = next(g for (sn, g), i in self.term_id.items() if i == row["go_term_id"])
                other = self.term_id.get((rng.choice([x for x in "ABC" if x != s]), go))
                if other:
                    self._annotate(seen, set_id, s, row["protein_accession"], None, "mixed", "IEA", id_=other)
        if v == 160 and self.has("empty_aspect"):
            of_aspect = {t["id"] for t in self.terms if t["aspect"] == "C"}
            self.annotations = [r for r in self.annotations if r["annotation_set_id"] != set_id
                                or r["go_term_id"] not in of_aspect or "NOT" in (r["qualifier"] or "")]

    def _decoy_sets(self):
        """Sets that lose: older, equally new with a greater id, other source; all with junk rows."""
        chosen = self.set_id[170]
        greater = "f" + chosen[1:] if chosen[0] != "f" else "ff" + chosen[2:]
        decoys = [(self.uuid("old170"), "goa", "170", "2020-01-03T00:00:00Z"),
                  (greater, "goa", "170", "2020-01-03T00:00:00.500000Z"),
                  (self.uuid("quickgo"), "quickgo", "170", "2024-01-01T00:00:00Z")]
        for row in self.sets:
            if row["id"] == chosen:
                row["created_at"] = "2020-01-03T00:00:00.5Z"
        for id_, source, version, at in decoys:
            if id_ == chosen:
                continue
            self.sets.append(dict(id=id_, source=source, source_version=version,
                                  ontology_snapshot_id=self.snapshot["A"], created_at=at))
            seen = set()
            for acc in self.rng.sample(sorted(self.family), 10):
                self._annotate(seen, id_, "A", acc, self.by_aspect["P"][2], None, "IDA")
        self.sets.append(dict(id=self.uuid("noversion"), source="goa", source_version=None,
                              ontology_snapshot_id=self.snapshot["A"], created_at="2024-01-01T00:00:00Z"))
        self.rng.shuffle(self.sets)

    def _evaluation_sets(self):
        """None, one, or several per pair; stored objects exist for STORED_PAIRS only."""
        self.evaluation_sets, self.stored = [], {}
        for old, new, label, pivot, where, at in (
                (160, 165, "a", "C", None, "2021-01-01T00:00:00Z"),
                (165, 170, "a", "A", "/nonexistent", "2021-01-01T00:00:00Z"),
                (165, 170, "b", "C", None, "2020-01-01T00:00:00Z"),
                (175, 180, "a", None, None, "2021-01-01T00:00:00Z"),
                (175, 180, "b", None, None, "2021-01-01T00:00:00.000Z"),
                (160, 170, "old", "C", "/nonexistent", "2021-01-01T00:00:00Z"),
                (160, 170, "use", "C", self.store, "2021-01-01T00:00:00.25Z"),
                (160, 170, "other", "A", "/nonexistent", "2023-01-01T00:00:00Z"),
                (170, 180, "use", None, self.store, "2021-01-01T00:00:00Z")):
            id_ = self.uuid(f"eval{old}{new}{label}")
            key = f"eval_groundtruth/{id_}/groundtruth.parquet"
            stats = "{}" if pivot is None else '{"pivot_ontology_snapshot_id": "%s"}' % self.snapshot[pivot]
            self.evaluation_sets.append(dict(id=id_, old_annotation_set_id=self.set_id[old], stats=stats,
                                             new_annotation_set_id=self.set_id[new], created_at=at,
                                             groundtruth_uri=where and f"file://{where}/{key}"))
            if where == self.store:
                self.stored[f"v{old}-v{new}"] = (key, self._triples())

    def _triples(self):
        """Buckets as no classification would give them: one aspect in two categories, odd terms and proteins."""
        rng, out = self.rng, []
        terms = sorted(self.base) + ["GO:9999997"]
        for acc in rng.sample(sorted(self.family), len(self.family) // 2) + ["NOBODY"]:
            for bucket in rng.sample(("nk", "lk", "pk", "known", "pk_known", "removed", "later"), rng.randrange(1, 5)):
                out += [(acc, go, bucket) for go in rng.sample(terms, rng.randrange(1, 8))]
        out += rng.sample(out, 5)
        rng.shuffle(out)
        return out
