// Where a picture's time went: one bar for the eye, the same as a list of words and numbers beside it.
import { duration } from "../duration.js";
import { element } from "../element.js";

const SPANS = [
  ["queue", "Queue", "until the engine took it in"],
  ["batch_wait", "Batch wait", "while the engine worked on others' pictures"],
  ["transformer", "Transformer", "which tokens, and what around them"],
  ["diffusion", "Diffusion", "drawing the tokens"],
  ["decode", "Decode", "tokens to pixels"],
  ["encode", "Encode", "pixels to a file"],
];

export function timingsOf(timing) {
  const parts = SPANS.map(([span]) => {
    const part = element("span", { className: `span-${span}` });
    part.style.flexGrow = String(timing[`${span}_ms`]);
    return part;
  });
  const bar = element("div", { className: "bar", aria: { hidden: "true" } }, ...parts);
  const rows = SPANS.map(([span, name, what]) => row(name, timing[`${span}_ms`], timing.total_ms, span, what));
  const list = element("dl", { className: "spans" }, ...rows, row("Total", timing.total_ms, undefined));
  return [bar, list, element("p", { className: "hint", textContent: describeBatch(timing) })];
}

function row(name, ms, totalMs, span, what) {
  const swatch = span && element("span", { className: `swatch span-${span}`, aria: { hidden: "true" } });
  const term = element("dt", { title: what ?? "" }, swatch, name);
  const share = totalMs ? element("small", { textContent: ` ${Math.round((ms / totalMs) * 100)} %` }) : undefined;
  return element("div", { className: span ? "" : "total" }, term, element("dd", {}, duration(ms), share));
}

function describeBatch({ batch_size: batchSize, ms_per_image: msPerImage }) {
  const size = Number(batchSize.toFixed(1));
  const company =
    size > 1
      ? `It shared its steps with ${Number((size - 1).toFixed(1))} others on average`
      : "It had the engine to itself";
  return `${company}; its own part of the engine's time was ${duration(msPerImage)}.`;
}
