#!/usr/bin/env python3
"""Prints the Unicode tables of ladder.h's >>tokenizer section (C source, standard output).

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


def rows(name, ctype, items):
    print("static const %s %s[] = {" % (ctype, name))
    line = ""
    for item in items:
        if len(line) + len(item) + 1 > 120:
            print(line)
            line = ""
        line += item + ","
    print(line)
    print("};\n")


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


def toggled(name, is_theirs, is_ours):
    r = ranges([c for c in CODES if bool(is_theirs(chr(c))) != bool(is_ours(chr(c)))])
    rows(name, "uint32_t", ["%d,%d" % (a, b) for a, b in r])


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
    """Rows (first, last, kind, value). kind 0, 1: character first + k is base + k * kind; else kind characters of the pool each."""
    nfd, nfkd = N.NFD(), N.NFKD()
    out, pool, pairs = [], [], []
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
        flag = 32 if compat else 0
        if len(d) == 2 and not compat and nfc.normalize_str(nfd.normalize_str(ch)) == ch:
            pairs.append((d[0], d[1], c))
        if len(d) == 1:
            if out and out[-1][1] == c - 1:
                first, last, kind, base = out[-1]
                if kind in (flag, flag + 1):
                    if first == last and d[0] - base in (0, 1):
                        out[-1] = (first, c, flag + d[0] - base, base)
                        continue
                    if first != last and d[0] == base + (c - first) * (kind - flag):
                        out[-1] = (first, c, kind, base)
                        continue
            out.append((c, c, flag, d[0]))
        else:
            if out and out[-1][1] == c - 1 and out[-1][2] == flag + len(d):
                out[-1] = (out[-1][0], c, out[-1][2], out[-1][3])
            else:
                out.append((c, c, flag + len(d), len(pool)))
            pool += d
    # neighbours that map to characters without order: one row and a pool of single characters (kind 31)
    packed, i = [], 0
    while i < len(out):
        k = i
        while k < len(out) and out[k][2] == out[i][2] and out[k][2] & 31 < 2 and out[k][1] - out[k][0] < 3 and (k == i or out[k][0] == out[k - 1][1] + 1):
            k += 1
        if k - i >= 3:
            packed.append((out[i][0], out[k - 1][1], (out[i][2] & 32) + 31, len(pool)))
            for first, last, kind, base in out[i:k]:
                pool += [base + (c - first) * (kind & 31) for c in range(first, last + 1)]
            i = k
        else:
            packed.append(out[i])
            i += 1
    return packed, pool, [c for _, _, c in sorted(pairs)]


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


def main():
    runs = cat_runs()
    page, k = [], 0
    for p in range(257):
        while k + 1 < len(runs) and runs[k + 1][0] <= p * 256:
            k += 1
        page.append(k)
    print("/* Generated by tests/reference/make_unicode.py: Unicode 16.0.0, and where tokenizers 0.23.3 differs. */\n")
    print("/* Where each general category starts: first * 32 + category; the last two are upper and lower case in turn. */")
    rows("ldr__cat_runs", "uint32_t", ["%d" % (c * 32 + k) for c, k in runs])
    print("/* The run that holds character 256 * i, so that a search stays within one page. */")
    rows("ldr__cat_page", "uint16_t", ["%d" % p for p in page])
    print("/* Lower case: first, last, step, what is added to every step-th character. */")
    low = lower_runs()
    rows("ldr__lower_runs", "int32_t", ["%d,%d,%d,%d" % r for r in low])
    dec, pool, pairs = decompositions()
    print("/* Decompositions: first, last, kind (+ 32: compatibility only), value. Kind 0, 1: value + kind * k; n: n characters of the pool; 31: one. */")
    rows("ldr__decomp_runs", "int32_t", ["%d,%d,%d,%d" % r for r in dec])
    rows("ldr__decomp_pool", "int32_t", ["%d" % c for c in pool])
    print("/* Characters that a pair composes to, in the order of the pairs. */")
    rows("ldr__compositions", "int32_t", ["%d" % c for c in pairs])
    ccc = classes()
    print("/* Canonical combining classes: first, last, 1, class. */")
    rows("ldr__class_runs", "int32_t", ["%d,%d,1,%d" % tuple(r) for r in ccc])
    sc = scripts()
    print("/* Where each script starts: first * 256 + script, in the order of ldr__scripts; what is not assigned is as its neighbour. */")
    rows("ldr__script_runs", "uint32_t", ["%d" % (c * 256 + n) for c, n in sc])
    print("/* Ranges in which a property is not what the categories above say. */")
    bn = N.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    bs = N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    sa, nfd, pu, di, ws = N.StripAccents(), N.NFD(), P.Punctuation(), P.Digits(individual_digits=True), P.Whitespace()
    cut = lambda p, c: len(p.pre_tokenize_str("a" + c + "a")) == 3
    cat = lambda c: u.category(c)
    toggled("ldr__not_control", lambda c: bn.normalize_str("a" + c + "b") == "ab" and c not in "\0\ufffd", lambda c: cat(c) in ("Cc", "Cf", "Co") and c not in "\0\t\n\r")
    toggled("ldr__not_nonspacing", lambda c: bs.normalize_str(c) == "", lambda c: cat(c) == "Mn")
    toggled("ldr__not_combining", lambda c: sa.normalize_str(c) == "", lambda c: cat(c)[0] == "M")
    toggled("ldr__not_punctuation", lambda c: cut(pu, c), lambda c: cat(c)[0] == "P" or (ord(c) < 128 and c.isprintable() and not c.isalnum() and c != " "))
    toggled("ldr__not_number", lambda c: cut(di, c), lambda c: cat(c)[0] == "N")
    word = lambda c: cat(c)[0] in "LM" or cat(c) in ("Nd", "Nl", "Pc")
    toggled("ldr__not_word", lambda c: len(ws.pre_tokenize_str("a" + c + "a")) == 1, word)
    joins = regex.compile(r"[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]")
    toggled("ldr__not_joining", joins.match, lambda c: cat(c)[0] == "M")
    toggled("ldr__prepending", regex.compile(r"\p{GCB=Prepend}").match, lambda c: False)
    print("cats %d lower %d decomp %d pool %d compose %d ccc %d scripts %d" % (len(runs), len(low), len(dec), len(pool), len(pairs), len(ccc), len(sc)), file=sys.stderr)


if __name__ == "__main__":
    main()
