"""Chat templates of strangers: run only where a pipeline needs one, and then with limited work."""

import inspect
import json
import shutil
import sys
from pathlib import Path

import diffusers
import pytest
import tiny_families
import tiny_image_families
import tiny_sound_families
import tiny_weights
import torch
from jinja2.sandbox import ImmutableSandboxedEnvironment
from test_model_folders import QWEN
from tiny_cards import tiny_card

from models.diffusers.loading import load
from models.registry import load_cards, local_cards
from models.weights import weights_problem
from models.weights.pipeline_index import RUN_TEMPLATES
from models.weights.refusal import RefusedFileError
from models.weights.tokenizer.chat_template import check_template

TOOLS = """{%- if tools %}{{- '<|im_start|>system\\n' }}{%- if messages[0]['role'] == 'system' %}{{-
messages[0]['content'] }}{%- else %}{{- 'You are a helpful assistant.' }}{%- endif %}{%- for tool in tools %}{{-
"\\n" }}{{- tool | tojson }}
{%- endfor %}{%- else %}{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content'] +
'<|im_end|>\\n' }}{%- endif %}{%- endif %}{%- for message in messages %}{%- if (message.role == "user") or (message.role
== "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}{{- '<|im_start|>' +
message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- elif message.role == "assistant" %}{%- for tool_call
in message.tool_calls %}{%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}{{-
tool_call.name }}{{- tool_call.arguments | tojson }}{%- endfor %}{%- elif message.role == "tool" %}{%- if (loop.index0
== 0) or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}{%- endif %}
{%- endfor %}{%- if
add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""
"""As that of Qwen 2.5, with tools."""
PICTURES = """{%- if tools %}{{- "# Tools" }}{%- for tool in tools %}{{- tool | tojson }}{%- endfor %}{%-
else %}{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\n' }}{%- if messages[0].content is
string %}{{- messages[0].content }}{%- else %}{%- for content in messages[0].content %}{%- if 'text' in
content %}{{- content.text }}{%- endif %}{%- endfor %}{%- endif %}{{- '<|im_end|>\\n' }}{%- endif %}{%-
endif %}{%- set image_count = namespace(value=0) %}{%- set video_count = namespace(value=0) %}{%- for
message in messages %}{%- if message.role == "user" %}{{- '<|im_start|>' + message.role + '\\n' }}{%- if
message.content is string %}{{- message.content }}{%- else %}{%- for content in message.content %}{%- if
content.type == 'image' or 'image' in content %}{%- set image_count.value = image_count.value + 1 %}{%- if
add_vision_id %}Picture {{ image_count.value }}: {% endif -%}<|image_pad|>{%- elif content.type == 'video'
%}{%- set video_count.value = video_count.value + 1 %}{%- if add_vision_id %}Video {{ video_count.value }}: {%
endif -%}<|video_pad|>{%- elif 'text' in content %}{{- content.text }}{%- endif %}{%- endfor %}{%- endif %}
{{- '<|im_end|>\\n' }}{%- elif message.role == "tool" %}{%- if loop.first or (messages[loop.index0 - 1].role
!= "tool") %}{{- '<|im_start|>user' }}{%- endif %}{%- if loop.last or (messages[loop.index0 + 1].role !=
"tool") %}{{- '<|im_end|>\\n' }}{%- endif %}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{-
'<|im_start|>assistant\\n' }}{%- endif %}"""
"""As that of Qwen 3 VL, which Cosmos 3 uses, with pictures and tools."""


def nested(number: int, items: str) -> str:
    loops = "".join(f"{{% for a{each} in {items} %}}" for each in range(number))
    return loops + "x" + "{% endfor %}" * number


HOSTILE = {
    "two nested loops over a text": nested(2, '"a"*10000'),
    "four nested loops": nested(4, '"a"*10000'),
    "three loops over the messages": nested(3, "messages"),
    "two loops that write the messages": nested(2, "messages").replace("x", "{{ messages }}"),
    "the prompt for each of its characters": "{% for a in messages[0].content %}{{ messages[0].content }}{% endfor %}",
    "a product of names": '{% set a = "a"*10000 %}{% set b = a*10000 %}{{ b }}',
    "a name doubled again and again": '{% set a = "a"*9999 %}' + "{% set a = a ~ a %}" * 50 + "{{ a }}",
    "a name that grows in one branch": '{% if b %}{% set a = "a"*10000 %}{% endif %}' + nested(2, "a"),
    "a namespace that doubles": '{% set n = namespace(x="a") %}{% for m in messages %}{% set n.x = n.x ~ n.x %}'
    "{% endfor %}",
    "a namespace that doubles by a name": '{% set n = namespace(x="a") %}{% for m in messages %}{% set b = n.x ~ n.x %}'
    "{% set n.x = b %}{% endfor %}",
    "a namespace that keeps a text": '{% set n = namespace(x="a") %}{% for m in messages %}{% set n.x = m.content %}'
    "{% endfor %}{{ n.x }}",
    "an indent": '{{ ("a\n"*10)|indent(999999999) }}',
    "a replacement": '{{ ("a"*10000).replace("a", "a"*10000) }}',
    "a join": '{{ ("a"*10000)|join("b"*10000) }}',
    "a number in a variable format": '{% set f = "%999999999d" %}{{ f % 1 }}',
    "a number in a joined format": '{{ ("%9999" ~ "99999d") % 1 }}',
    "a batch": '{{ "a"|batch(999999999, "x")|list }}',
    "a filter that calls": '{{ "x"|map("format", 1)|list }}',
    "a macro": '{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f("a") }}',
    "a recursive loop": "{% for a in [[[]]] recursive %}{{ loop([a,a]) }}{% endfor %}",
    "a block that is set": "{% set a %}x{% endset %}",
    "indented JSON": "{{ messages|tojson(indent=999999999) }}",
    "a round number": "{{ 1.5|round(999999999) }}",
    "a long list": "{% for a in [1]*10000 %}{% endfor %}",
    "a time": "{{ strftime_now('%Y'*10000) }}",
    "arguments that are not known": "{{ namespace(**messages) }}",
    "the name loop": "{% set loop = messages %}",
}
ACCEPTED = {
    "Qwen 2.5 VL": QWEN,
    "Qwen 2.5": TOOLS,
    "Qwen 3 VL": PICTURES,
    "tiny": tiny_families.HUNYUAN_TEMPLATE,
    "tiny image": "{{ '<unk> ' * 108 }}{{ messages[1]['content'] }}",
    "a split": "{% for m in messages %}{{ m.content.split('</think>')[-1].lstrip('\\n') }}{% endfor %}",
}


@pytest.mark.parametrize("template", HOSTILE.values(), ids=HOSTILE)
def test_a_template_that_is_run_needs_little(template: str):
    with pytest.raises(RefusedFileError, match="has a chat template"):
        check_template(template, "chat_template.jinja", is_run=True)


@pytest.mark.parametrize("template", ACCEPTED.values(), ids=ACCEPTED)
def test_published_templates_can_be_run(template: str):
    check_template(template, "chat_template.jinja", is_run=True)
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "a prompt"}]
    assert "a prompt" in environment.from_string(template).render(messages=messages, add_generation_prompt=True)


@pytest.mark.parametrize("place", ["tokenizer_config.json", "chat_template.jinja", "named"])
def test_a_hostile_template_of_a_pipeline_that_runs_it_is_refused(place: str, tmp_path: Path):
    folder = shutil.copytree(tiny_families.hunyuan15_folder(), tmp_path / "model")
    hostile = HOSTILE["two nested loops over a text"]
    if place == "chat_template.jinja":
        (folder / "tokenizer" / place).write_text(hostile)
    else:
        path = folder / "tokenizer" / "tokenizer_config.json"
        stored = [{"name": "default", "template": hostile}] if place == "named" else hostile
        path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": stored}))
    card = tiny_card("hunyuanvideo-1.5-480p", weights=tiny_weights.pinned(folder))
    assert "has a chat template that Reelmill does not run" in weights_problem(card)


def test_the_tiny_folders_that_run_templates_are_accepted():
    for name, folder in (
        ("cosmos3-nano", tiny_sound_families.cosmos3_folder),
        ("hunyuanvideo-1.5-480p", tiny_families.hunyuan15_folder),
        ("hunyuanvideo-1.5-480p-i2v", tiny_image_families.hunyuan15_i2v_folder),
    ):
        assert weights_problem(tiny_card(name, weights=tiny_weights.pinned(folder()))) is None


def test_the_templates_of_other_pipelines_are_removed(tmp_path: Path):
    folder = shutil.copytree(tiny_weights.ltx_folder(), tmp_path / "model")
    (folder / "tokenizer" / "chat_template.jinja").write_text("{{ messages }}")
    pipeline = load(tiny_weights.ltx_card(folder), None, torch.device("cpu"))
    assert pipeline.tokenizer.chat_template is None
    with pytest.raises(ValueError, match="chat template"):
        pipeline.tokenizer.apply_chat_template([{"role": "user", "content": "a"}])


def test_the_list_of_pipelines_that_run_templates_is_complete():
    """A pipeline class of a card calls apply_chat_template in its text encoding only if it is in the list.

    LTX-2 and Kandinsky 6 call it only to write longer prompts, if a card or a caller asks for that; none does.
    """
    for card in local_cards(load_cards()).values():
        if card.unsupported:
            continue
        source = inspect.getsource(sys.modules[getattr(diffusers, card.pipeline).__module__])
        writes = card.pipeline.startswith(("LTX2", "Kandinsky6"))
        assert ("apply_chat_template" in source) == (card.pipeline in RUN_TEMPLATES or writes), card.pipeline
        assert "system_prompt" not in card.call
