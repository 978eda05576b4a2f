"""The page's look: one style sheet, light and dark and printed, and the policy that lets nothing else run or load."""

import base64
import hashlib
from typing import Final

__all__ = ["POLICY", "STYLE"]

STYLE: Final = """
:root{--paper:#fff;--ink:#1b1f24;--soft:#59636e;--line:#d8dee4;--wash:#f5f7f9;--code:#f0f3f6;--accent:#59636e;--tint:#f0f3f6}
.inspection{--accent:#b3261e;--tint:#fdecea}
.network{--accent:#9a5b00;--tint:#fdf3e1}
.provider{--accent:#0b57a4;--tint:#e8f1fb}
.agent{--accent:#6a3fa0;--tint:#f3edfa}
.clean{--accent:#1a6b36;--tint:#e8f5ec}
@media (prefers-color-scheme:dark){
:root{--paper:#14181d;--ink:#e4e8ec;--soft:#9aa5b1;--line:#343c45;--wash:#1b2027;--code:#0d1116;--accent:#9aa5b1;--tint:#222932}
.inspection{--accent:#ff8a80;--tint:#3a1d1b}
.network{--accent:#f2b65a;--tint:#36290f}
.provider{--accent:#84b9f0;--tint:#16293d}
.agent{--accent:#c3a4ee;--tint:#2a2039}
.clean{--accent:#7fd49a;--tint:#16301f}
}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:68rem;padding:0 1.25rem 3rem;background:var(--paper);color:var(--ink);
font:1rem/1.55 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
header{margin:1.5rem 0 0;padding:1.5rem 1.75rem;background:var(--tint);border-left:.4rem solid var(--accent);border-radius:.4rem}
.acts{margin:0 0 .4rem;color:var(--accent);font-weight:700;letter-spacing:.01em}
h1{margin:0 0 .75rem;font-size:1.75rem;line-height:1.25;text-wrap:balance;overflow-wrap:anywhere}
.sure{margin:0 0 1.25rem}
meter{width:9rem;height:.9rem;vertical-align:-.05rem}
meter::-webkit-meter-optimum-value{background:var(--accent)}
meter::-moz-meter-bar{background:var(--accent)}
dl{margin:0}
header dl{display:grid;gap:.35rem}
header dl div{display:grid;grid-template-columns:11.5rem 1fr;gap:1rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
header dl div:first-child dd{font-weight:700}
.path{display:flex;align-items:stretch;list-style:none;margin:0 0 1.5rem;padding:1.1rem 0 0}
.place{position:relative;flex:0 1 15rem;padding:.7rem .9rem;background:var(--paper);border:2px solid var(--line);border-radius:.5rem;
display:flex;flex-direction:column;justify-content:center;overflow-wrap:anywhere}
.place span{color:var(--soft);font-size:.9rem}
.place.fault{border-color:var(--accent);box-shadow:0 0 0 3px color-mix(in srgb,var(--accent) 25%,transparent)}
.place .flag{position:absolute;top:-.85rem;left:.8rem;padding:.05rem .55rem;background:var(--accent);color:var(--paper);
font-size:.8rem;font-weight:700;border-radius:1rem}
.link{flex:1 1 6rem;display:flex;flex-direction:column;justify-content:center;text-align:center;font-size:.85rem;color:var(--soft)}
.link::after{content:"";display:block;margin-top:.2rem;border-top:3px solid var(--soft)}
.link.cut::after{border-top-style:dashed;border-color:var(--accent)}
.link.cut span::before{content:"✕ ";color:var(--accent);font-weight:700}
.link.never::after,.link.unknown::after{border-top-style:dotted;opacity:.6}
nav{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;padding:.7rem 0;margin:.75rem 0 0;
background:var(--paper);border-bottom:1px solid var(--line);font-size:.92rem}
a{color:var(--accent)}
nav a{text-decoration:none;padding:.1rem 0}
nav a:hover{text-decoration:underline}
section{scroll-margin-top:4rem}
h2{margin:2.2rem 0 .6rem;font-size:1.3rem;line-height:1.3}
h3{margin:1.4rem 0 .5rem;font-size:1.05rem}
p{margin:.4rem 0}
section>p,section>ul,section>ol,section>pre{max-width:52rem}
ol,ul{padding-left:1.5rem;margin:.4rem 0}
li{margin:.45rem 0}
ol>li::marker{color:var(--accent);font-weight:700}
ul.against li::marker{content:"≠  ";color:var(--accent)}
ul.missing li::marker{content:"?  ";color:var(--accent)}
code,pre,td,.certificate dd{font-family:ui-monospace,SFMono-Regular,Consolas,"Liberation Mono",Menlo,monospace;font-size:.875rem}
p code{background:var(--code);padding:.1em .3em;border-radius:.25rem}
#fix pre,#beware pre,#find pre,#test pre,#undo pre,#safe pre{margin:.6rem 0;padding:.8rem 1rem;background:var(--code);
border:1px solid var(--line);border-left:.25rem solid var(--accent);border-radius:.3rem;white-space:pre-wrap;overflow-wrap:anywhere;
line-height:1.5;-webkit-user-select:all;user-select:all}
.source,.note{color:var(--soft);font-size:.88rem}
#safe,#undo{padding:0}
table{width:100%;border-collapse:collapse;table-layout:fixed;margin:0 0 1.4rem}
caption{text-align:left;font-weight:700;padding:.3rem 0}
th,td{padding:.32rem .6rem;text-align:left;vertical-align:top;border-top:1px solid var(--line);overflow-wrap:anywhere}
thead th{font-weight:600;color:var(--soft);background:var(--wash);border-top:0}
thead td{width:24%;background:var(--wash);border-top:0}
tbody th{font-weight:400;color:var(--soft);font-size:.92rem}
td pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.78rem}
tr.differs td,tr.differs th{background:var(--tint)}
tr.differs th{color:var(--ink)}
.mark{color:var(--accent);font-weight:700}
.absent{color:var(--soft);font-style:italic;font-family:inherit}
.chains{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.5rem}
.certificate{margin:0 0 .8rem;padding:.7rem .9rem;border:1px solid var(--line);border-radius:.4rem}
.certificate dl{display:grid;gap:.2rem}
.certificate dl div{display:grid;grid-template-columns:6.2rem 1fr;gap:.6rem}
.certificate dt{font-size:.85rem}
.certificate dd{font-size:.8rem}
.known{margin:0 0 .3rem;font-weight:600;font-size:.88rem}
details{margin-top:.5rem}
summary{cursor:pointer;color:var(--accent);font-size:.88rem}
details pre{margin:.4rem 0 0;font-size:.72rem;overflow-x:auto;user-select:all}
footer{margin-top:2.5rem;padding-top:.8rem;border-top:1px solid var(--line);color:var(--soft);font-size:.88rem}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
@media (max-width:44rem){
.path{flex-direction:column}.place,.link{flex:none}.link{padding:.4rem 0}.link::after{width:3rem;margin:.2rem auto 0}
header dl div{grid-template-columns:1fr;gap:0}
thead td{width:30%}
}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{
:root,.inspection,.network,.provider,.agent,.clean{--paper:#fff;--ink:#000;--soft:#444;--line:#bbb;--wash:#fff;--code:#fff;--tint:#fff;--accent:#000}
@page{margin:16mm 14mm}
body{max-width:none;padding:0;font-size:10pt}
nav,details{display:none}
header{border:1px solid #000;border-left-width:.4rem}
h1{font-size:16pt}h2{font-size:13pt;break-after:avoid}h3,caption{break-after:avoid}
li,tr,.certificate,pre{break-inside:avoid}
code,pre,td,.certificate dd{font-size:8.5pt}
}
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")

POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
"""Even if markup of a stranger's got into the page, nothing of it would run, load or be sent."""
