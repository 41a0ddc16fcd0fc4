"""Writes golden/chat.jsonl: pieces of Jinja, and what transformers' own environment makes of them with the variables below.

    python make_chat.py > ../golden/chat.jsonl          (transformers, jinja2)

One line a piece: {"template": ..., "rendered": ...}, or {"template": ..., "error": true} where the original raises. The
variables stand in the first line."""

import json
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template

VARIABLES = {
    "messages": [
        {"role": "user", "content": "Hi there\nsecond"},
        {"role": "assistant", "content": "<think>\nx\n</think>\n\nyes",
         "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1, "b": 'x"y'}}}]},
        {"role": "tool", "content": "42"}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {
        "type": "object", "properties": {"a": {"type": "integer"}}}}}],
    "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>", "n": 3, "f": 2.5, "t": True, "nul": None,
    "l": [3, 1, 2, 1], "d": {"b": 1, "a": 2}, "s": " Ab c ", "zh": "\u4f60\u597d\u5417", "e": "", "el": []}

PIECES = r"""
{{ n + 1 }} {{ n - 1 }} {{ n * f }} {{ n / 2 }} {{ -n // 2 }} {{ -n % 2 }} {{ 2 ** 3 }} {{ 2 ** -1 }} {{ n ~ f }}
====
{{ 1 if t else 2 }} {{ 1 if nul }} {{ (1 if e else 2) + 3 }} {{ 'a' if not t else 'b' if n == 3 else 'c' }}
====
{{ l | sort }} {{ l | sort(reverse=true) }} {{ l | unique | list }} {{ l | reverse | list }} {{ l | sum }} {{ l | min }} {{ l | max }}
====
{{ d }} {{ d | tojson }} {{ d | dictsort }} {{ d.items() | list }} {{ d.keys() | list }} {{ d | items | list }} {{ d | length }}
====
{{ d | tojson(indent=2) }}{{ tools | tojson(indent=4) }}
====
{{ s.strip() }}|{{ s.lstrip() }}|{{ s | trim }}|{{ s.upper() }}|{{ s | lower }}|{{ s.title() }}|{{ s | capitalize }}|{{ 'they''re x-y' | title }}
====
{{ zh[0] }} {{ zh[-1] }} {{ zh[1:] }} {{ zh[::-1] }} {{ zh | length }} {{ zh * 2 }} {{ '你' in zh }} {{ zh.split('好') }}
====
{{ l[1:3] }} {{ l[:-1] }} {{ l[::2] }} {{ l[::-1] }} {{ l[5:] }} {{ l[-2:] }} {{ l[2:0:-1] }}
====
{% for k, v in d.items() %}{{ k }}={{ v }}{% if not loop.last %}, {% endif %}{% endfor %}
====
{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {{ loop.revindex }} {{ loop.previtem }} {{ loop.nextitem }};{% else %}none{% endfor %}
====
{% for x in el %}{{ x }}{% else %}none{% endfor %}
====
{% set x = 1 %}{% for i in l %}{% set x = i %}{% endfor %}{{ x }}
====
{% set ns = namespace(a=0, b=[]) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }} {{ ns.b }}
====
{%- macro m(a, b=2, c='x') -%}[{{ a }}{{ b }}{{ c }}]{%- endmacro -%}{{ m(1) }}{{ m(1, c='y') }}{{ m(1,3) ~ '!' }}
====
{% set a %}cap {{ n }}{% endset %}{{ a | upper }}
====
{% set a, b = 1, 2 %}{{ a }}{{ b }}
====
{% if t and not e and n > 2 or nul %}yes{% elif n %}x{% else %}no{% endif %}
====
{{ nothing }}|{{ nothing | default('d') }}|{{ e | default('x', true) }}|{{ nothing is defined }}|{{ nothing.x }}
====
{{ messages[0].nothing }}|{{ messages[0]['role'] }}|{{ messages[0].get('x') }}|{{ messages[0].get('x', 'y') }}|{{ messages | length }}
====
{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join('; ') }}{{ messages | map(attribute='role') | list }}{{ messages | rejectattr('tool_calls') | list | length }}{{ messages | selectattr('tool_calls', 'defined') | list | length }}
====
{{ n is odd }} {{ n is even }} {{ n is number }} {{ s is string }} {{ l is sequence }} {{ l is mapping }} {{ d is mapping }} {{ nul is none }} {{ nul is not none }} {{ t is true }} {{ n is divisibleby 3 }} {{ n is divisibleby(2) }} {{ 3 is in l }} {{ l is iterable }} {{ t is boolean }}
====
{{ 1 == 1.0 }} {{ 'a' < 'b' }} {{ [1,2] == [1,2] }} {{ {'a':1} == {'a':1} }} {{ 1 != 2 }} {{ 3 in l }} {{ 9 not in l }} {{ 'b' in d }} {{ 1 < 2 < 3 }} {{ not 1 == 2 }}
====
{{ True }} {{ none }} {{ 1.0 }} {{ 1e20 }} {{ 0.1 + 0.2 }} {{ 100000000000000000.0 }} {{ 1.5e-7 }} {{ [1.0, 'a', none, true, {'x': 'it''s'}] }}
====
{{ "it's" | tojson }} {{ 'q"q' }} {{ ["it's", 'q"q', 'b\\s', 'n\nl'] }} {{ 'é\u4f60\x41\t' }}
====
{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c'.split(' ', 1) }} {{ 'abc'.replace('b','x') }} {{ 'aaa' | replace('a','b',2) }}
====
{{ 'x'.startswith('x') }} {{ 'xyz'.endswith('yz') }} {{ 'abc'.strip('ac') }} {{ 'xxabc'.lstrip('x') }} {{ '\nab\n'.rstrip('\n') }}|
====
{{ range(3) | list }} {{ range(1, 7, 2) | list }} {{ range(5, 0, -2) | list }}
====
{%- for m in messages -%}
  {%- if loop.first -%} A {%- endif -%}
  [{{ m.role }}]
{%- endfor %}

end
====
  {% if t %}
    indented
  {% endif %}
after
{# comment #}
line
====
a {{- ' b ' -}} c
{%+ if t %}x{%+ endif %}
====
line1
   {%- if t %} x {% endif -%}   
 y
====
{% for m in messages %}
{{ m.role }}
{% endfor %}
tail
====
{{ '{{' }} {{ "}}" }} {% if '%}' %}ok{% endif %}
====
{{ ['a', 'b'] | join }} {{ l | first }} {{ l | last }} {{ el | first }} {{ 'abc' | first }} {{ 'abc' | last }} {{ 'abc' | list }}
====
{{ '7' | int + 1 }} {{ '7.5' | float }} {{ 'x' | int }} {{ 3.9 | int }} {{ -3 | abs }} {{ n | string + 'x' }} {{ 'x' | int(5) }}
====
{{ messages[1].content.split('</think>')[-1].lstrip('\n') }} {{ (messages[1].content.split('</think>')|first).split('<think>')[-1] }}
====
{%- for tc in messages[1].tool_calls %}{{ '{"name": "' ~ tc.function.name ~ '", "arguments": ' ~ (tc.function.arguments | tojson) ~ '}' }}{% endfor %}
====
{{ raise_exception('no') }}
====
{{ nothing.a.b }}
====
{{ 'a' + 1 }}
====
{{ 1 < 'a' }}
====
{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}
====
{{ 'line1\nline2' | indent(2) }}|{{ 'a\nb' | indent(width=3, first=true) }}
====
{% set x = [1,2] + [3] %}{{ x }} {{ (1, 2) }} {{ x[0] + x[-1] }} {{ x | length > 2 }}
====
{{ (l | length) - 1 }} {{ l | length - 1 }} {{ loop is defined }}
====
{% macro a(x) %}{{ b(x) }}{% endmacro %}{% macro b(y) %}<{{ y }}{{ n }}>{% endmacro %}{{ a(5) }}
====
{% for x in l %}{% macro q() %}{{ x is defined }}{% endmacro %}{% endfor %}{% macro w() %}{{ z is defined }}{% endmacro %}{% for z in l %}{{ w() }}{% endfor %}
====
{{ not nothing }} {{ nothing == '' }} {{ nothing or 'x' }} {{ nul or e or 'last' }} {{ t and 'v' }}
====
{%- set loop_messages = messages[1:] if messages[0].role == 'system' else messages -%}{{ loop_messages | length }}
====
{%- if tools is defined and tools %}T{% endif %}{%- if not (documents is defined) %}D{% endif %}{{ tools[0].function.parameters.properties | tojson }}
====
{%- set image_count = namespace(value=0) %}{%- set image_count.value = image_count.value + 1 %}{{ image_count.value }}
====
{% set d2 = dict(a=1, b='x') %}{{ d2 }} {{ d2.a }}
====
{{ 'a' ~ 1 ~ none ~ true ~ [1] }}
====
{{ "a" "b" 'c' }} {{ 10_000 }} {{ 'x' if 'y' in 'xyz' and 'q' not in 'xyz' else 'z' }}
====
{{ l | map('string') | join('-') }} {{ ['a','B'] | map('upper') | list }} {{ l | select('odd') | list }} {{ l | reject('odd') | list }} {{ [0,1,'',2] | select | list }}
====
{{ {'a': {'b': [1, {'c': 2}]}}.a.b[1].c }} {{ {'k': 'v'}['k'] }} {{ [[1,2],[3,4]][1][0] }}
====
{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{{ index }}{{ message.role }}{%- endfor %}
====
{{ l.append(4) }}
====
{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\n\n' }}
    {%- endif %}
    {{- "# Tools\n\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools>\n{\"name\": <function-name>}<|im_end|>\n" }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- elif '</think>' in message.content %}
            {%- set reasoning_content = message.content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
            {%- set content = message.content.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {{- '<|im_start|>' + message.role + '\n<think>\n' + reasoning_content.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '<tool_call>\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}
            {%- if tool_call.arguments is string %}{{- tool_call.arguments }}{%- else %}{{- tool_call.arguments | tojson }}{%- endif %}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\n<tool_response>\n' }}{{- message.content }}{{- '\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
====
{%- set tools_in_user = tools_in_user | default(true) %}{%- set date_string = "26 Jul 2024" if not date_string is defined else date_string %}{{ date_string }}{{ tools_in_user }}
{%- for key in tools[0].function.keys() | reject("equalto", "name") %} {{ key }}={{ tools[0].function[key] | tojson }}{%- endfor %}
====
{%- macro render(items, sep=", ") -%}{%- for i in items -%}{{ i if i is string else i | tojson }}{{ sep if not loop.last }}{%- endfor -%}{%- endmacro -%}{{ render(l) }} {{ render(["a", d], sep="; ") }}
====
{% set x = namespace(v=l) %}{% for i in x.v %}{{ i }}{% endfor %}{% for i in [1, 2] %}{% for k in [3, 4] %}{{ loop.index }}{{ i }}{{ k }} {% endfor %}{{ loop.index }}{% endfor %}
====
{% if messages | length == 3 and (messages[-1].role == "tool" or false) %}a{% else %}b{% endif %}{{ (messages | last).role }}{{ messages[0:2] | length }}
====
{{- bos_token }}
{%- for m in messages %}
    {%- if loop.index0 == 0 -%}
        first
    {%- endif %}
    {{ m.role }}

  tail
{%- endfor %}

====
{% for a in l %}{% for b in l if b > a %}{{ a }}{{ b }},{% else %}-{% endfor %}{% endfor %}
====
{{ messages[5] is defined }}{{ messages[0].tool_calls is defined }}{{ messages[1]["tool_calls"][0]["function"]["name"] }}{{ tools[0]["function"].parameters.get("nothing", {}) }}
====
{%- for m in messages if m.role != "tool" %}{{ loop.index }}{{ loop.last }}{{ m.content[:4] }}{%- endfor %}
""".strip("\n").split("\n====\n")

out = sys.stdout
out.write(json.dumps(VARIABLES, ensure_ascii=False) + "\n")
for piece in PIECES:
    try:
        line = {"template": piece, "rendered": _compile_jinja_template(piece).render(**VARIABLES)}
    except Exception:
        line = {"template": piece, "error": True}
    out.write(json.dumps(line, ensure_ascii=False) + "\n")
