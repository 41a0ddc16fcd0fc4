#!/usr/bin/env python3
"""Writes tests/golden/tokenizers.jsonl: small tokenizers of every kind and what the original libraries answer.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3
    python3 make_tokenizers.py > ../golden/tokenizers.jsonl

A line: {"name", "file": a tokenizer.json as an object, or "model": a SentencePiece model in base64, "cases": [..]}; a case:
{"text", "ids", "offsets" (bytes), "tokens", "special", "decoded"}, and for every fourth "pair", "pair_ids", "cut" (8 tokens, longest first).
The last line: {"name": "unicode", "blocks": {NAME: [..]}}: FNV-1a over what a normaliser makes of each of 4096 characters
between a and b, or into how many texts a splitter cuts it.
"""
import base64
import io
import json

import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TRAIN = ("The side network reads the states of a frozen backbone and learns beside it. Nothing flows back through the large model, "
         "so a step costs little more than a forward pass. It's a ladder: each rung takes one layer's output, makes it narrow and mixes it in. "
         "We don't need 1024 examples; 128 will do, they've said. "
         "侧网络读取冻结主干的状态，并在其旁边学习。没有梯度流过大模型，所以一步的代价不大。你好，世界！"
         "Café naïve Ångström — “quoted” … x = f(y) + 3.14; if (a < b) { return a[0]; }\n").split(". ")
TEXTS = ["", " ", "a", "Hello, world!", "  two  blanks  ", "The ladder reads states.", "it's we've DON'T they'll", "a\nb\r\n\tc\n\n",
         "1234567 3.14 1,000", "你好，世界！123", "侧网络 side 网络", "Café NAÏVE e\u0301 ﬁ Ⅷ ① ｆｕｌｌ", "Ångström İstanbul ẞ ǅ", "한글 각 힣 \u1112\u1161\u11ab",
         "かがガパぱーヽ", "हिन्दी নমস্কার", "العربية שָׁלוֹם", "😀🦙👩\u200d🔬👍🏽🏴\u200d☠\ufe0f", "x\u0301\u0323\u0327y", "a\x00b\x07\x7f\u200b\ufeff\u00ad", "<s>hi</s> <mask> <unk>",
         "  <mask>  x<mask>", "“quoted” — ‘x’ …", "def f(x):\n    return x[0] != y\n", "\u00a0nbsp\u3000wide\u2028line", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "UPPER lower MiXeD", "\u00b5 \u212b \u2126 \ufb03", "\U0001d400\U0001d7d8 \u00bd ² ㈱", "thing things the then", "Привет Ёлка", "Ελληνικά ΣΊΣΥΦΟΣ ς", "[CLS] text [SEP]", "foo-bar_baz@x.org"]
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def trained(model, trainer, normalizer=None, pre=None):
    t = Tokenizer(model)
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    t.train_from_iterator(TRAIN, trainer)
    return t


def bytes_bpe(size, pre, **more):
    return trained(models.BPE(**more), trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<s>", "</s>"], show_progress=False), None, pre)


def template(t, single, pair, names):
    t.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=[(n, t.token_to_id(n)) for n in names])


