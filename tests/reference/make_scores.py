"""Writes tests/golden/scores.jsonl: what sacrebleu and rouge_score say of a few sets of texts with references, of 0 to 100.
Usage: make_scores.py OUT. Needs sacrebleu and rouge_score (pip)."""
import json, random, sys
import sacrebleu
from rouge_score import rouge_scorer

ENGLISH = [
    ("The cat sat on the mat.", ["The cat sat on the mat.", "A cat was sitting on the mat."]),
    ("It costs $3,500.75 (about 12.5%), i.e. 3-4 times more; \"really\"?", ["It costs $3,500.75 - about 12.5% - or 3-4 times as much: \"Really!\""]),
    ("e.g. a.b.c...d,e 1.5,2 .5 5. -1 10-year-old well-known x-1 3-", ["e.g. a.b.c ... d, e 1.5 , 2 .5 5 . -1 10-year old well known x -1 3 -"]),
    ("Tom &amp; Jerry &lt;b&gt; said &quot;hi&quot; &amp;lt; <skipped>now", ["Tom & Jerry <b> said \"hi\" < now", "Tom and Jerry"]),
    ("don't you @home #1 a/b {c} [d] ~e_f^g`h|i\\j*k+l=m", ["Don't you @home #1 a / b { c } [d] ~ e_f ^ g`h | i\\j * k + l = m"]),
]
CHINESE = [
    ("今天天气很好，我们去公园玩吧。", ["今天的天气很好，我们一起去公园玩吧！", "天气好，去公园。"]),
    ("他说：“价格是3.5元”——太贵了……", ["他说“价格为3.50元”，太贵了。"]),
    ("我用Python 3.11写代码，GPU很快（RTX 4090）", ["我用 Python 3.11 写代码, GPU 很快 (RTX 4090)."]),
    ("𠀀字 ①② ★☆ ㈱ ￥100 Ａｂｃ　全角 結果は3.", ["𠀀字①② ★ ㈱ ￥100 ＡＢＣ 全角 結果は3"]),
]
ODD = [
    ("", ["A text that nobody said."]),
    ("Said, but not wanted.", [""]),
    ("", [""]),
    ("  blanks   at\tboth ends \u00a0\u3000", ["blanks at both ends"]),
    ("\u001cNa\u00efve caf\u00e9 \u212aelvin \u0130stanbul \u2003 STRASSE \u00df", ["na\u00efve caf\u00e9 kelvin istanbul strasse ss"]),
    ("line one-\nline two\nline three", ["line oneline two line three"]),
]
SHORT = [("yes", ["yes"]), ("no", ["nope"]), ("maybe so", ["maybe"])]
APART = [("alpha beta gamma delta epsilon", ["one two three four five"]), ("zeta eta theta iota", ["six seven eight nine"])]
SAME = [("Exactly the same words, and more.", ["Exactly the same words, and more."]), ("完全一样的句子。", ["完全一样的句子。", "另一个。"])]
HALF = [("the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"]), ("a b c d e f g", ["a b x d e f y", "g f e d c b a", "a b c"])]


def invented(seed, texts, longest):
    """Words of a few letters, in references that are the text with words lost, changed and moved."""
    r = random.Random(seed)
    words = ["".join(r.choice("abcdeé1.,-") for _ in range(r.randint(1, 5))) for _ in range(40)]
    out = []
    for _ in range(texts):
        ref = [r.choice(words) for _ in range(r.randint(0, longest))]
        refs = [" ".join(w for w in ref if r.random() > 0.1 * k) for k in range(r.randint(1, 4))]
        said = [r.choice(words) if r.random() < 0.2 else w for w in ref]
        if len(said) > 3 and r.random() < 0.5: said[1], said[2] = said[2], said[1]
        out.append((" ".join(said), refs))
    return out


def scores(pairs):
    said = [s for s, _ in pairs]
    most = max(len(r) for _, r in pairs)
    refs = [[r[k] if k < len(r) else None for _, r in pairs] for k in range(most)]
    rouge = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"])
    each = [rouge.score_multi(r, s) for s, r in pairs]
    out = {"bleu": sacrebleu.metrics.BLEU().corpus_score(said, refs).score, "bleu_zh": sacrebleu.metrics.BLEU(tokenize="zh").corpus_score(said, refs).score,
           "chrf": sacrebleu.metrics.CHRF().corpus_score(said, refs).score}
    for k in ("rouge1", "rouge2", "rougeL"): out[k] = 100 * sum(e[k].fmeasure for e in each) / len(each)
    out["exact"] = 100 * sum(s.strip() in [x.strip() for x in r] for s, r in pairs) / len(pairs)
    return out


if __name__ == "__main__":
    sets = {"english": ENGLISH, "chinese": CHINESE, "odd": ODD, "short": SHORT, "apart": APART, "same": SAME, "half": HALF, "all": ENGLISH + CHINESE + ODD + HALF + SHORT,
            "invented": invented(1, 40, 30), "long": invented(2, 2, 700)}
    for k, (s, r) in enumerate(ENGLISH + CHINESE + ODD): sets["alone%d" % k] = [(s, r)]
    with open(sys.argv[1], "w") as f:
        for name, pairs in sets.items():
            texts = [{"said": s, "references": r} for s, r in pairs]
            f.write(json.dumps({"name": name, "scores": scores(pairs), "texts": texts}, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(sacrebleu.__version__, len(sets))
