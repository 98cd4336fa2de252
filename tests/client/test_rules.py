"""Which calls ask: the strictest rule, in doubt the stricter case."""

from pathlib import Path
from typing import Any

import pytest

from cosignet.client.errors import SetupIncomplete
from cosignet.client.rules import Hint, Then, parse_rules, read_rules

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "recipes" / "mcp-gate").glob("*.toml"))
HEAD = 'server = "s"\n'


def then(text: str, tool: str, arguments: Any = None, hint: Hint | None = None) -> str:
    found = {} if arguments is None else arguments
    read = None if arguments == "unclear" else found
    return parse_rules(HEAD + text).verdict(tool, read, hint).then.name.lower()


def rule(outcome: str, *tools: str, when: str = "") -> str:
    named = ", ".join(f'"{tool}"' for tool in tools)
    return f'[[rule]]\ntools = [{named}]\nthen = "{outcome}"\n' + (
        f"when = {when}\n" if when else ""
    )


def test_without_a_rule_a_call_asks() -> None:
    assert then("", "anything") == "ask"


def test_the_strictest_rule_wins_in_any_order() -> None:
    rules = [rule("pass", "*"), rule("ask", "write*"), rule("deny", "write_all")]
    for text in ("".join(rules), "".join(reversed(rules))):
        assert then(text, "read") == "pass"
        assert then(text, "write_one") == "ask"
        assert then(text, "write_all") == "deny"


def test_a_pattern_means_the_whole_name_and_its_case() -> None:
    assert then(rule("pass", "read_*"), "read_file") == "pass"
    for tool in ("Read_file", "unread_file", "read"):
        assert then(rule("pass", "read_*"), tool) == "ask"


DEFAULT = 'default = "pass"\n'


@pytest.mark.parametrize(
    ("annotations", "by_default", "by_rule"),
    [
        ({"readOnlyHint": True}, "pass", "pass"),
        ({"destructiveHint": False}, "pass", "pass"),
        ({"readOnlyHint": False}, "ask", "pass"),
        ({}, "ask", "pass"),
        (None, "ask", "pass"),
        ("no object", "ask", "pass"),
        ({"readOnlyHint": "true"}, "ask", "pass"),
        ({"destructiveHint": 0}, "ask", "pass"),
        ({"destructiveHint": True}, "ask", "ask"),
        ({"destructiveHint": True, "readOnlyHint": True}, "ask", "ask"),
    ],
)
def test_hints_make_it_stricter_alone(annotations: Any, by_default: str, by_rule: str) -> None:
    hint = Hint.of(annotations)
    assert then(DEFAULT, "t", hint=hint) == by_default
    assert then(rule("pass", "t"), "t", hint=hint) == by_rule
    assert then(rule("pass", "t") + "although_destructive = true", "t", hint=hint) == "pass"
    for strict in ("ask", "deny"):
        assert then(rule(strict, "t"), "t", hint=hint) == strict
    assert then('default = "deny"', "t", hint=hint) == "deny"
    assert then("", "t", hint=hint) == "ask"


def test_where_nobody_gives_hints_the_default_is_what_it_says() -> None:
    assert then(DEFAULT, "t") == "pass"


@pytest.mark.parametrize(
    ("when", "fitting", "other"),
    [
        ('{ path = "/srv/*" }', {"path": "/srv/a"}, {"path": "/etc/a"}),
        ('{ path = ["/a", "/b*"] }', {"path": "/b1"}, {"path": "/a1"}),
        ('{ "to.name" = "x" }', {"to": {"name": "x"}}, {"to": {"name": "y"}}),
        ('{ "to.name" = "x" }', {"to": {"name": "x"}}, {"to": "x"}),
        ("{ force = true }", {"force": True}, {"force": 1}),
        ("{ force = true }", {"force": True}, {"force": "true"}),
        ("{ n = 1 }", {"n": 1.0}, {"n": True}),
        ("{ n = 1 }", {"n": 1}, {"n": "1"}),
        ('{ n = "1" }', {"n": "1"}, {"n": 1}),
        ("{ n = { at_most = 100 } }", {"n": 100}, {"n": 100.5}),
        ("{ n = { at_least = 1, at_most = 9 } }", {"n": 1}, {"n": 0}),
        ("{ n = { at_least = 1 } }", {"n": 2}, {"n": "2"}),
        ("{ n = { at_least = 0 } }", {"n": 2}, {"n": True}),
        ('{ a = "1", b = "2" }', {"a": "1", "b": "2"}, {"a": "1", "b": "3"}),
        ('{ a = "*" }', {"a": ""}, {}),
    ],
)
def test_conditions(when: str, fitting: Any, other: Any) -> None:
    passing, asking = rule("pass", "t", when=when), DEFAULT + rule("ask", "t", when=when)
    assert then(passing, "t", fitting) == "pass"
    assert then(passing, "t", other) == "ask"
    assert then(asking, "t", fitting) == "ask"
    assert then(asking, "t", other) == "pass"


@pytest.mark.parametrize(
    "arguments",
    [
        "unclear",
        {"path": "/srv/../etc"},
        {"path": "/srv/a\nrm"},
        {"path": "/srv/a\x00"},
        {"path": "/srv/a\u2028"},
        {"path": "/srv/a", "Path": "/etc"},
        {"Path": "/srv/a"},
        {"path": "/tmp/../srv/a"},
    ],
)
def test_in_doubt_the_stricter_case(arguments: Any) -> None:
    when = '{ path = "/srv/*" }'
    assert then(rule("pass", "t", when=when), "t", arguments) == "ask"
    assert then(DEFAULT + rule("ask", "t", when=when), "t", arguments) == "ask"
    assert then(DEFAULT + rule("deny", "t", when=when), "t", arguments) == "deny"