def make():
    N, P, D = normalizers, pre_tokenizers, decoders
    t = trained(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=220, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False), N.BertNormalizer(), P.BertPreTokenizer())
    template(t, "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ["[CLS]", "[SEP]"])
    t.decoder = D.WordPiece()
    t.add_tokens([AddedToken("the", single_word=True), AddedToken("Café", normalized=True), AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False), AddedToken("thing")])
    yield "wordpiece", t
    t = bytes_bpe(340, P.ByteLevel(add_prefix_space=True))
    t.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    t.decoder = D.ByteLevel()
    yield "roberta", t
    t = bytes_bpe(340, P.Sequence([P.Split(Regex(LLAMA3), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)]), ignore_merges=True)
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])])
    t.decoder = D.ByteLevel()
    yield "llama3", t
    t = bytes_bpe(330, P.Sequence([P.Split(Regex(O200K), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)]))
    t.normalizer = N.NFC()
    t.decoder = D.ByteLevel()
    yield "o200k", t
    t = trained(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False),
                N.Sequence([N.NFKD(), N.StripAccents(), N.Lowercase(), N.Replace(Regex(r"\s+"), " ")]), P.Sequence([P.WhitespaceSplit(), P.Punctuation("contiguous"), P.Digits(individual_digits=True)]))
    t.decoder = D.BPEDecoder()
    yield "words", t
    special = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % i for i in range(256)]
    t = trained(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), trainers.BpeTrainer(vocab_size=390, special_tokens=special, limit_alphabet=60, show_progress=False),
                N.Sequence([N.Prepend("\u2581"), N.Replace(" ", "\u2581")]))
    j = json.loads(t.to_str())
    j["added_tokens"] = j["added_tokens"][:3]
    t = Tokenizer.from_str(json.dumps(j))
    t.decoder = D.Sequence([D.Replace("\u2581", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    yield "llama2", t
    t = trained(models.Unigram(), trainers.UnigramTrainer(vocab_size=150, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False), N.NFKC(), P.Sequence([P.WhitespaceSplit(), P.Metaspace()]))
    t.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    template(t, "<s> $A </s>", "<s> $A </s> </s> $B </s>", ["<s>", "</s>"])
    t.decoder = D.Metaspace()
    yield "unigram", t
    t = trained(models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(vocab_size=60, special_tokens=["[UNK]"], show_progress=False), N.Sequence([N.Nmt(), N.Strip()]), P.Whitespace())
    yield "wordlevel", t
    t = trained(models.BPE(unk_token="<unk>"), trainers.BpeTrainer(vocab_size=180, special_tokens=["<unk>"], show_progress=False), N.NFD(),
                P.Sequence([P.UnicodeScripts(), P.Split(Regex("[A-Z]"), "merged_with_next"), P.Split(" ", "merged_with_previous"), P.Split(Regex("[0-9]"), "contiguous"), P.Split(",", "removed"), P.CharDelimiterSplit("=")]))
    yield "splits", t


def case(t, text, other):
    e = t.encode(text, add_special_tokens=False)
    at = [0]
    for ch in text:
        at.append(at[-1] + len(ch.encode()))
    out = {"text": text, "ids": e.ids, "offsets": [[at[a], at[b]] for a, b in e.offsets], "tokens": e.tokens, "special": t.encode(text).ids, "decoded": t.decode(e.ids, skip_special_tokens=False)}
    if other is not None:
        out["pair"], out["pair_ids"] = other, t.encode(text, other).ids
        t.enable_truncation(8)
        out["cut"] = t.encode(text, other).ids
        t.no_truncation()
    return out


def fnv(h, data):
    for b in data:
        h = ((h ^ b) * 16777619) & 0xFFFFFFFF
    return h


def unicode_blocks():
    N, P = normalizers, pre_tokenizers
    out = {}
    for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"):
        n = getattr(N, name)()
        out[name] = [fnv_block(lambda c: n.normalize_str("a" + c + "b").encode(), i) for i in range(0, 0x30000, 4096)]
    n = N.BertNormalizer()
    out["BertNormalizer"] = [fnv_block(lambda c: n.normalize_str("a" + c + "b").encode(), i) for i in range(0, 0x30000, 4096)]
    for name in ("Whitespace", "Punctuation", "Digits"):
        p = getattr(P, name)()
        out[name] = [fnv_block(lambda c: bytes([len(p.pre_tokenize_str("a" + c + "b"))]), i) for i in range(0, 0x30000, 4096)]
    for name in ("\\p{L}", "\\p{Lu}", "\\p{M}", "\\p{N}", "\\p{P}", "\\p{S}", "\\w", "\\s"):
        p = P.Split(Regex(name), "isolated")
        out[name] = [fnv_block(lambda c: bytes([len(p.pre_tokenize_str("\x01" + c + "\x01"))]), i) for i in range(0, 0x30000, 4096)]
    return out


def fnv_block(f, first):
    h = 2166136261
    for c in range(first, first + 4096):
        if not 0xD800 <= c <= 0xDFFF:
            h = fnv(h, f(chr(c)) + b"\0")
    return h


def main():
    for name, t in make():
        others = [TEXTS[(5 * i + 3) % len(TEXTS)] if i % 4 == 0 else None for i in range(len(TEXTS))]
        print(json.dumps({"name": name, "file": json.loads(t.to_str()), "cases": [case(t, a, b) for a, b in zip(TEXTS, others)]}, ensure_ascii=False, separators=(",", ":")))
    for kind in ("unigram", "bpe", "char"):
        model = io.BytesIO()
        spm.SentencePieceTrainer.train(sentence_iterator=iter(TRAIN), model_writer=model, model_type=kind, vocab_size=120 if kind != "bpe" else 160, byte_fallback=False,
                                       hard_vocab_limit=False, minloglevel=2, character_coverage=0.98, normalization_rule_name="identity", user_defined_symbols=["<sep>"])
        p = spm.SentencePieceProcessor(model_proto=model.getvalue())
        cases = [{"text": a, "ids": p.encode(a), "decoded": p.decode(p.encode(a))} for a in TEXTS + ["a<sep>b <sep> c"] if "\0" not in a]
        print(json.dumps({"name": "sentencepiece " + kind, "model": base64.b64encode(model.getvalue()).decode(), "cases": cases}, ensure_ascii=False, separators=(",", ":")))
    print(json.dumps({"name": "unicode", "blocks": unicode_blocks()}, separators=(",", ":")))


if __name__ == "__main__":
    main()
