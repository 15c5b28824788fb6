"""The languages of the benchmarks' tasks, English first; codes as in the names of their files."""

from __future__ import annotations

_PANX = (
    "en af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi yo zh"
)
_UDPOS = "en af ar bg de el es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh"
_UNTATOEBA = ("en", "ms", "my", "yo")

XNLI = tuple("en ar bg de el es fr hi ru sw th tr ur vi zh".split())
PAWSX = tuple("en de es fr ja ko zh".split())
XQUAD = tuple("en ar de el es hi ru th tr vi zh".split())
MLQA = tuple("en ar de es hi vi zh".split())
TYDIQA = tuple("en ar bn fi id ko ru sw te".split())
BUCC = tuple("de fr ru zh".split())
UDPOS = tuple(_UDPOS.split())
PANX = tuple(_PANX.split())
XTREME = PANX
"""The 40 languages of XTREME: those of its task with most."""
TATOEBA = tuple(language for language in PANX if language not in _UNTATOEBA)

XCOPA = tuple("et ht id it qu sw ta th tr vi zh".split())
LAREQA = XQUAD
MEWSLIX = tuple("en ar de es fa ja pl ro ta tr uk".split())
UDPOS_R = (*UDPOS, "lt", "pl", "uk", "wo", "ro")
PANX_R = (*PANX, "qu", "pl", "uk", "az", "lt", "pa", "gu", "ro")
XQUAD_R = (*XQUAD, "ro")
TATOEBA_R = (*TATOEBA, "az", "lt", "pl", "uk", "ro")
