/** The report's style: light, dark and on paper; its own fonts are the reader's. */
import { Markup } from "./markup.js";

const light = `
  --bg: #f6f7f9; --card: #ffffff; --ink: #17202e; --dim: #566072; --line: #dde2ea; --track: #e9edf3;
  --accent: #2457c5; --good: #14713f; --good-bg: #e3f5ea; --bad: #b3261e; --bad-bg: #fdeceb; --warn: #8a5300; --warn-bg: #fff3dc;
  --start: #8b95a7; --sense: #2f9e62; --join: #2f6fde; --names: #0f9aa0; --connect: #55b7e6; --secure: #7a55d8;
  --session: #e07a1f; --drain: #c9a20c; --commands: #d6478f; --idle: #a8c4f0; --close: #8a6f5c; --attend: #7fae9a; --rest: #c8372d; --other: #6b7280; --sleep: #3d4a61;`;

const dark = `
  --bg: #0f1319; --card: #171d26; --ink: #e8ecf3; --dim: #a2adbd; --line: #2a3340; --track: #252e3a;
  --accent: #8fb4ff; --good: #74dba0; --good-bg: #12321f; --bad: #ff9d94; --bad-bg: #3b1815; --warn: #ffc869; --warn-bg: #35260a;
  --start: #7b8698; --sense: #43b878; --join: #5590ff; --names: #2bb9bf; --connect: #7cccf2; --secure: #9d7df2;
  --session: #f0924a; --drain: #dcb92e; --commands: #ea6cab; --idle: #6f8fc4; --close: #a98c77; --attend: #8cc4ad; --rest: #f0625a; --other: #8f98a8; --sleep: #8c9ab3;`;

const colours =
  "start sense join names connect secure session drain commands idle close attend rest other sleep".split(
    " ",
  );

