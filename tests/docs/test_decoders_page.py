"""The page about decoders says what the decoders say."""

from pathlib import Path

from wsproxy.decoders.generic import ENCODINGS
from wsproxy.decoders.reference import page
from wsproxy.decoders.registry import Registry

PAGE = Path(__file__).parents[2] / "wsproxy" / "docs" / "decoders.md"


def test_the_page_is_the_one_made_of_the_docstrings() -> None:
    made = page(Registry().all())
    again = "python -m wsproxy.decoders.reference > wsproxy/docs/decoders.md"
    assert PAGE.read_text(encoding="utf-8") == made, again


def test_every_decoder_says_what_it_reads_and_how_it_is_recognised() -> None:
    for decoder in (*Registry().all(), *ENCODINGS):
        first = (decoder.__doc__ or "").strip().partition("\n")[0]
        assert first, decoder
        assert len(first) < 100, decoder
        assert decoder.matches or decoder.subprotocols, decoder
