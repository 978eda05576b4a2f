"""The page's look: one style sheet, light and dark and printed, and the policy that lets nothing else run or load."""

import base64
import hashlib
from typing import Final

__all__ = ["POLICY", "STYLE"]

_LIGHT: Final = (
    "--paper:#fff;--ink:#1b1f24;--soft:#59636e;--line:#d8dee4;--faint:#eceff2;--wash:#f5f7f9;--code:#f0f3f6;--band:#f3f5f8;"
    "--good:#1a6b36;--good-tint:#e8f5ec;--bad:#b3261e;--bad-tint:#fdecea;--warn:#8a4b00;--warn-tint:#fff1d6;"
    "--stripe:#f2a100;--stripe-ink:#1b1f24;--s1:#1f6fc2;--s2:#c2570c;--s3:#0f7f6b;--s4:#a8327e"
)
_DARK: Final = (
    "--paper:#14181d;--ink:#e4e8ec;--soft:#9aa5b1;--line:#3a434d;--faint:#252c34;--wash:#1b2027;--code:#0d1116;--band:#1a2027;"
    "--good:#7fd49a;--good-tint:#16301f;--bad:#ff8a80;--bad-tint:#3a1d1b;--warn:#ffc46b;--warn-tint:#382708;"
    "--stripe:#d99100;--stripe-ink:#14181d;--s1:#6cb2ff;--s2:#ffab5e;--s3:#4fd1b5;--s4:#f08ac8"
)

_COLOURS: Final = f"""
:root{{{_LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
@media print{{:root{{{_LIGHT};--band:#f0f0f0}}}}
"""

