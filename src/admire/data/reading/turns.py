"""Converts one turn of a conversation from the usual spellings to the one that chat templates take. A turn with an unknown key is
refused, because dropping the key could change its meaning."""

from __future__ import annotations

import json
import re
from typing import Any

from admire.data.reading.strict_json import decoded_once
from admire.data.reading.unusable import Unusable

# Turns of the form {from, value} have these roles (ShareGPT's names); the values are those of chat templates.
ROLES = {
    "system": "system",
    "developer": "developer",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
    "function": "function",
    "function_call": "assistant",
}
# Turns of the form {role, content} have these roles, or one of ALIASES, or another word that matches ROLE.
OWN_ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function", "ipython"))
ALIASES = {"human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant"}
# A template writes the role among its control tokens, so it must not have characters of which these are made.
ROLE = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,31}")
TEXTS = ("name", "tool_call_id", "reasoning_content", "reasoning", "thinking")  # Templates use these with contents.
ARGUMENTS = ("arguments", "parameters", "input")  # Sources have the arguments of a call under one of these keys.
CALL = ("id", "type", "index")  # Templates use these keys of a call beside its function.
MARKS = ("weight", "train", "training")  # Each of these keys says whether the turn may count in the loss.
WANTED = "fine-tuning needs a list of {role, content}"
DEEPEST = 50  # Tools and calls with more nested brackets are refused, before Python's recursion limit is reached.


def is_plain(turn: Any) -> bool:
    """Whether a turn has only a usual role and a content that is text, and so needs no conversion."""
    if type(turn) is not dict or len(turn) != 2 or type(turn.get("content")) is not str:
        return False
    role = turn.get("role")
    return type(role) is str and role in OWN_ROLES


def turn_of(turn: Any, number: int, ignored: frozenset[str], filled: bool) -> tuple[dict[str, Any], bool | None]:
    """The turn as templates take it, and whether it may count in the loss (None if the turn has no such mark).

    Args:
        number: the number of the turn, from 1.
        ignored: keys to leave out.
        filled: whether the row's file fills in null for keys that a mapping lacks.

    Raises:
        Unusable: if the turn cannot be converted; the message has the turn and the key.
    """
    place = f"turn {number}"
    if not isinstance(turn, dict):
        raise Unusable("no_conversation", f"{WANTED}, and {place} is {_kind(turn)}")
    turn = {key: value for key, value in turn.items() if value is not None and key not in ignored}
    role, called = _role(turn, place)
    content = turn.pop("content", turn.pop("value", None))
    made: dict[str, Any] = {"role": role, "content": ""}
    found = _calls(turn, place) + (_called(content, place) if called else [])
    calls = [_call(call, f"{place}, call {n}", ignored, filled) for n, call in enumerate(found, 1)]
    if not called:
        if content is None and not calls:
            what = f"{WANTED}, and {place} ({role}) has neither content nor a tool call"
            raise Unusable("no_content", what, "fill it or take it out")
        made["content"] = "" if content is None else _content(content, place, ignored)
    marks = {key: _mark(turn.pop(key), place, key) for key in MARKS if key in turn}
    if len(set(marks.values())) > 1:
        raise Unusable("weight", f"{place}: {' and '.join(marks)} contradict each other")
    for key in TEXTS:
        if key in turn:
            made[key] = turn.pop(key)
            if not isinstance(made[key], str):
                raise Unusable("other_type", f"{place}: {key} is no text but {_kind(made[key])}")
    if calls:
        made["tool_calls"] = calls
    for key in turn:
        raise Unusable.unknown(key, place)
    return made, next(iter(marks.values()), None)


def as_json(value: Any, place: str, filled: bool, depth: int = 0) -> Any:
    """A value with types of JSON only. If `filled`, keys with null are left out, because the file may have added them: in Parquet,
    all mappings in a list have the same keys.

    Raises:
        Unusable: if brackets are nested deeper than DEEPEST.
    """
    if depth > DEEPEST:
        raise Unusable("too_deep", f"{place}: brackets nested deeper than {DEEPEST}")
    if isinstance(value, dict):
        kept = {str(key): inner for key, inner in value.items() if inner is not None or not filled}
        return {key: as_json(inner, place, filled, depth + 1) for key, inner in kept.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner, place, filled, depth + 1) for inner in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)