def test_an_exact_text_is_no_pattern() -> None:
    assert then(rule("pass", "t", when='{ c = "a..b" }'), "t", {"c": "a..b"}) == "pass"


def test_a_rule_says_how_its_human_is_asked_and_leaves_the_rest_to_the_file() -> None:
    text = HEAD + 'approver = "all"\nrisk = "high"\nttl_seconds = 60\n'
    text += rule("ask", "t") + 'approver = "one"\ntitle = "{server}: {tool}"\n'
    rules = parse_rules(text)
    asking = rules.verdict("t", {}).asking
    assert (asking.approver, asking.risk, asking.ttl_seconds) == ("one", "high", 60)
    assert rules.title(asking, "t{server}") == "s: t{server}"
    assert rules.verdict("other", {}).asking.approver == "all"
    assert len(rules.title(asking, "t" * 300)) == 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "which server"),
        ("server", "no TOML"),
        (HEAD + "rules = 1", "rules is not known"),
        (HEAD + 'default = "allow"', '"allow" is not'),
        (HEAD + 'default = "PASS"', '"PASS" is not'),
        (HEAD + 'risk = "critical"', "risk is"),
        (HEAD + "ttl_seconds = 0", "ttl_seconds is"),
        (HEAD + "ttl_seconds = true", "has to be a int"),
        (HEAD + "rule = [1]", "rule 1 is no table"),
        (HEAD + '[[rule]]\nthen = "ask"', "names no tools"),
        (HEAD + '[[rule]]\ntools = "t"', "has to be a list"),
        (HEAD + '[[rule]]\ntools = ["t"]', "what then"),
        (HEAD + rule("ask", "t") + "whem = {}", "rule 1: whem is not known"),
        (HEAD + rule("ask", "t", when="{ a = [] }"), "a is compared with"),
        (HEAD + rule("ask", "t", when="{ a = [[1]] }"), "a is compared with"),
        (HEAD + rule("ask", "t", when="{ a = { above = 1 } }"), "at_least and at_most"),
        (HEAD + rule("ask", "t", when='{ a = { at_most = "1" } }'), "at_least and at_most"),
        (HEAD + rule("ask", "t", when="{ a = {} }"), "at_least and at_most"),
    ],
)
def test_a_file_that_is_not_understood_is_refused(text: str, words: str) -> None:
    with pytest.raises(SetupIncomplete, match=words):
        parse_rules(text)


def test_no_file_is_no_rule(tmp_path: Path) -> None:
    for path in (None, tmp_path / "none.toml", tmp_path):
        with pytest.raises(SetupIncomplete, match="rules"):
            read_rules(path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_understood_and_ask_for_what_they_do_not_know(path: Path) -> None:
    rules = read_rules(path)
    assert rules.verdict("a_tool_of_tomorrow", {}, Hint.SILENT).then is Then.ASK


def test_the_examples_do_as_they_say() -> None:
    said = {path.stem: read_rules(path) for path in EXAMPLES}
    assert said.keys() == {"filesystem", "github", "database", "shell", "agent"}
    for name, tool, arguments, hint, outcome in (
        ("filesystem", "read_text_file", {}, Hint.SILENT, Then.PASS),
        ("filesystem", "create_directory", {}, Hint.HARMLESS, Then.ASK),
        ("github", "get_issue", {}, Hint.HARMLESS, Then.PASS),
        ("github", "merge_pull_request", {}, Hint.HARMLESS, Then.ASK),
        ("github", "create_secret", {}, Hint.HARMLESS, Then.DENY),
        ("database", "read_query", {"query": "select 1"}, Hint.SILENT, Then.PASS),
        ("database", "write_query", {"query": "select 1"}, Hint.HARMLESS, Then.ASK),
        ("database", "drop_table", {}, Hint.SILENT, Then.DENY),
        ("shell", "run_command", {"command": "git status"}, Hint.SILENT, Then.PASS),
        ("shell", "run_command", {"command": "git status; rm -r ."}, Hint.SILENT, Then.ASK),
        ("shell", "run_command", {"command": "git status\n"}, Hint.SILENT, Then.ASK),
        ("shell", "run_command", {"command": ["git status"]}, Hint.SILENT, Then.ASK),
        ("shell", "run_command", {}, Hint.HARMLESS, Then.ASK),
        ("agent", "Bash", {"command": "git diff", "timeout": 5}, None, Then.PASS),
        ("agent", "Bash", {"command": "git diff > ../x"}, None, Then.ASK),
        ("agent", "Edit", {"file_path": "/srv/shop/a.py"}, None, Then.PASS),
        ("agent", "Edit", {"file_path": "/srv/shop/.claude/settings.json"}, None, Then.DENY),
        ("agent", "mcp__files__write_file", {}, None, Then.ASK),
    ):
        assert said[name].verdict(tool, arguments, hint).then is outcome, (name, tool, arguments)


def test_outcomes_are_ordered_by_how_strict_they_are() -> None:
    assert Then.PASS < Then.ASK < Then.DENY