_RULES: Final = """
.passed{--accent:var(--good);--tint:var(--good-tint)}
.failed{--accent:var(--bad);--tint:var(--bad-tint)}
.doubtful{--accent:var(--warn);--tint:var(--warn-tint)}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:70rem;padding:0 1.25rem 3rem;background:var(--paper);color:var(--ink);
font:1rem/1.55 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
header{margin:1.5rem 0 0;padding:1.5rem 1.75rem;background:var(--tint);border-left:.4rem solid var(--accent);border-radius:.4rem}
.kicker{margin:0 0 .4rem;color:var(--accent);font-weight:700}
h1{margin:0 0 .6rem;font-size:1.75rem;line-height:1.25;text-wrap:balance;overflow-wrap:anywhere}
header>p{margin:.3rem 0}
.reasons{margin:.5rem 0 .8rem;padding-left:1.3rem}
.reasons li{margin:.15rem 0;overflow-wrap:anywhere}
.reasons li::marker{content:"✗  ";color:var(--bad);font-weight:700}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.2rem,1fr));gap:.7rem;margin:1.2rem 0 0}
.tiles div{padding:.6rem .85rem .7rem;background:var(--paper);border:1px solid var(--line);border-radius:.4rem}
.tiles dt{color:var(--soft);font-size:.85rem;white-space:nowrap}
.tiles dd{margin:0;overflow-wrap:anywhere}
.tiles b{display:block;font-size:1.5rem;line-height:1.3;font-weight:650}
.tiles span{display:block;color:var(--soft);font-size:.82rem;line-height:1.35}
.tiles .good b{color:var(--good)}
.tiles .bad{border-color:var(--bad);box-shadow:0 0 0 2px color-mix(in srgb,var(--bad) 22%,transparent)}
.tiles .bad b{color:var(--bad)}
.tiles .doubtful{border:2px dashed var(--stripe)}
.tiles .doubtful b{color:var(--warn)}
.alarm{margin:1.25rem 0 0;padding:0 0 1rem;background:var(--warn-tint);border:3px solid var(--stripe);border-radius:.4rem;overflow:hidden}
.alarm::before{content:"";display:block;height:.9rem;margin-bottom:1rem;
background:repeating-linear-gradient(-45deg,var(--stripe) 0 1.1rem,var(--stripe-ink) 1.1rem 2.2rem)}
.alarm>*{margin:.4rem 1.5rem}
.alarm h2{color:var(--warn);font-size:1.5rem;margin-top:.2rem}
.alarm strong{font-weight:700}
.warnings{margin:1rem 0 0;padding:.7rem 1.5rem;background:var(--warn-tint);border-left:.4rem solid var(--stripe);border-radius:.4rem}
.warnings p,.warnings ul{margin:.2rem 0}
nav{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.15rem 1.2rem;padding:.7rem 0;margin:.75rem 0 0;
background:var(--paper);border-bottom:1px solid var(--line);font-size:.92rem}
a{color:var(--s1)}
nav a{text-decoration:none}
nav a:hover{text-decoration:underline}
section{scroll-margin-top:4rem}
h2{margin:2.2rem 0 .5rem;font-size:1.3rem;line-height:1.3}
h3{margin:1.3rem 0 .1rem;font-size:1.02rem;line-height:1.35}
p{margin:.4rem 0}
.note{color:var(--soft);font-size:.88rem;font-weight:400;max-width:52rem}
dl{margin:0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:0 2.5rem}
.facts div{display:grid;grid-template-columns:9.5rem 1fr;gap:1rem;padding:.28rem 0;border-top:1px solid var(--faint)}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}
table{width:100%;border-collapse:collapse;margin:.3rem 0 .8rem;font-size:.92rem}
th,td{padding:.36rem .6rem;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
thead th{font-weight:600;color:var(--soft);background:var(--wash);border-top:0;white-space:nowrap}
tbody th{font-weight:600;min-width:11rem;overflow-wrap:anywhere}
.number{text-align:right}
.number,.whole{white-space:nowrap}
code{font-family:ui-monospace,SFMono-Regular,Consolas,"Liberation Mono",Menlo,monospace;font-size:.9em;overflow-wrap:anywhere}
.mark{white-space:nowrap;font-weight:700}
.yes .mark{color:var(--good)}
.no .mark{color:var(--bad)}
tr.no>*{background:var(--bad-tint)}
tr.full>*{background:var(--warn-tint)}
td .means{color:var(--soft)}
#raw tbody th{font-weight:400}
meter{width:6rem;height:.8rem;vertical-align:-.02rem}
figure{margin:0}
.panel{margin:1rem 0 0;break-inside:avoid}
.scroll{overflow-x:auto}
svg{display:block;width:100%;min-width:42rem;height:auto}
svg text{font:12px system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--soft)}
svg .name{font-weight:650}
svg .name,svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.grid{stroke:var(--line);stroke-width:1}
.faint{stroke:var(--faint);stroke-width:1}
.axis,.tick{stroke:var(--soft);stroke-width:1}
.band{fill:var(--band)}
.phase{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3}
.limit{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:6 4}
.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}.s4{--c:var(--s4)}
svg .name{fill:var(--c)}
.curve{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.curve.wide{stroke-width:5;opacity:.4}
.curve.fine{stroke-width:1.3}
.area{fill:var(--c);opacity:.2}
.spread{fill:var(--c);opacity:.16}
.bar,.dot{fill:var(--c)}
.dot{stroke:var(--paper);stroke-width:1.5}
.at{fill:transparent}
.at:hover{fill:var(--ink);fill-opacity:.09}
svg .stamp{font-size:46px;font-weight:800;letter-spacing:.06em;fill:var(--warn);opacity:.2}
details{margin:.5rem 0}
summary{cursor:pointer;color:var(--s1)}
details pre{max-height:28rem;margin:.4rem 0 0;padding:.7rem .9rem;overflow:auto;background:var(--code);border-radius:.3rem;
font:.75rem/1.45 ui-monospace,SFMono-Regular,Consolas,"Liberation Mono",Menlo,monospace}
footer{margin-top:2.5rem;padding-top:.8rem;border-top:1px solid var(--line);color:var(--soft);font-size:.88rem}
:focus-visible{outline:3px solid var(--s1);outline-offset:2px}
@media (max-width:44rem){header{padding:1.2rem 1.1rem}h1{font-size:1.4rem}.facts div{grid-template-columns:1fr;gap:0}}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
@page{margin:14mm 12mm}
body{max-width:none;padding:0;font-size:9.5pt}
nav,details,.at{display:none}
.wide,.scroll{overflow:visible}
svg{min-width:0}
header{margin-top:0;border:1px solid var(--accent);border-left-width:.4rem}
h1{font-size:16pt}h2{font-size:13pt;margin-top:1.2rem}h2,h3,thead{break-after:avoid}
tr,.wide,.tiles,.alarm,figure{break-inside:avoid}
.note{break-after:avoid}
.tiles{grid-template-columns:repeat(6,1fr)}.tiles div{padding:.4rem .5rem}.tiles b{font-size:14pt}
}
"""

STYLE: Final = _COLOURS + _RULES

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")

POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
"""Even if markup of a stranger's got into the page, nothing of it would run, load or be sent."""
