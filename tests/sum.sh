# sum.sh LOG...: adds up the last lines of the test programs' logs. Exit 1 on any failure.
passed=0; failed=0; skipped=0
for log in "$@"; do
    name=${log##*/}
    last=$(tail -n 1 "$log" 2>/dev/null); rc=$(cat "$log.status" 2>/dev/null)
    case $last in
        *" passed, "*" failed, "*" skipped")
            set_line=${last#*: }
            p=${set_line%% passed*}; rest=${set_line#*passed, }; f=${rest%% failed*}; rest=${rest#*failed, }; s=${rest%% skipped*}
            passed=$((passed + p)); failed=$((failed + f)); skipped=$((skipped + s))
            if [ "$rc" != 0 ] && [ "$f" -eq 0 ]; then failed=$((failed + 1)); echo "FAIL ${name%.log}: exit status $rc"; fi ;;
        *)  failed=$((failed + 1))
            if [ -n "$rc" ]; then echo "FAIL ${name%.log}: stopped with status $rc"; else echo "FAIL ${name%.log}: it or what it needs was not built"; fi ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