export const style = new Markup(`
:root { color-scheme: light dark; ${light} }
@media screen and (prefers-color-scheme: dark) { :root { ${dark} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1, h2, h3, p, ul, figure, table { margin: 0; padding: 0; }
h1 { font-size: 2.1rem; line-height: 1.15; letter-spacing: -0.02em; overflow-wrap: anywhere; }
h1 small { font-weight: 400; color: var(--dim); font-size: 1.3rem; letter-spacing: 0; white-space: nowrap; }
h2 { font-size: 1.25rem; letter-spacing: -0.01em; margin-bottom: 0.25rem; }
h3 { font-size: 0.95rem; margin: 1.5rem 0 0.5rem; }
a { color: var(--accent); }
header .eyebrow { color: var(--dim); font-size: 0.85rem; margin-bottom: 0.35rem; }
header .meta { color: var(--dim); margin-top: 0.6rem; font-size: 0.92rem; overflow-wrap: anywhere; }
.verdict { display: inline-block; margin-top: 1rem; padding: 0.3rem 0.85rem; border-radius: 2rem; font-weight: 600; font-size: 0.92rem; }
.verdict.good { color: var(--good); background: var(--good-bg); }
.verdict.bad { color: var(--bad); background: var(--bad-bg); border-radius: 0.8rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.2rem, 1fr)); gap: 0.75rem; margin: 1.75rem 0 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: 0.8rem; padding: 0.85rem 0.9rem 0.8rem; }
.tiles b { display: block; font-size: 1.35rem; line-height: 1.2; letter-spacing: -0.02em; white-space: nowrap; }
.tiles span { display: block; color: var(--dim); font-size: 0.82rem; line-height: 1.35; margin-top: 0.2rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 0.9rem; padding: 1.4rem 1.5rem 1.5rem; margin-top: 1.25rem; }
.lead { color: var(--dim); font-size: 0.92rem; max-width: 46rem; margin-bottom: 1.1rem; }
.note { color: var(--dim); font-size: 0.85rem; max-width: 46rem; margin-top: 0.9rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.1rem; list-style: none; font-size: 0.85rem; margin: 0 0 0.9rem; }
.legend li { display: flex; align-items: center; gap: 0.4rem; }
.swatch { display: inline-block; flex: none; width: 0.8rem; height: 0.8rem; border-radius: 0.2rem; }
.swatch.mark { height: 0.25rem; }
.chip { display: inline-block; font-style: normal; font-size: 0.75rem; line-height: 1.3; font-weight: 600; padding: 0.05rem 0.5rem; border-radius: 1rem; color: var(--warn); background: var(--warn-bg); white-space: nowrap; }
.chip.bad { color: var(--bad); background: var(--bad-bg); }
svg { display: block; width: 100%; overflow: hidden; }
.row { display: grid; grid-template-columns: 10.6rem 1fr 4.6rem; gap: 0 0.9rem; align-items: center; min-height: 2.35rem; font-size: 0.85rem; }
.row > :first-child { line-height: 1.2; }
.row > :last-child { text-align: right; white-space: nowrap; }
.row small { display: block; color: var(--dim); font-size: 0.75rem; overflow-wrap: anywhere; }
.row.failed > :first-child b { color: var(--bad); }
.row svg { height: 1.15rem; border-radius: 0.2rem; background: var(--track); }
.row.axis { min-height: 0; margin-top: 0.3rem; }
.below { position: relative; height: 1.25rem; font-size: 0.78rem; color: var(--dim); }
.below span { position: absolute; top: 0; white-space: nowrap; transform: translateX(-50%); }
.below .from { transform: none; }
.below .to { transform: translateX(-100%); }
.plot { position: relative; margin-left: 3.4rem; }
.plot.tall svg { height: 13rem; }
.plot.low svg { height: 2.6rem; }
.frame { position: relative; }
.plot svg { position: relative; }
.plot .below { margin-top: 0.3rem; }
.rule { position: absolute; left: 0; right: 0; height: 0; border-top: 1px solid var(--line); }
.rule b { position: absolute; right: 100%; margin-right: 0.5rem; top: -0.65rem; font-weight: 400; font-size: 0.78rem; line-height: 1.3rem; color: var(--dim); white-space: nowrap; }
.strip { margin-top: 0.9rem; }
.strip > p { font-size: 0.82rem; color: var(--dim); margin: 0 0 0.2rem 3.4rem; }
.strip svg { background: var(--track); border-radius: 0.2rem; }
.scroll { overflow-x: auto; margin: 0 -0.4rem; padding: 0 0.4rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.88rem; }
caption { text-align: left; color: var(--dim); font-size: 0.85rem; padding-bottom: 0.4rem; }
th, td { text-align: left; vertical-align: baseline; padding: 0.4rem 0.9rem 0.4rem 0; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--dim); font-weight: 500; font-size: 0.8rem; line-height: 1.3; vertical-align: bottom; }
tbody th { font-weight: 500; white-space: nowrap; }
td:last-child, th:last-child { padding-right: 0; }
.sources td:first-child { width: 11rem; }
.sources p { overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; }
td.bar { width: 34%; min-width: 6rem; vertical-align: middle; }
td.bar svg, .meter svg { height: 0.7rem; border-radius: 0.2rem; background: var(--track); }
.errors { list-style: none; }
.errors li { border-top: 1px solid var(--line); padding: 0.7rem 0; font-size: 0.9rem; overflow-wrap: anywhere; }
.errors li:last-child { padding-bottom: 0; }
.errors p + p { margin-top: 0.2rem; }
.errors small { color: var(--dim); font-size: 0.85rem; }
.errors .chip { margin: 0 0.3rem; }
.faults { list-style: none; display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 0.6rem 2rem; font-size: 0.9rem; }
.faults li { overflow-wrap: anywhere; }
.faults small { display: block; color: var(--dim); font-size: 0.82rem; }
code { font-size: 0.92em; }
td p + p { margin-top: 0.2rem; }
td .address { display: block; font-size: 0.8rem; overflow-wrap: anywhere; }
.whole svg { height: 2.4rem; border-radius: 0.35rem; }
.shares { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 0 2rem; list-style: none; font-size: 0.88rem; margin-top: 0.9rem; }
.shares li { display: grid; grid-template-columns: auto 1fr auto 3.6rem; gap: 0.55rem; align-items: center; padding: 0.28rem 0; border-top: 1px solid var(--line); }
.shares span:nth-last-child(-n+2) { text-align: right; }
.shares span:last-child { color: var(--dim); }
.meter { display: grid; grid-template-columns: 9rem 1fr 14.5rem; gap: 0 0.9rem; align-items: center; font-size: 0.88rem; min-height: 1.9rem; }
.meter span:last-child { text-align: right; }
.meter.battery { grid-template-columns: minmax(14rem, 22rem) 1fr 5.5rem; min-height: 2.1rem; line-height: 1.25; padding: 0.18rem 0; }
.meter small { display: block; color: var(--dim); font-size: 0.78rem; font-weight: 400; }
.chosen { font-weight: 650; }
.small { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem 1.5rem; }
.small p { font-size: 0.82rem; color: var(--dim); margin-bottom: 0.25rem; }
.small svg { height: 3.2rem; background: var(--track); border-radius: 0.2rem; }
.flow { display: grid; grid-template-columns: minmax(6rem, 1fr) minmax(12rem, 1.1fr); gap: 0 0.8rem; }
.flow svg, .flow .ends { height: 100%; }
.ends li { display: flex; flex-direction: column; justify-content: center; list-style: none; font-size: 0.9rem; line-height: 1.25; }
.ends small { color: var(--dim); font-size: 0.8rem; }
footer { color: var(--dim); font-size: 0.85rem; margin-top: 1.5rem; }
${colours.map((name) => `.p-${name} { background: var(--${name}); fill: var(--${name}); }`).join("\n")}
.f-bad { fill: var(--bad); background: var(--bad); } .f-good { fill: var(--sense); background: var(--sense); } .f-accent { fill: var(--join); background: var(--join); } .f-track { fill: var(--track); }
.line { fill: none; stroke: var(--join); stroke-width: 1.6px; vector-effect: non-scaling-stroke; }
.limit { stroke: var(--bad); stroke-width: 1.2px; stroke-dasharray: 4 3; vector-effect: non-scaling-stroke; }
@media (max-width: 40rem) {
  main { padding: 1.5rem 0.9rem 3rem; }
  h1 { font-size: 1.6rem; } h1 small { font-size: 1.1rem; }
  section { padding: 1.1rem 1rem 1.2rem; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 0.6rem; }
  .tiles b { font-size: 1.25rem; }
  .tiles li { padding: 0.7rem 0.8rem; }
  .row { grid-template-columns: 1fr auto; row-gap: 0.2rem; margin-top: 0.55rem; }
  .row > :nth-child(2) { grid-row: 2; grid-column: 1 / -1; }
  .row.axis > :nth-child(2) { grid-row: 1; }
  .row small { display: inline; margin-left: 0.5rem; }
  .minor { display: none; }
  .meter, .meter.battery { grid-template-columns: 1fr auto; row-gap: 0.2rem; margin-top: 0.55rem; }
  .meter > :nth-child(2) { grid-row: 2; grid-column: 1 / -1; }
  .flow { grid-template-columns: 4.5rem 1fr; }
  td.bar, th.bar, .spare { display: none; }
  tbody th { white-space: normal; }
  .sources thead { display: none; }
  .sources, .sources tbody, .sources tr, .sources td { display: block; border: 0; padding: 0; }
  .sources tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0.15rem 0.8rem; border-top: 1px solid var(--line); padding: 0.6rem 0; }
  .sources td:first-child, .sources td.number { font-weight: 600; }
  .sources td:last-child { grid-column: 1 / -1; }
}
@media print {
  @page { margin: 14mm; }
  :root { color-scheme: light; --bg: #ffffff; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0 1px; }
  section { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: 0.9rem 0 0; }
  .tiles { grid-template-columns: repeat(4, 1fr); }
  .tiles b { font-size: 1.2rem; }
  .scroll { overflow: visible; margin: 0; padding: 0; }
  .whole svg, .small, .meter, tr, li, .lead, .strip, .plot, .row, .flow { break-inside: avoid; }
  h2, h3, .lead, thead { break-after: avoid; }
}
`);
