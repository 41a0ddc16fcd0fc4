#!/usr/bin/env python3
"""Writes tests/golden/wordpiece.txt: what BERT's tokenizer answers, by the library `tokenizers`.

    pip install tokenizers==0.23.3
    python3 make_wordpiece.py > ../golden/wordpiece.txt

Two sections:

    vocab N      N pieces, one a line
    cases N      MODE TAB TEXT TAB IDS; mode u lowers and strips accents, c neither, l lowers,
                 s strips; \\{HEX} in TEXT is a character
"""
import random
import unicodedata as u

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def is_control(c):
    return c not in "\t\n\r" and u.category(c)[0] == "C"


def is_space(c):
    return c in " \t\n\r" or u.category(c) == "Zs"


def is_punct(c):
    n = ord(c)
    return 33 <= n <= 47 or 58 <= n <= 64 or 91 <= n <= 96 or 123 <= n <= 126 or u.category(c)[0] == "P"


def is_cjk(c):
    n = ord(c)
    return any(a <= n <= b for a, b in (
        (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)))


def strip_accents(text):
    return "".join(c for c in u.normalize("NFD", text) if u.category(c) != "Mn")


def tokenizer(vocab, mode):
    t = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=mode in "ul", strip_accents=mode in "us")
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.add_special_tokens([AddedToken(x, normalized=False) for x in SPECIALS])
    return t


POOLS = [
    "abcdeABCDE", "etaoin", "  \t\n", ".,!?-'\"#[]_~$+<=>^`|", "0123456789", "éèüñçÅÖßŒæøđłığ",
    "ÀÉÎÕÜİIıſK", "ΑΒΣσςάΏΐΰὈᾳᾼᾈὣ", "абвЙйЁёЇ", "世界你好中国文字", "豈更﨑祥𠀀𪜀丽", "かがガパぱーヽゞ",
    "한글각힣ㅎᄒ", "\u0301\u0308\u0323\u0327\u0338\u3099", "।॥কোகொെൊ", "אבשׁלְ", "العربيةآإئ", "ไทยำเ",
    "\u00a0\u2003\u3000\u2028\u1680", "\0\x01\x7f\x85\xad\u200b\u200d\ufeff\ufffd\ue000\u0378",
    "—…“”«»¿；，。？！、·", "≠≮≯∄ǅǆΩKÅ", "😀🦙👩\U0001F3FD\ufe0f", "𐐀𐐨𝔸𝅗𝅥𝅘𝅥𝅮", "ᏸᎠꭰႠⴀᲐა",
]


def random_text(rng):
    out = []
    pools = rng.sample(POOLS, rng.choice((1, 2, 2, 3)))
    for _ in range(rng.randint(1, 7)):
        if rng.random() < 0.03:
            out.append(rng.choice(SPECIALS + ["[mask]", "[CLS", "MASK]"]))
        else:
            out.append(rng.choice(rng.choice(pools)))
    return "".join(out)


def make_vocab(rng):
    out = list(SPECIALS)
    for c in sorted(set("".join(POOLS))):
        forms = {c, c.lower(), strip_accents(c), strip_accents(c.lower())}
        for f in sorted(x for form in forms for x in form):
            if rng.random() < 0.93 and not is_control(f) and not f.isspace():
                out.append(f)
                if not is_punct(f) and not is_cjk(f) and rng.random() < 0.9:
                    out.append("##" + f)
    out += ["ab", "##ab", "abc", "##de", "##e##", "ea", "##tio", "##tion", "12", "##345", "σσ", "##αβ", "аб", "##é", "##e\u0301"]
    return list(dict.fromkeys(out))


def escape(text):
    return "".join(c if c == " " or (u.category(c)[0] not in "CZ" and c not in "\\\t") else "\\{%X}" % ord(c) for c in text)


def main():
    rng = random.Random(20240607)
    vocab = make_vocab(rng)
    ids = {p: i for i, p in enumerate(vocab)}
    texts = ["ΟΔΟΣ", "a" * 100, "a" * 101, "é" * 101, "e\u0301" * 101, "[CLS]a[MASK]b[SEP]", "[[MASK]]", "a\0b", "Ⅷ",
             "", " ", "\u0301", "ab.cd", "##ab", "don't", "a\u3000b"]
    seen = set()
    cases = []
    for t in texts:
        cases += [(m, t) for m in "ucls"]
    while len(cases) < 2000:
        t = random_text(rng)
        if t not in seen:
            seen.add(t)
            cases.append((rng.choice("uuucls"), t))
    print("vocab %d" % len(vocab))
    for p in vocab:
        print(p)
    print("cases %d" % len(cases))
    made = {m: tokenizer(ids, m) for m in "ucls"}
    for m, t in cases:
        print("%s\t%s\t%s" % (m, escape(t), " ".join(map(str, made[m].encode(t, add_special_tokens=False).ids))))


if __name__ == "__main__":
    main()
