# run.sh BUILD TEST...: runs the test programs, adds up their last lines. Exit 1 on any failure.
build=$1; shift
passed=0; failed=0; skipped=0
LADDER_CLI=${LADDER_CLI:-$PWD/$build/ladder}; export LADDER_CLI
for t in "$@"; do
    out=$($RUNNER "./$build/$t" 2>&1); rc=$?
    printf '%s\n' "$out"
    last=$(printf '%s\n' "$out" | tail -n 1)
    case $last in
        *" passed, "*" failed, "*" skipped")
            set_line=${last#*: }
            p=${set_line%% passed*}; rest=${set_line#*passed, }; f=${rest%% failed*}; rest=${rest#*failed, }; s=${rest%% skipped*}
            passed=$((passed + p)); failed=$((failed + f)); skipped=$((skipped + s))
            if [ $rc -ne 0 ] && [ "$f" -eq 0 ]; then failed=$((failed + 1)); echo "FAIL $t: exit status $rc"; fi ;;
        *)  failed=$((failed + 1)); echo "FAIL $t: stopped with status $rc" ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
