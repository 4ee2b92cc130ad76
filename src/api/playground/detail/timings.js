// The timings of an image, as one bar and as a list.
import { duration } from "../duration.js";
import { element } from "../element.js";

const SPANS = [
  ["queue", "Queue", "until the engine received the image"],
  ["batch_wait", "Batch wait", "while the engine worked on other images"],
  ["transformer", "Transformer", "the transformer's part of the steps"],
  ["diffusion", "Diffusion", "the diffusion head's part of the steps"],
  ["decode", "Decode", "latents to pixels"],
  ["encode", "Encode", "pixels to the image file"],
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
  const sharing =
    size > 1
      ? `This image shared its steps with ${Number((size - 1).toFixed(1))} others on average`
      : "This image had the engine to itself";
  return `${sharing}; its share of the engine's time was ${duration(msPerImage)}.`;
}
