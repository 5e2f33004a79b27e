"""The twelve alignment values (spec 4.7.1): a direct state machine, and parasail as the original uses it.

The state machine follows the recurrences and the traceback of the specification literally.
parasail 2.6 writes one byte past its buffer when a global alignment has no aligned column, so
such pairs (found by their score, without a traceback) always go through the state machine.
"""
try:
    import parasail
except ImportError:  # the tests skip; the state machine still works
    parasail = None

LETTERS = "ARNDCQEGHILKMFPSTWYVBZX*"
OPEN, EXTEND = 10, 1
SENTINEL = -1073741824.0
NAMES = ("identity_nw", "similarity_nw", "alignment_score_nw", "gaps_pct_nw", "alignment_length_nw",
         "identity_sw", "similarity_sw", "alignment_score_sw", "gaps_pct_sw", "alignment_length_sw",
         "length_query", "length_ref")
# NCBI BLOSUM62, rows and columns in the order of LETTERS.
_ROWS = """
 4 -1 -2 -2  0 -1 -1  0 -2 -1 -1 -1 -1 -2 -1  1  0 -3 -2  0 -2 -1  0 -4
-1  5  0 -2 -3  1  0 -2  0 -3 -2  2 -1 -3 -2 -1 -1 -3 -2 -3 -1  0 -1 -4
-2  0  6  1 -3  0  0  0  1 -3 -3  0 -2 -3 -2  1  0 -4 -2 -3  3  0 -1 -4
-2 -2  1  6 -3  0  2 -1 -1 -3 -4 -1 -3 -3 -1  0 -1 -4 -3 -3  4  1 -1 -4
 0 -3 -3 -3  9 -3 -4 -3 -3 -1 -1 -3 -1 -2 -3 -1 -1 -2 -2 -1 -3 -3 -2 -4
-1  1  0  0 -3  5  2 -2  0 -3 -2  1  0 -3 -1  0 -1 -2 -1 -2  0  3 -1 -4
-1  0  0  2 -4  2  5 -2  0 -3 -3  1 -2 -3 -1  0 -1 -3 -2 -2  1  4 -1 -4
 0 -2  0 -1 -3 -2 -2  6 -2 -4 -4 -2 -3 -3 -2  0 -2 -2 -3 -3 -1 -2 -1 -4
-2  0  1 -1 -3  0  0 -2  8 -3 -3 -1 -2 -1 -2 -1 -2 -2  2 -3  0  0 -1 -4
-1 -3 -3 -3 -1 -3 -3 -4 -3  4  2 -3  1  0 -3 -2 -1 -3 -1  3 -3 -3 -1 -4
-1 -2 -3 -4 -1 -2 -3 -4 -3  2  4 -2  2  0 -3 -2 -1 -2 -1  1 -4 -3 -1 -4
-1  2  0 -1 -3  1  1 -2 -1 -3 -2  5 -1 -3 -1  0 -1 -3 -2 -2  0  1 -1 -4
-1 -1 -2 -3 -1  0 -2 -3 -2  1  2 -1  5  0 -2 -1 -1 -1 -1  1 -3 -1 -1 -4
-2 -3 -3 -3 -2 -3 -3 -3 -1  0  0 -3  0  6 -4 -2 -2  1  3 -1 -3 -3 -1 -4
-1 -2 -2 -1 -3 -1 -1 -2 -2 -3 -3 -1 -2 -4  7 -1 -1 -4 -3 -2 -2 -1 -2 -4
 1 -1  1  0 -1  0  0  0 -1 -2 -2  0 -1 -2 -1  4  1 -3 -2 -2  0  0  0 -4
 0 -1  0 -1 -1 -1 -1 -2 -2 -1 -1 -1 -1 -2 -1  1  5 -2 -2  0 -1 -1  0 -4
-3 -3 -4 -4 -2 -2 -3 -2 -2 -3 -2 -3 -1  1 -4 -3 -2 11  2 -3 -4 -3 -2 -4
-2 -2 -2 -3 -2 -1 -2 -3  2 -1 -1 -2 -1  3 -3 -2 -2  2  7 -1 -3 -2 -1 -4
 0 -3 -3 -3 -1 -2 -2 -3 -3  3  1 -2  1 -1 -2 -2  0 -3 -1  4 -3 -2 -1 -4
-2 -1  3  4 -3  0  1 -1  0 -3 -4  0 -3 -3 -2  0 -1 -4 -3 -3  4  1 -1 -4
-1  0  0  1 -3  3  4 -2  0 -3 -3  1 -1 -3 -1  0 -1 -3 -2 -2  1  4 -1 -4
 0 -1 -1 -1 -2 -1 -1 -1 -1 -1 -1 -1 -1 -1 -2  0  0 -2 -1 -1 -1 -1 -1 -4
-4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4  1
"""
MATRIX = [[int(x) for x in line.split()] for line in _ROWS.strip().splitlines()]
_INDEX = {c: i for i, c in enumerate(LETTERS)}
_INDEX.update({c.lower(): i for i, c in enumerate(LETTERS)})
STAR = _INDEX["*"]
NEG = -(10**9)


def letter(c):
    return _INDEX.get(c, STAR)


def substitution(a, b):
    return MATRIX[letter(a)][letter(b)]


