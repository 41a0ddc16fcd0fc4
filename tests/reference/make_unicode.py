#!/usr/bin/env python3
"""Prints the Unicode tables of ladder.h's >>unicode section (C source, standard output).

    pip install tokenizers==0.23.3 unicodedata2==16.0.0 fonttools regex
    python3 make_unicode.py > tables.h

The Rust library `tokenizers` mixes several versions of Unicode: regular expressions know 16.0, lower case and numbers 17.0,
its normal forms and BERT's categories older ones. The tables are 16.0's categories, and beside them the characters on which
the library, asked one by one, answers otherwise.
"""
import sys
import regex
import unicodedata2 as u
from fontTools import unicodedata as ft
from tokenizers import normalizers as N, pre_tokenizers as P

assert u.unidata_version == "16.0.0"
TOP = 0x110000
CODES = [c for c in range(TOP) if not 0xD800 <= c <= 0xDFFF]
CATS = "Cn Cc Cf Co Cs Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp".split()
ALT = len(CATS)                            # Lu and Ll in turn; the first of the run is Lu (ALT) or Ll (ALT + 1)


# Numbers are written in base 91, the highest digit first: '#' to '~' without the backslash.
BASE, CHARS = 91, [chr(k) for k in range(35, 127) if k != 92]


def digits(v, n):
    out = ""
    for _ in range(n):
        v, d = divmod(v, BASE)
        out = CHARS[d] + out
    assert v == 0
    return out


def near(c):
    """Nothing is assigned from plane 4 to plane 13: ldr__near of the header."""
    return c if c < 0x40000 else 0x3FFFF if c < 0xE0000 else c - 0xA0000


def literal(text, end):
    assert len(text) <= 4095                              # what C99 promises for a literal
    lines = []
    while text:
        n = 114
        while text[:n].count("??"):
            n = text.index("??") + 1                      # no trigraph
        lines.append('    "%s"' % text[:n])
        text = text[n:]
    print("\n".join(lines) + end)


def table(name, records):
    records = sorted(records)
    assert len(set(map(len, records))) == 1
    print("static const char ldr__%s[] =" % name)
    literal("".join(records), ";\n")
    return len(records)


def cat_runs():
    runs, c = [], 0
    cats = [CATS.index(u.category(chr(c))) if not 0xD800 <= c <= 0xDFFF else CATS.index("Cs") for c in range(TOP)]
    lu, ll = CATS.index("Lu"), CATS.index("Ll")
    while c < TOP:
        n = 1
        while c + n < TOP and cats[c + n] in (lu, ll) and cats[c + n - 1] in (lu, ll) and cats[c + n] != cats[c + n - 1]:
            n += 1
        if n >= 4:
            runs.append((c, ALT if cats[c] == lu else ALT + 1))
            c += n
            continue
        runs.append((c, cats[c]))
        c += 1
        while c < TOP and cats[c] == runs[-1][1]:
            # leave the last of a run to an alternation that starts with it
            if c + 3 < TOP and cats[c] in (lu, ll) and all(cats[c + k] in (lu, ll) and cats[c + k] != cats[c + k - 1] for k in (1, 2, 3)):
                break
            c += 1
    return runs


