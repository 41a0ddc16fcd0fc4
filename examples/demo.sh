# make -C examples demo: fine-tunes $MODEL on data/ and shows what it learned. Files go to $BUILD.
L=../tools/ladder
if ! test -f "$MODEL/config.json"; then
    echo "no model in $MODEL: make -C examples demo MODEL=DIR, a Hugging Face directory of a BERT-like English model" >&2
    exit 1
fi
# Threads that wait should sleep: on a machine with other work they would only be in the way.
OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}; export OMP_WAIT_POLICY
data="--train data/train.tsv --dev data/dev.tsv --test data/test.tsv"
member() { sed -n "s/.*\"$2\":\([0-9.e+-]*\).*/\1/p" "$1"; }
percent() { member "$1" "$2" | awk '{ printf "%.1f %%", 100 * $1 }'; }

echo "== a linear head on the frozen model"
$L train --model "$MODEL" $data --method head --pool mean --epochs 10 --cache ram --seed 1 --baselines --out "$BUILD/head.ladder" --json >"$BUILD/head.json" || exit 1
echo "== a ladder beside the frozen model"
$L train --model "$MODEL" $data --seed 1 --out "$BUILD/demo.ladder" --json >"$BUILD/demo.json" || exit 1

printf '\nright on the test set\n'
printf '  always the same answer  %8s\n' "$(percent "$BUILD/demo.json" majority)"
printf '  counting words          %8s   no model at all\n' "$(percent "$BUILD/head.json" words_test)"
printf '  linear head             %8s   %s numbers trained\n' "$(percent "$BUILD/head.json" test)" "$(member "$BUILD/head.json" trainable)"
printf '  ladder                  %8s   %s numbers trained beside %s that stay as they are, %s s\n\n' "$(percent "$BUILD/demo.json" test)" \
    "$(member "$BUILD/demo.json" trainable)" "$(awk -v a="$(member "$BUILD/demo.json" total)" -v b="$(member "$BUILD/demo.json" trainable)" 'BEGIN { print a - b }')" "$(member "$BUILD/demo.json" seconds | cut -d. -f1)"

cat >"$BUILD/sentences.txt" <<'TEXTS'
Turn off the lights in the kitchen
can somebody please open the door for the guests
the heating is much too high, make it cooler
I can hardly hear the radio
Remind me in forty minutes to take the bread out
the film begins, shut the curtains
TEXTS
$L predict --model "$MODEL" --ladder "$BUILD/demo.ladder" "$BUILD/sentences.txt" >"$BUILD/answers.jsonl" || exit 1
sed 's/^{"label":"\([^"]*\)".*/\1/' "$BUILD/answers.jsonl" | paste - "$BUILD/sentences.txt" | awk -F '\t' '{ printf "  %-14s %s\n", $1, $2 }'

echo
echo "== ways to tune, four epochs each (all nine, and more epochs: ../tools/ladder compare)"
$L compare --model "$MODEL" $data --pool mean --methods head,ladder,ladder-cached,lora,full --epochs 4 --report "$BUILD/report.html" && echo "see examples/$BUILD/report.html"
