"""The syntax: what is understood and how it prints, what is not and where it says so."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.filters.filter_tools import FILTERS, SYNTAX
from wsproxy.errors import FilterError
from wsproxy.filters.connections import Number
from wsproxy.filters.content import Body, Json
from wsproxy.filters.frames import All, FromClient, FromServer, Ping, Size, Text
from wsproxy.filters.nodes import And, Filter, Not, Or
from wsproxy.filters.numbers import LARGEST
from wsproxy.filters.operators import OPERATORS
from wsproxy.filters.parser import LONGEST, parse

A, B, C = Body("a"), Body("b"), Body("c")


class TestCombining:
    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("a", A),
            ("~b a", A),
            ("!a", Not(A)),
            ("! a", Not(A)),
            ("!!a", Not(Not(A))),
            ("a & b", And((A, B))),
            ("a | b", Or((A, B))),
            ("a b", And((A, B))),
            ("a & b | c", Or((And((A, B)), C))),
            ("a | b & c", Or((A, And((B, C))))),
            ("(a | b) & c", And((Or((A, B)), C))),
            ("!a & b", And((Not(A), B))),
            ("!(a & b)", Not(And((A, B)))),
            # Side by side binds least, as in mitmproxy.
            ("a b | c", And((A, Or((B, C))))),
            ("a | b c", And((Or((A, B)), C))),
            ("a !b", And((A, Not(B)))),
            ("a(b)", None),
            ("~up&~text", And((FromClient(), Text()))),
            ("~up~text", And((FromClient(), Text()))),
            ("~up|~ping", Or((FromClient(), Ping()))),
            ("  a\t&\n b  ", And((A, B))),
            ("((((a))))", A),
            ("(a) (b)", And((A, B))),
        ],
    )
    def test_has_the_precedence_of_mitmproxy(self, text: str, meant: Filter | None) -> None:
        if meant is None:
            with pytest.raises(FilterError, match="in the middle of a word"):
                parse(text)
        else:
            assert parse(text) == meant

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_agrees_with_mitmproxy_itself(self) -> None:
        from mitmproxy import flowfilter

        def shape(node: object) -> object:
            if isinstance(node, flowfilter.FAnd | flowfilter.FOr):
                return (type(node).__name__[1:], *(shape(part) for part in node.lst))
            if isinstance(node, flowfilter.FNot):
                return ("Not", shape(node.itm))
            assert isinstance(node, flowfilter.FBod)
            return node.expr

        def ours(node: Filter) -> object:
            if isinstance(node, And | Or):
                return (type(node).__name__, *map(ours, node.parts))
            if isinstance(node, Not):
                return ("Not", ours(node.inner))
            assert isinstance(node, Body)
            return node.pattern

        for text in (
            "~b a ~b b | ~b c",
            "~b a | ~b b ~b c & ~b d",
            "!~b a & ~b b | !(~b c | ~b 'd e')",
            '~b "a b" (~b c) ~b d|e',
        ):
            assert ours(parse(text)) == shape(flowfilter.parse(text)), text

    @given(FILTERS)
    def test_what_is_printed_is_an_equal_filter(self, wanted: Filter) -> None:
        assert parse(str(wanted)) == wanted

    @pytest.mark.parametrize(
        "wanted",
        [Size("!=", LARGEST), Size("<", 3 << 30), Number(0, LARGEST), Json("a", "=", Decimal("-Infinity"))],
    )
    def test_so_it_is_at_the_edges(self, wanted: Filter) -> None:
        assert parse(str(wanted)) == wanted

    def test_long_filters_are_fine(self) -> None:
        wanted = parse(" | ".join(["a"] * 2000))
        assert isinstance(wanted, Or)
        assert len(wanted.parts) == 2000


class TestWords:
    @pytest.mark.parametrize(
        ("text", "pattern"),
        [
            ("a|b", "a|b"),
            ("a&b", "a&b"),
            ("~b a!b", "a!b"),
            (r"\d+", r"\d+"),
            ('~b "a b"', "a b"),
            ("~b 'a b'", "a b"),
            ('"(a)"', "(a)"),
            ("'~text'", "~text"),
            ('"!a"', "!a"),
            (r'"a\"b"', 'a"b'),
            (r"'it\'s'", "it's"),
            # Unlike in mitmproxy, what belongs to the regex stays as it is.
            (r'"\d \\ \n"', r"\d \\ \n"),
            ('"a\tb\nc"', "a\tb\nc"),
            ('""', ""),
            ("grüße", "grüße"),
        ],
    )
    def test_are_regexes_bare_or_in_quotes(self, text: str, pattern: str) -> None:
        assert parse(text) == Body(pattern)

    def test_that_are_no_regex_have_their_backslashes_doubled_in_quotes(self) -> None:
        assert parse(r'~json a = "x\\y\"z"') == Json("a", "=", r"x\y" + '"z')
        assert parse(r"~json a = x\y") == Json("a", "=", r"x\y")


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "column", "problem", "hint"),
        [
            ("", 1, "the filter is empty", "`wsproxy filters` lists"),
            ("  \n", 1, "the filter is empty", ""),
            ("~txet", 1, "there is no operator ~txet", "Did you mean ~text?"),
            ("a & ~fromcleint", 5, "there is no operator ~fromcleint", "Did you mean ~fromclient?"),
            ("~", 1, "~ must be followed by the name of an operator", ""),
            ("~b", 3, "~b needs REGEX", "quotes"),
            ("~b & a", 4, "~b needs REGEX", "quotes"),
            ("~b (a)", 4, "~b needs REGEX", "quotes"),
            ("a |", 4, "the filter ends where an operator or a word should follow", ""),
            ("a & | b", 5, "an operator or a word is expected here", ""),
            ("| a", 1, "an operator or a word is expected here", ""),
            ("a || b", 4, "an operator or a word is expected here", ""),
            ("(a", 3, "a ) is missing here", ""),
            ("a)", 2, "there is no ( for this )", ""),
            ("a b) c", 4, "there is no ( for this )", ""),
            ("()", 2, "an operator or a word is expected here", ""),
            ("!", 2, "the filter ends where", ""),
            ("a 'b", 3, "this quote is not closed", ""),
            ("foo(bar|baz)", 4, "( in the middle of a word", "Put the word in quotes"),
            ("a~text", 2, "~ in the middle of a word", ""),
            ("'a'b", 4, "a quoted word goes on behind its quote", ""),
            ("~b [", 4, "this is not a regex: unterminated character set at position 0", ""),
            ("~up & *a", 7, "this is not a regex: nothing to repeat at position 0", ""),
            ("~b 'a{99999999999}'", 4, "this is not a regex: the repetition number is too large", ""),
            ("~op 16", 5, "'16' is not an opcode", ""),
            ("~op pnig", 5, "'pnig' is not an opcode", ""),
            ("~code x", 7, "'x' is not a close code", ""),
            ("~code 2000-1000", 7, "2000-1000 ends before it begins", ""),
            ("~conn -1", 7, "'-1' is not the number of a connection", ""),
            ("~conn 9999999999999999999", 7, "'9999999999999999999' is not the number of a connection", ""),
            ("~size 9999999999999999999", 7, "9999999999999999999 is more bytes than a frame can have", ""),
            ("~size 10x", 7, "'10x' is not a number of bytes", ""),
            ("~size >", 8, "~size needs", ""),
            ("~size 999999999999999999G", 7, "999999999999999999G is more bytes than a frame can have", ""),
            ("~anomaly invalid_utf", 10, "there is no anomaly 'invalid_utf'", "Did you mean invalid_utf8?"),
            ("~t yesterday", 4, "'yesterday' is not a time", "Write 2026-11-21T12:30"),
            ("~t 2026-02-30", 4, "'2026-02-30' is not a time", ""),
            ("~t 25:00", 4, "'25:00' is not a time", "Hours go from 00 to 23"),
            ("~t ..", 4, "a span of time needs at least one end", ""),
            ("~t 12:00..-5m", 4, "both ends of a span must be", ""),
            ("~json", 6, "~json needs PATH", ""),
            ("~json a =", 10, "~json PATH OP needs VALUE", ""),
            ("~json a[", 7, "'a[' is not a path", ""),
            ("~json a..b", 7, "'a..b' is not a path", ""),
            ("~json '$.'", 7, "'$.' ends with a dot", ""),
            ("~json a ~ '['", 7, "this is not a regex", ""),
            ("!" * 30 + "a", 1, "more than 20 negations in a row", ""),
            ("(" * 5000, 1, "the parentheses nest too deeply", ""),
            ("a" * (LONGEST + 1), LONGEST + 1, "the filter is longer than 10,000 characters", ""),
        ],
    )
    def test_name_the_column_and_what_is_wrong(self, text: str, column: int, problem: str, hint: str) -> None:
        with pytest.raises(FilterError) as found:
            parse(text)

        assert (found.value.column, found.value.text) == (column, text)
        assert found.value.problem.startswith(problem)
        assert hint in found.value.hint
        assert found.value.message == f"filter, column {column}: {found.value.problem}"

    @given(st.one_of(SYNTAX, st.text()))
    @example("~b '\\ud800'")
    @example("\ud800")
    @example("~json \x00")
    @example("~t 0000-00-00")
    @example("~b '[[a]&&b]'")
    def test_nothing_else_is_ever_raised(self, text: str) -> None:
        wanted = None
        with contextlib.suppress(FilterError):
            wanted = parse(text)
        assert wanted is None or parse(str(wanted)) == wanted

    @given(SYNTAX)
    def test_the_column_is_one_of_the_filter(self, text: str) -> None:
        column = 1
        try:
            parse(text)
        except FilterError as error:
            column = error.column
        assert 1 <= column <= len(text) + 1

    def test_they_are_raised_wherever_the_stack_is(self) -> None:
        def deeper(levels: int) -> None:
            if levels:
                deeper(levels - 1)
            else:
                with pytest.raises(FilterError, match="nest too deeply"):
                    parse("(" * 60 + "a" + ")" * 60)

        deeper(400)


class TestOperators:
    def test_have_names_of_their_own(self) -> None:
        names = [name for operator in OPERATORS for name in operator.names]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.names[0])
    def test_show_an_example_with_themselves_that_is_a_filter(self, operator) -> None:
        wanted = parse(operator.example)
        found = []

        def collect(node: Filter) -> None:
            found.append(type(node))
            for part in getattr(node, "parts", ()) or [getattr(node, "inner", None)]:
                if part is not None:
                    collect(part)

        collect(wanted)
        assert operator in found
        assert operator.help

    def test_are_known_by_each_of_their_names(self) -> None:
        assert parse("~up") == parse("~fromclient") == FromClient()
        assert parse("~down") == parse("~fromserver") == FromServer()
        assert parse("~all") == All()