def fill(q, r, local):
    """H, E, F, D as (n+1) x (m+1) lists, by the recurrences."""
    n, m = len(q), len(r)
    h = [[0] * (m + 1) for _ in range(n + 1)]
    e = [[NEG] * (m + 1) for _ in range(n + 1)]
    f = [[NEG] * (m + 1) for _ in range(n + 1)]
    d = [[0] * (m + 1) for _ in range(n + 1)]
    if not local:
        for i in range(1, n + 1):
            h[i][0] = -OPEN - (i - 1) * EXTEND
        for j in range(1, m + 1):
            h[0][j] = -OPEN - (j - 1) * EXTEND
    for i in range(1, n + 1):
        scores = MATRIX[letter(q[i - 1])]
        for j in range(1, m + 1):
            e[i][j] = max(h[i][j - 1] - OPEN, e[i][j - 1] - EXTEND)
            f[i][j] = max(h[i - 1][j] - OPEN, f[i - 1][j] - EXTEND)
            diag = h[i - 1][j - 1] + scores[letter(r[j - 1])]
            d[i][j] = max(0, diag) if local else diag
            h[i][j] = max(d[i][j], e[i][j], f[i][j])
    return h, e, f, d


def start_cell(h, n, m, local):
    if not local:
        return n, m
    best, at = -1, (0, 0)
    for j in range(1, m + 1):          # smallest j first, then smallest i
        for i in range(1, n + 1):
            if h[i][j] > best:
                best, at = h[i][j], (i, j)
    return at


def traceback(q, r, tables, at, local):
    """Aligned columns (query letter or None, reference letter or None), from the left."""
    h, e, f, d = tables
    i, j = at
    columns = []
    state = "DIAG"
    while True:
        if i == 0 or j == 0:
            if not local:
                while i > 0:
                    columns.append((q[i - 1], None))
                    i -= 1
                while j > 0:
                    columns.append((None, r[j - 1]))
                    j -= 1
            break
        if state == "DIAG":
            if h[i][j] == d[i][j]:
                if local and h[i][j] == 0:
                    break
                columns.append((q[i - 1], r[j - 1]))
                i, j = i - 1, j - 1
            else:
                state = "DEL" if h[i][j] == f[i][j] else "INS"
        elif state == "INS":
            columns.append((None, r[j - 1]))
            if h[i][j - 1] - OPEN > e[i][j - 1] - EXTEND or j - 1 == 0:
                state = "DIAG"
            j -= 1
        else:
            columns.append((q[i - 1], None))
            if h[i - 1][j] - OPEN > f[i - 1][j] - EXTEND or i - 1 == 0:
                state = "DIAG"
            i -= 1
    columns.reverse()
    return columns


def values(columns, score, sane_empty_sw=False):
    """identity, similarity, score, gaps, length of one alignment."""
    length = len(columns)
    if length == 0:
        return 0.0, 0.0, 0.0 if sane_empty_sw else SENTINEL, 0.0, 0.0
    identity = similarity = gaps = 0
    for a, b in columns:
        gaps += (a is None or a == "-") + (b is None or b == "-")
        if a is None or b is None:
            continue
        if a == b and a != "-":
            identity += 1
        # B6: a literal '-' is a letter of the class '*', so '-'/'-' scores +1 and counts here.
        if a.upper() == b.upper() or substitution(a, b) > 0:
            similarity += 1
    return identity / length, similarity / length, float(score), gaps / length, float(length)


def align_direct(q, r, local, sane_empty_sw=False):
    tables = fill(q, r, local)
    at = start_cell(tables[0], len(q), len(r), local)
    return values(traceback(q, r, tables, at, local), tables[0][at[0]][at[1]], sane_empty_sw)


def parasail_safe(q, r):
    """False when the NW alignment may have no aligned column (or a text is not ASCII)."""
    if not (q.isascii() and r.isascii()):
        return False
    all_gaps = -(OPEN + (len(q) - 1) * EXTEND) - (OPEN + (len(r) - 1) * EXTEND)
    return parasail.nw_striped_32(q, r, OPEN, EXTEND, parasail.blosum62).score > all_gaps


def align_parasail(q, r, local, sane_empty_sw=False):
    """The same five values from parasail's traceback strings."""
    call = parasail.sw_trace_striped_32 if local else parasail.nw_trace_striped_32
    result = call(q, r, OPEN, EXTEND, parasail.blosum62)
    trace = result.traceback
    columns = []
    for a, b, c in zip(trace.query, trace.ref, trace.comp):
        if c != " ":
            columns.append((a, b))
        elif b == "-":           # a gap column; '-' against a gap counts twice either way
            columns.append((a, None))
        else:
            columns.append((None, b))
    return values(columns, result.score, sane_empty_sw)


def alignment_values(q, r, mode="parasail", sane_empty_sw=False):
    """All twelve values as a dict, or None when a text is missing or empty."""
    if not q or not r:
        return None
    if parasail is None:
        mode = "direct"
    out = {}
    for suffix, local in (("nw", False), ("sw", True)):
        direct = mode in ("direct", "cross") or (not local and not parasail_safe(q, r))
        five = align_direct(q, r, local, sane_empty_sw) if direct else None
        if mode != "direct" and (local or parasail_safe(q, r)):
            library = align_parasail(q, r, local, sane_empty_sw)
            if five is not None and five != library:
                raise AssertionError(f"{suffix} {q!r} {r!r}: direct {five} parasail {library}")
            five = library
        for name, value in zip(("identity", "similarity", "alignment_score", "gaps_pct",
                                "alignment_length"), five):
            out[f"{name}_{suffix}"] = value
    out["length_query"] = float(len(q))
    out["length_ref"] = float(len(r))
    return out