def ranges(codes):
    out = []
    for c in codes:
        if out and c == out[-1][1] + 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def toggled(out, is_theirs, is_ours):
    r = ranges([c for c in CODES if bool(is_theirs(chr(c))) != bool(is_ours(chr(c)))])
    for a, b in r:
        for c in range(a, b + 1, BASE):
            out[1] += digits(near(c), 3) + digits(min(b - c, BASE - 1), 1)
    out[0].append(len(out[1]) // 4)


def lower_runs():
    """(first, last, step, delta): every step-th character from first to last moves by delta."""
    out, low = [], N.Lowercase()
    for c in CODES:
        l = low.normalize_str(chr(c))
        if l == chr(c) or len(l) > 1:
            assert len(l) == 1 or c == 0x130
            continue
        d = ord(l) - c
        if out:
            first, last, step, delta = out[-1]
            if d == delta and (c - last == step or (first == last and c - last <= 2)):
                out[-1] = (first, c, c - last, delta)
                continue
        out.append((c, c, 1, d))
    return out


def decompositions():
    """(character, by compatibility only, what it is made of), and the characters that a pair composes to, in the order of the
    pairs."""
    nfd, nfkd = N.NFD(), N.NFKD()
    out, pairs = [], []
    nfc = N.NFC()
    for c in CODES:
        ch = chr(c)
        if 0xAC00 <= c <= 0xD7A3 or nfkd.normalize_str(ch) == ch:
            continue
        d = u.decomposition(ch).split()
        compat = d[0][0] == "<"
        if nfd.normalize_str(ch) != ch:
            assert not compat
        elif not compat:                              # the library's Unicode does not know it
            continue
        d = [int(x, 16) for x in (d[1:] if compat else d)]
        if len(d) == 2 and not compat and nfc.normalize_str(nfd.normalize_str(ch)) == ch:
            pairs.append((d[0], d[1], c))
        out.append((c, compat, d))
    return out, [c for _, _, c in sorted(pairs)]


def entry(v, top):
    """One part of a decomposition: one digit for the most frequent, two for what is near, three for all."""
    if v in top:
        return digits(BASE - len(top) + top.index(v), 1)
    for start, end, base in POOL_NEAR:
        if start <= v < end:
            return digits(v - start + base, 2)
    return digits(v + 34 * BASE * BASE, 3)


POOL_NEAR = (0, 0x700, 0), (0x1E00, 0x2200, 0x700), (0x3000, 0x3100, 0xB00)


def decomposition_rows(made, pairs, top):
    """The fewest digits that say it all: (first of made, last + 1, kind, entries)."""
    best, how = [0] + [1 << 30] * len(made), [None] * (len(made) + 1)
    for i, (first, compat, parts) in enumerate(made):
        n, plain, seen = len(parts), "", []
        for j in range(i, min(len(made), i + 126)):
            c, is_compat, more = made[j]
            if c != first + j - i or is_compat != compat or len(more) != n:
                break
            plain += "".join(entry(v, top) for v in more)
            seen += more
            ways, low = [], min(seen) // 32
            if j < i + 16:                            # what is before a character of the row is read to find it
                ways.append((n + 1, plain))
            if max(seen) < low * 32 + BASE and low < BASE and not any(made[k][0] in pairs for k in range(i, j + 1)):
                ways.append((n + 21, digits(low, 1) + "".join(digits(v - low * 32, 1) for v in seen)))
            for step in (0, 1):
                if n == 1 and all(v == parts[0] + step * k for k, v in enumerate(seen)):
                    ways.append((step, entry(parts[0], top)))
            for kind, entries in ways:
                if best[i] + 7 + len(entries) < best[j + 1]:
                    best[j + 1], how[j + 1] = best[i] + 7 + len(entries), (i, j + 1, kind, entries)
    out, j = [], len(made)
    while j:
        out.append(how[j])
        j = how[j][0]
    return out[::-1]


def classes():
    """Runs of canonical combining classes as the library's normal forms know them: (first, last, class)."""
    nfd, out = N.NFD(), []
    for c in CODES:
        k = u.combining(chr(c))
        if not k:
            continue
        moved = nfd.normalize_str("a" + chr(c) + "\u0334") != "a" + chr(c) + "\u0334" if k > 1 else nfd.normalize_str("a\u0301" + chr(c)) != "a\u0301" + chr(c)
        if not moved and u.decomposition(chr(c)) == "":
            continue
        if out and out[-1][1] == c - 1 and out[-1][2] == k:
            out[-1][1] = c
        else:
            out.append([c, c, k])
    return out


def scripts():
    order = "Zzzz Zyyy Zinh Latn Grek Cyrl Armn Hebr Arab Deva Beng Thai Hang Hira Kana Hani".split()
    names, out, cut = {n: i for i, n in enumerate(order)}, [], P.UnicodeScripts()
    for c in CODES:
        s = ft.script(chr(c))
        other = "a" if s == "Cyrl" else "\u044f"
        if len(cut.pre_tokenize_str(other + chr(c) + other)) == 1:
            if s == "Zzzz":
                continue                              # not assigned: as the neighbour
            s = "Zzzz"                                # newer than the library's list
        n = names.setdefault(s, len(names))
        if not out or out[-1][1] != n:
            out.append((c, n))
    return out


QUICK = [0, 1, 2, 3, 4, 5, 0x20, 0x30, 0xFF]


def categories(runs):
    """Records of two digits, start within the page of 256 * 32 + category, for planes 0 and 1; where pages start; the rest."""
    parts, pages, rest, k, at_page = [""] * 3, "", [], 0, 0
    for p in range(512):
        if 0x4E <= p <= 0x9F or 0xAC <= p <= 0xD6 or 0xE0 <= p <= 0xF8:   # Lo, Lo, Co
            continue
        out, page = parts[at_page >> 7], p * 256
        pages += digits(len(out) // 2, 2)
        while k + 1 < len(runs) and runs[k + 1][0] <= page:
            k += 1
        at, kind = runs[k]
        if kind >= ALT and (page - at) & 1:               # a run in turn goes on
            kind = 2 * ALT + 1 - kind
        n = k + 1
        if p not in QUICK:
            out += digits(kind, 2)
        while n < len(runs) and runs[n][0] < page + 256:
            if p not in QUICK:
                out += digits((runs[n][0] - page) * 32 + runs[n][1], 2)
            n += 1
        parts[at_page >> 7] = out
        at_page += 1
    pages += digits(len(parts[-1]) // 2, 2)
    while runs[k + 1][0] <= 0x20000:
        k += 1
    rest = [(max(runs[k][0], 0x20000), runs[k][1])] + runs[k + 1:]
    return parts, pages, [digits(near(c) * 32 + kind, 4) for c, kind in rest if not 0x40000 <= c < 0xE0000]


def main():
    parts, pages, rest = categories(cat_runs())
    print("/* Generated by tests/reference/make_unicode.py: Unicode 16.0.0, and where tokenizers 0.23.3 differs. Numbers in base 91. */")
    print("/* General categories of planes 0 and 1. Record: where a run starts in its page of 256 * 32 + category (2 digits); the last")
    print("   two categories are upper and lower case in turn. Each page starts with a record; 128 pages are one text. */")
    print("static const char ldr__cat_runs[3][%d] = {" % (1 + max(map(len, parts))))
    for i in range(3):
        literal(parts[i], "," if i < 2 else " };\n")
    print("/* The first record of each page among those of its 128 pages (2 digits); pages of one category alone are left out. */")
    print("static const char ldr__cat_page[] =")
    literal(pages, ";\n")
    print("/* Pages 0 to 5, 0x20, 0x30 and 0xff: category + 30 * (1: has a lower case only, 2: may decompose or combine) of each (1). */")
    print("static const char ldr__quick[] =")
    special = {c for a, b, step, _ in lower_runs() for c in range(a, b + 1, step)}
    made, pairs = decompositions()
    deeper = {c for c, _, _ in made}
    deeper |= {c for a, b, _ in classes() for c in range(a, b + 1)}
    text = ""
    for page in QUICK:
        for c in range(page * 256, page * 256 + 256):
            text += digits(CATS.index(u.category(chr(c))) + 30 * (2 if c in deeper else c in special), 1)
    literal(text, ";\n")
    print("/* The planes behind: start * 32 + category (4). */")
    table("cat_rest", rest)
    print("/* Lower case: first (3), (last - first) * 3 + step (2), what is added to every step-th character + 50000 (3). */")
    low = table("lower_runs", [digits(a, 3) + digits((b - a) * 3 + step, 2) + digits(delta + 50000, 3) for a, b, step, delta in lower_runs()])
    print("/* Decompositions, canonical ones and those by compatibility only: first (3), (where its entries start * 40 + kind) * 126 +")
    print("   count - 1 (4). Kind 0, 1: character k is the entry + kind * k; n + 1: n entries each; + 20: behind a digit d, entries of")
    print("   one digit + 32 * d. */")
    top = []
    for _ in range(6):                                     # what is worth one digit depends on what is written plainly
        rows, count = decomposition_rows(made, set(pairs), top), {}
        for i, j, kind, _ in rows:
            for v in [v for _, _, parts in made[i:j] for v in parts] if 2 <= kind < 22 else []:
                count[v] = count.get(v, 0) + len(entry(v, [])) - 1
        top = sorted(count, key=lambda v: (-count[v], v))[:36]
    pool, place = "", {}
    for name, by_compat in ("canonical", False), ("compat", True):
        records = []
        for i, j, kind, entries in decomposition_rows(made, set(pairs), top):
            if made[i][1] != by_compat:
                continue
            records.append(digits(near(made[i][0]), 3) + digits((len(pool) * 40 + kind) * 126 + j - i - 1, 4))
            at, pool = len(pool), pool + entries
            for c, _, parts in made[i:j] if kind == 3 and not by_compat else []:
                place[c], at = at, at + sum(len(entry(v, top)) for v in parts)
        print("static const char ldr__decomp_%s[] =" % name)
        literal("".join(records), ";\n")
    print("/* Their entries, 1 to 3 digits each (ldr__decomp_next), and the characters that have one digit (3). */")
    print("static const char ldr__decomp_pool[%d][4001] = {" % ((len(pool) + 3999) // 4000))
    for at in range(0, len(pool), 4000):
        literal(pool[at:at + 4000], "," if at + 4000 < len(pool) else " };\n")
    print("static const char ldr__decomp_top[] =")
    literal("".join(digits(v, 3) for v in top), ";\n")
    print("/* Where in the pool the pairs lie that compose, in their order (2). */")
    print("static const char ldr__compositions[] =")
    literal("".join(digits(place[c], 2) for c in pairs), ";\n")
    print("/* Canonical combining classes: first (3), (last - first) * 256 + class (2). */")
    ccc = []
    for a, b, k in classes():
        ccc += [digits(c, 3) + digits((min(b, c + 31) - c) * 256 + k, 2) for c in range(a, b + 1, 32)]
    table("class_runs", ccc)
    print("/* Where each script starts: start * 256 + script, in the order of ldr__scripts (4); not assigned: as its neighbour. */")
    table("script_runs", [digits(near(c) * 256 + n, 4) for c, n in scripts()])
    print("/* Where a property is not what the category says: first (3), last - first (1). */")
    bn = N.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    bs = N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    sa, pu, di, ws = N.StripAccents(), P.Punctuation(), P.Digits(individual_digits=True), P.Whitespace()
    cut = lambda p, c: len(p.pre_tokenize_str("a" + c + "a")) == 3
    cat = lambda c: u.category(c)
    odd = [[0], ""]                                        # in the order of LDR__ODD_*
    toggled(odd, lambda c: bn.normalize_str("a" + c + "b") == "ab" and c not in "\0\ufffd", lambda c: cat(c) in ("Cc", "Cf", "Co") and c not in "\0\t\n\r")
    toggled(odd, lambda c: bs.normalize_str(c) == "", lambda c: cat(c) == "Mn")
    toggled(odd, lambda c: sa.normalize_str(c) == "", lambda c: cat(c)[0] == "M")
    toggled(odd, lambda c: cut(pu, c), lambda c: cat(c)[0] == "P" or (ord(c) < 128 and c.isprintable() and not c.isalnum() and c != " "))
    toggled(odd, lambda c: cut(di, c), lambda c: cat(c)[0] == "N")
    word = lambda c: cat(c)[0] in "LM" or cat(c) in ("Nd", "Nl", "Pc")
    toggled(odd, lambda c: len(ws.pre_tokenize_str("a" + c + "a")) == 1, word)
    joins = regex.compile(r"[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]")
    toggled(odd, joins.match, lambda c: cat(c)[0] == "M")
    toggled(odd, regex.compile(r"\p{GCB=Prepend}").match, lambda c: False)
    print("static const char ldr__odd_runs[] =")
    literal(odd[1], ";\n")
    print("/* The first record of each property. */")
    print("static const unsigned short ldr__odd_start[] = { %s };" % ", ".join(map(str, odd[0])))


if __name__ == "__main__":
    main()
