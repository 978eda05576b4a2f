"""The page's look: one style sheet, light and dark and printed, and the policy that lets nothing else run or load."""

import base64
import hashlib
from typing import Final

__all__ = ["POLICY", "STYLE"]

STYLE: Final = """
:root{--paper:#fff;--ink:#1b1f24;--soft:#59636e;--line:#d8dee4;--wash:#f5f7f9;--code:#f0f3f6;--accent:#0b57a4;
--get:#0b57a4;--post:#1a6b36;--put:#9a5b00;--patch:#6a3fa0;--delete:#b3261e}
@media (prefers-color-scheme:dark){
:root{--paper:#14181d;--ink:#e4e8ec;--soft:#9aa5b1;--line:#343c45;--wash:#1b2027;--code:#0d1116;--accent:#84b9f0;
--get:#84b9f0;--post:#7fd49a;--put:#f2b65a;--patch:#c3a4ee;--delete:#ff8a80}
}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
display:grid;grid-template-columns:20rem minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow-y:auto;padding:1.5rem 1.25rem;background:var(--wash);border-right:1px solid var(--line);
font-size:.85rem;line-height:1.35}
nav p{margin:0 0 1rem;font-size:1.1rem;font-weight:700}
nav summary{font-weight:600;padding:.3rem 0}
nav ul{list-style:none;margin:0 0 .6rem;padding:0}
nav li a{display:block;padding:.2rem 0 .2rem .6rem;border-left:2px solid var(--line);color:var(--ink);text-decoration:none;overflow-wrap:anywhere}
nav li a:hover,nav li a:focus{border-color:var(--accent);color:var(--accent)}
main{max-width:64rem;padding:1.5rem 2.5rem 4rem}
h1{margin:0 0 .5rem;font-size:1.75rem;line-height:1.25}
h2{margin:3rem 0 .5rem;font-size:1.35rem}
h3{margin:0 0 .3rem;font-size:1rem;line-height:1.4;overflow-wrap:anywhere}
h4{margin:1rem 0 .3rem;font-size:.95rem}
p{margin:.4rem 0;max-width:48rem}
a{color:var(--accent)}
article{margin:1.1rem 0;padding:1rem 1.25rem;border:1px solid var(--line);border-radius:.5rem}
article:target{border-color:var(--accent);box-shadow:0 0 0 1px var(--accent)}
.method{display:inline-block;min-width:4.2rem;margin-right:.5rem;padding:.05rem .5rem;border:1px solid currentColor;border-radius:.3rem;
font-size:.8rem;font-weight:700;text-align:center}
.get{color:var(--get)}.post{color:var(--post)}.put{color:var(--put)}.patch{color:var(--patch)}.delete{color:var(--delete)}
.who,.note{color:var(--soft);font-size:.88rem}
.old{display:inline-block;padding:0 .45rem;border:1px solid var(--put);border-radius:.3rem;color:var(--put);font-size:.8rem;font-weight:600}
code,pre{font-family:ui-monospace,SFMono-Regular,Consolas,"Liberation Mono",Menlo,monospace;font-size:.85rem}
p code,td code,li code{background:var(--code);padding:.1em .3em;border-radius:.25rem}
pre{margin:.5rem 0;padding:.7rem .9rem;max-height:28rem;overflow:auto;background:var(--code);border:1px solid var(--line);border-radius:.35rem;
line-height:1.45}
pre.line{white-space:pre-wrap;overflow-wrap:anywhere;border-left:.25rem solid var(--accent)}
table{width:100%;border-collapse:collapse;margin:.4rem 0 .8rem;font-size:.9rem}
th,td{padding:.3rem .6rem .3rem 0;text-align:left;vertical-align:top;border-top:1px solid var(--line);overflow-wrap:anywhere}
thead th{color:var(--soft);font-weight:600;border-top:0}
td:first-child{width:30%}td:nth-child(2){width:24%;color:var(--soft)}
summary{cursor:pointer;color:var(--accent)}
article>details{margin-top:.5rem}
.need{color:var(--delete);font-size:.8rem}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
@media (max-width:56rem){
body{display:block}nav{position:static;height:auto;max-height:40vh;border-right:0;border-bottom:1px solid var(--line)}main{padding:1.25rem}
}
@media print{nav{display:none}body{display:block}article{break-inside:avoid-page}}
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")

POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The page needs its style, and nothing else runs or loads."""
