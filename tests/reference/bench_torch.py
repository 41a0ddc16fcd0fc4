"""The work of tools/bench in PyTorch, printed beside ours. Random weights, so only time and memory mean anything.

    make -C tools && OMP_NUM_THREADS=2 python3 tests/reference/bench_torch.py [products] [forward] [one] [step] [cached] [full]
    ... --lengths FILE          a ladder step on texts of those lengths, a number a line, in f32, packed and int8; PyTorch's are f32, padded to the longest of their batch

Each pair runs in turn, `--rounds` times (3), and medians are compared. PyTorch runs with settings that are fair to Debian's
build: OpenBLAS's OpenMP build (libopenblas0-openmp) with its AVX-512 kernels where the processor has them, large pages, memory
that is kept and not given back between steps, and no OPENBLAS_L2_SIZE.
"""
import argparse, json, os, resource, statistics, subprocess, sys, time

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "bench")
LAYERS, WIDTH, HEADS, FFN, BATCH, LENGTH, SIDE = 12, 768, 12, 3072, 16, 128, 96


def ours(*arguments):
    lines = subprocess.run([BENCH, *arguments, "--json"], check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def theirs(what):
    """Runs this file as another process, so that its peak memory is its own."""
    fair = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    if os.path.exists("/proc/cpuinfo") and "avx512f" in open("/proc/cpuinfo").read():
        fair["OPENBLAS_CORETYPE"] = "SkylakeX"      # on a processor newer than itself OpenBLAS 0.3.21 falls back to SSE3, a fifth of the speed
    fair["LD_LIBRARY_PATH"] = "/usr/lib/x86_64-linux-gnu/openblas-openmp"
    fair["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1:glibc.malloc.trim_threshold=4000000000:glibc.malloc.mmap_threshold=4000000000:glibc.malloc.mmap_max=0"
    return json.loads(subprocess.run([sys.executable, __file__, "--only", what], check=True, capture_output=True, text=True, env=fair).stdout)


def worker(what):
    import torch
    from torch import nn
    from torch.nn import functional as F
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))

    def median(f, repeats=5):
        f()
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            f()
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds)

    if what.startswith("product"):
        _, kind, m, n, k = what.split(":")
        m, n, k = int(m), int(n), int(k)
        a, b = torch.randn(m, k), torch.randn(k, n)
        if kind in ("NT", "int8"):
            b = torch.randn(n, k).t()
        if kind == "TN":
            a = torch.randn(k, m).t()
        out = torch.empty(m, n)
        return {"median": 2e-9 * m * n * k / median(lambda: torch.mm(a, b, out=out), 21)}

    class Block(nn.Module):
        def __init__(self, width, heads, ffn):
            super().__init__()
            self.heads, self.size = heads, width // heads
            self.qkv, self.o = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, ffn), nn.Linear(ffn, width)
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

        def forward(self, x, hidden=0):
            b, n, w = x.shape
            q, k, v = self.qkv(x).view(b, n, 3, self.heads, self.size).permute(2, 0, 3, 1, 4)
            p = torch.softmax(q @ k.transpose(-1, -2) * self.size ** -0.5 + hidden, -1)
            x = self.norm1(x + self.o((p @ v).transpose(1, 2).reshape(b, n, w)))
            return self.norm2(x + self.down(F.gelu(self.up(x))))

    class Ladder(nn.Module):
        """The published shape: a scalar gate a rung, blocks of the backbone's kind at an eighth of the width."""
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList(nn.Linear(WIDTH, SIDE) for _ in range(LAYERS + 1))
            self.gate = nn.ParameterList(nn.Parameter(torch.zeros(())) for _ in range(LAYERS))
            self.blocks = nn.ModuleList(Block(SIDE, HEADS, FFN * SIDE // WIDTH) for _ in range(LAYERS))
            self.up, self.head = nn.Linear(SIDE, WIDTH), nn.Linear(WIDTH, 2)

        def forward(self, states, hidden=0):
            s = self.down[0](states[0])
            for i in range(LAYERS):
                a = torch.sigmoid(self.gate[i] / 0.1)
                s = self.blocks[i](a * s + (1 - a) * self.down[i + 1](states[i + 1]), hidden)
            return self.head(self.up(s[:, 0]))

    what, _, kind = what.partition("-")
    batch = 1 if what == "one" else BATCH
    words, norm = nn.Embedding(30522, WIDTH), nn.LayerNorm(WIDTH)
    backbone = nn.ModuleList(Block(WIDTH, HEADS, FFN) for _ in range(LAYERS))
    ids, labels = torch.randint(0, 30522, (batch, LENGTH)), torch.randint(0, 2, (batch,))
    if kind == "bf16":
        backbone = backbone.to(torch.bfloat16)
    if kind == "int8":                             # 8-bit weights, activations rounded as they arrive
        backbone = torch.quantization.quantize_dynamic(backbone, {nn.Linear}, dtype=torch.qint8)

    def run():
        out = [norm(words(ids))]
        for block in backbone:
            out.append(block(out[-1].to(torch.bfloat16) if kind == "bf16" else out[-1]))
        return [x.float() for x in out]

    def states():
        with torch.no_grad():
            return run()

    ladder = Ladder()
    head = nn.Linear(WIDTH, 2)
    trained = [*words.parameters(), *norm.parameters(), *backbone.parameters(), *head.parameters()] if what == "full" else ladder.parameters()
    optimiser = torch.optim.Adam(trained, 1e-3)
    kept = states() if what == "cached" else None

    def step():
        optimiser.zero_grad()
        F.cross_entropy(head(run()[-1][:, 0]) if what == "full" else ladder(kept or states()), labels).backward()
        optimiser.step()

    if what == "real":                             # --lengths: hidden is -inf where a text has ended
        import random
        lengths = [min(512, max(1, int(line))) for line in open(kind)]
        random.Random(1).shuffle(lengths)
        spent = tokens = 0
        for i in range(-2, 20):
            some = [lengths[(i * batch + j) % len(lengths)] for j in range(batch)]
            ids = torch.randint(0, 30522, (batch, max(some)))
            hidden = torch.zeros(batch, 1, 1, max(some))
            for j, n in enumerate(some):
                hidden[j, :, :, n:] = float("-inf")
            start = time.perf_counter()
            with torch.no_grad():
                out = [norm(words(ids))]
                for block in backbone:
                    out.append(block(out[-1], hidden))
            optimiser.zero_grad()
            F.cross_entropy(ladder(out, hidden), labels).backward()
            optimiser.step()
            if i >= 0:
                spent, tokens = spent + time.perf_counter() - start, tokens + sum(some)
        return {"tokens_per_second": tokens / spent}

    seconds = median(states if what in ("forward", "one") else step)
    return {"median": seconds, "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("parts", nargs="*", default=["products", "forward", "one", "step", "cached", "full"])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--only")
    p.add_argument("--lengths")
    o = p.parse_args()
    if o.only:
        print(json.dumps(worker(o.only)))
        return
    if o.lengths:
        for name, way in (("f32", []), ("f32 packed", ["--pack"]), ("int8", ["--int8"])):
            pairs = [(ours("step", "--preset", "paper", "--lengths", o.lengths, "--steps", "20", *way)[0], theirs("real-" + o.lengths)) for _ in range(o.rounds)]
            a, b = (statistics.median(x["tokens_per_second"] for x in side) for side in zip(*pairs))
            print(f"ladder step on texts of {o.lengths}, {name}: ours {a:.0f} tokens/s, PyTorch {b:.0f}, ratio {a / b:.2f}", flush=True)
        return
    if "products" in o.parts:
        threads = int(os.environ.get("OMP_NUM_THREADS", "2"))
        for r in (r for r in ours("--threads", str(threads)) if r.get("threads") == threads and "product" in r and r["product"] in ("NT", "NN", "TN")):
            t = theirs(f"product:{r['product']}:{r['m']}:{r['n']}:{r['k']}")["median"]
            print(f"{r['product']} {r['m']:5} x {r['n']:5} x {r['k']:5}: ours {r['median']:6.1f} GFLOP/s ({100 * r['median'] / r['peak']:.0f} % of the peak), PyTorch {t:6.1f}, ratio {r['median'] / t:.2f}")
    paper = ["step", "--preset", "paper"]
    for name, arguments, peer in (
            ("backbone forward, f32", ["forward"], "forward"), ("backbone forward, f32 packed", ["forward", "--pack"], "forward"), ("backbone forward, bf16", ["forward", "--bf16"], "forward-bf16"), ("backbone forward, int8", ["forward", "--int8"], "forward-int8"),
            ("one text of 128, f32", ["forward", "--batch", "1"], "one"), ("one text of 128, f32 packed", ["forward", "--batch", "1", "--pack"], "one"), ("one text of 128, int8", ["forward", "--batch", "1", "--int8"], "one-int8"),
            ("ladder step, f32", paper, "step"), ("ladder step, f32 packed", paper + ["--pack"], "step"), ("ladder step, bf16 backbone", paper + ["--bf16"], "step-bf16"), ("ladder step, int8 backbone", paper + ["--int8"], "step-bf16"),
            ("ladder step, cached taps", paper + ["--cache"], "cached"), ("full fine-tuning step, f32", ["step", "--method", "full"], "full")):
        if peer.partition("-")[0] not in o.parts:
            continue
        pairs = [(ours(*arguments, "--steps", "5")[0], theirs(peer)) for _ in range(o.rounds)]
        a, b = statistics.median(x["step"] for x, _ in pairs), statistics.median(y["median"] for _, y in pairs)
        print(f"{name}: ours {a:.4f} s, {pairs[0][0]['peak_megabytes']:.0f} MB ({pairs[0][0]['beyond_weights_megabytes']:.0f} beyond the weights); "
              f"PyTorch {peer} {b:.4f} s, {pairs[0][1]['peak_megabytes']:.0f} MB; ratio {a / b:.2f}", flush=True)


if __name__ == "__main__":
    main()