def _role(turn: dict[str, Any], place: str) -> tuple[str, bool]:
    """The role, and whether the content is a tool call, as in turns from `function_call` of ShareGPT."""
    for one, other in (("role", "from"), ("content", "value")):
        if one in turn and other in turn:
            raise Unusable("two_forms", f"{place} has both '{one}' and '{other}'", key=other)
    key = "role" if "role" in turn else "from"
    if key not in turn:
        raise Unusable("no_role", f"{WANTED}, and {place} has no role")
    role = turn.pop(key)
    if not isinstance(role, str) or not role:
        raise Unusable("no_role", f"{WANTED}, and in {place} the {key} is {_kind(role)}")
    word = role.strip().lower()
    if key == "from":
        if word not in ROLES:
            known = ", ".join(ROLES)
            raise Unusable("no_role", f"{place} is from {json.dumps(role[:60])}", f"write one of {known}")
        return ROLES[word], word == "function_call"
    if word in OWN_ROLES or word in ALIASES:
        return ALIASES.get(word, word), False
    role.encode()  # This raises the same error for half a surrogate pair as for one in a content.
    if not ROLE.fullmatch(role.strip()):
        what = f"the role of {place} is {json.dumps(role[:60])}, which is no word"
        raise Unusable("no_role", what, "write one such as user or assistant")
    return role.strip(), False


def _content(content: Any, place: str, ignored: frozenset[str]) -> str:
    """The content as text, also if it is a list of parts `{type: text, text}`."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise Unusable("other_type", f"{place}: the content is no text but {_kind(content)}")
    found = []
    for part in content:
        if isinstance(part, dict):
            part = {key: value for key, value in part.items() if value is not None and key not in ignored}
            if part.get("type") != "text":
                raise Unusable("not_text", f"{place}: a part of the content is of type '{part.get('type')}', not text")
            for key in part.keys() - {"type", "text"}:
                raise Unusable.unknown(key, f"{place}, a part of the content")
            part = part.get("text")
        if not isinstance(part, str):
            raise Unusable("other_type", f"{place}: a part of the content is no text but {_kind(part)}")
        found.append(part)
    return "".join(found)


def _calls(turn: dict[str, Any], place: str) -> list[Any]:
    """Remove the tool calls from the turn and return them unconverted: `tool_calls`, and the one call in OpenAI's older
    `function_call`."""
    calls = turn.pop("tool_calls", [])
    if isinstance(calls, str):
        calls = _json(calls, f"{place}: tool_calls") if calls.strip() else []
    if not isinstance(calls, list):
        raise Unusable("tool_call", f"{place}: tool_calls is no list but {_kind(calls)}")
    older = turn.pop("function_call", None)
    return [*calls, *([older] if older else [])]


def _called(content: Any, place: str) -> list[Any]:
    """The calls in a turn of ShareGPT, which has them as JSON in its text."""
    value = _json(content, f"{place}: the function_call") if isinstance(content, str) else content
    calls = value if isinstance(value, list) else [value]
    if not calls:
        raise Unusable("tool_call", f"{place}: the function_call calls nothing")
    return calls


def _call(call: Any, place: str, ignored: frozenset[str], filled: bool) -> dict[str, Any]:
    """One call in the form `{id, type, function: {name, arguments}}`, with arguments as a mapping and not as JSON text."""
    if isinstance(call, str):
        call, filled = _json(call, place), False
    if not isinstance(call, dict):
        raise Unusable("tool_call", f"{place} is no mapping but {_kind(call)}")
    call = {key: value for key, value in call.items() if value is not None}
    function = call.pop("function", None)
    if function is None:
        function = {key: call.pop(key) for key in ("name", *ARGUMENTS) if key in call}
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Unusable("tool_call", f"{place} does not say which function by its name")
    function = {key: value for key, value in function.items() if value is not None}
    arguments = _arguments(function, place, filled)
    for mapping, known in ((call, CALL), (function, ("name",))):
        for key in [key for key in mapping if key not in known]:
            if key not in ignored:
                raise Unusable.unknown(key, place)
            del mapping[key]
    rest = as_json({**call, "function": {"name": function["name"]}}, place, filled)
    rest["function"]["arguments"] = arguments
    return {"type": "function"} | rest


def _arguments(function: dict[str, Any], place: str, filled: bool) -> dict[str, Any]:
    """Remove the arguments from the function of a call, and return them as a mapping."""
    found = [key for key in ARGUMENTS if key in function]
    if len(found) > 1:
        raise Unusable("two_forms", f"{place} has both '{found[0]}' and '{found[1]}'", "keep the one that is meant")
    if not found:
        return {}
    arguments = function.pop(found[0])
    if isinstance(arguments, str):
        arguments, filled = _json(arguments, f"{place}: {found[0]}") if arguments.strip() else {}, False
    if not isinstance(arguments, dict):
        raise Unusable("tool_call", f"{place}: {found[0]} is no mapping but {_kind(arguments)}")
    return as_json(arguments, f"{place}: {found[0]}", filled)


def _mark(value: Any, place: str, key: str) -> bool:
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    raise Unusable(
        "weight",
        f"{place}: {key} is {json.dumps(value, default=str)[:60]}, and only 0 and 1 (false and true) are known",
    )


def _json(value: str, place: str) -> Any:
    try:
        return decoded_once(value, place)
    except (ValueError, RecursionError):
        raise Unusable("tool_call", f"{place} is text that is not JSON") from None


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__
