/** A line chart as SVG, for light and dark colour schemes. */
export interface Chart {
  readonly title: string;
  /** Beside the title. */
  readonly note?: string;
  readonly x: { readonly label: string; readonly scale: "linear" | "log" };
  readonly y: { readonly label: string; readonly scale: "linear" | "log" };
  readonly series: readonly Series[];
}

export interface Series {
  readonly name: string;
  /** Joined in this order; `low` and `high` are an interval of y. */
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    readonly label?: string;
    readonly low?: number;
    readonly high?: number;
    readonly isHollow?: boolean;
  }[];
  /** Large dots with bold labels, not joined. */
  readonly isHighlighted?: boolean;
}

const MARGIN = { left: 64, right: 24, top: 44, bottom: 52 };
const LEGEND_LINE = 20;
/** Font size, and the approximate width of a character. */
const FONT = 13;
const CHARACTER = 7.2;

/** Colours that colour-blind readers can distinguish too (Okabe and Ito), one for each series. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

const STYLE = `<style>
  svg { font: ${FONT}px system-ui, sans-serif; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --paper: #ffffff }
  @media (prefers-color-scheme: dark) { svg { --ink: #f0f6fc; --soft: #9198a1; --line: #3d444d; --paper: #0d1117 } }
  .paper, .hollow { fill: var(--paper) } .grid { stroke: var(--line) } text { fill: var(--ink) } .soft { fill: var(--soft) }
  .title { font-weight: 600; font-size: 15px } .strong { font-weight: 700 } .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 3px }
</style>`;

/** Charts side by side, `columns` in a row, as one SVG document. */
export function chartsSvg(charts: readonly Chart[], columns: number, width: number, height: number): string {
  const rows = Math.ceil(charts.length / columns);
  const body = charts.map((chart, i) => {
    const x = (i % columns) * width;
    const y = Math.floor(i / columns) * height;
    return `<g transform="translate(${x} ${y})">${drawChart(chart, width, height)}</g>`;
  });
  const size = `${Math.min(columns, charts.length) * width} ${rows * height}`;
  const [w, h] = size.split(" ");
  const label = escapeXml(charts.map(({ title }) => title).join("; "));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size}" width="${w}" height="${h}" role="img" aria-label="${label}">`,
    `<title>${label}</title>`,
    STYLE,
    `<rect class="paper" width="100%" height="100%"/>`,
    ...body,
    "</svg>\n",
  ].join("\n");
}

function drawChart(chart: Chart, width: number, height: number): string {
  const all = chart.series.flatMap(({ points }) => points);
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const entries = chart.series.length > 1 ? legendPlaces(chart.series, left, right) : [];
  const top = MARGIN.top + LEGEND_LINE * ((entries.at(-1)?.line ?? -1) + 1);
  const plot = { left, right, top, bottom: height - MARGIN.bottom };
  const x = axis(
    all.map((point) => point.x),
    chart.x.scale,
    plot.left,
    plot.right,
  );
  const y = axis(
    all.flatMap(({ y, low = y, high = y }) => [low, y, high]),
    chart.y.scale,
    plot.bottom,
    plot.top,
  );
  const parts = [`<text class="title" x="${plot.left}" y="24">${escapeXml(chart.title)}</text>`];
  if (chart.note)
    parts.push(`<text class="soft" text-anchor="end" x="${plot.right}" y="24">${escapeXml(chart.note)}</text>`);
  for (const tick of x.ticks)
    parts.push(
      `<line class="grid" x1="${round(x.at(tick))}" x2="${round(x.at(tick))}" y1="${plot.top}" y2="${plot.bottom}"/>`,
      `<text class="soft" text-anchor="middle" x="${round(x.at(tick))}" y="${plot.bottom + 18}">${tick}</text>`,
    );
  for (const tick of y.ticks)
    parts.push(
      `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${round(y.at(tick))}" y2="${round(y.at(tick))}"/>`,
      `<text class="soft" text-anchor="end" x="${plot.left - 8}" y="${round(y.at(tick)) + 4}">${tick}</text>`,
    );
  const middle = (plot.top + plot.bottom) / 2;
  parts.push(
    `<text class="soft" text-anchor="middle" x="${(plot.left + plot.right) / 2}" y="${plot.bottom + 40}">${escapeXml(chart.x.label)}</text>`,
    `<text class="soft" text-anchor="middle" transform="translate(18 ${middle}) rotate(-90)">${escapeXml(chart.y.label)}</text>`,
  );
  for (const [i, { name, x, line }] of entries.entries()) {
    const y = MARGIN.top + LEGEND_LINE * line;
    parts.push(
      `<circle cx="${round(x + 5)}" cy="${y - 2}" r="5" fill="${COLOURS[i % COLOURS.length]}"/><text x="${round(x + 15)}" y="${y + 3}">${escapeXml(name)}</text>`,
    );
  }
  chart.series.forEach((series, i) => {
    parts.push(drawSeries(series, COLOURS[i % COLOURS.length]!, x.at, y.at));
  });
  parts.push(drawLabels(chart.series, x.at, y.at, plot));
  return parts.join("\n");
}

/** Where the entry of each series stands; one that the line has no room for begins the next line. */
function legendPlaces(series: readonly Series[], left: number, right: number) {
  let x = left;
  let line = 0;
  return series.map(({ name }) => {
    const length = 15 + name.length * CHARACTER;
    if (x > left && x + length > right) [x, line] = [left, line + 1];
    const place = { name, x, line };
    x += length + 11;
    return place;
  });
}

type Place = (value: number) => number;

function drawSeries({ points, isHighlighted }: Series, colour: string, x: Place, y: Place): string {
  const parts: string[] = [];
  if (!isHighlighted && points.length > 1) {
    const path = points.map((point) => `${round(x(point.x))},${round(y(point.y))}`).join(" ");
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-opacity="0.85"/>`);
  }
  for (const point of points) {
    const cx = round(x(point.x));
    if (point.low !== undefined && point.high !== undefined)
      parts.push(
        `<line x1="${cx}" x2="${cx}" y1="${round(y(point.low))}" y2="${round(y(point.high))}" stroke="${colour}" stroke-opacity="0.65" stroke-width="${isHighlighted ? 3 : 1.5}"/>`,
      );
    const fill = point.isHollow ? `class="hollow" stroke="${colour}" stroke-width="2"` : `fill="${colour}"`;
    parts.push(`<circle cx="${cx}" cy="${round(y(point.y))}" r="${isHighlighted ? 7 : 4}" ${fill}/>`);
  }
  return parts.join("");
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Places each label where it covers no dot, interval or other label, the highlighted first; omits a label that finds no place. */
function drawLabels(series: readonly Series[], x: Place, y: Place, plot: Box): string {
  const taken: Box[] = series.flatMap(({ points, isHighlighted }) =>
    points.flatMap(({ low, high, ...point }) => {
      const dot = around(x(point.x), y(point.y), isHighlighted ? 8 : 5);
      if (low === undefined || high === undefined) return [dot];
      return [dot, { left: x(point.x) - 2, right: x(point.x) + 2, top: y(high), bottom: y(low) }];
    }),
  );
  const ordered = [...series].sort((a, b) => Number(b.isHighlighted ?? false) - Number(a.isHighlighted ?? false));
  const parts: string[] = [];
  for (const { points, isHighlighted } of ordered)
    for (const { label, ...point } of points) {
      if (!label) continue;
      const ends = [y(point.high ?? point.y), y(point.low ?? point.y)] as const;
      const place = freePlace(label, [x(point.x), y(point.y)], ends, isHighlighted ? 12 : 8, taken, plot);
      if (!place) continue;
      taken.push(place);
      parts.push(
        `<text class="halo${isHighlighted ? " strong" : ""}" x="${round(place.left)}" y="${round(place.bottom - 4)}">${escapeXml(label)}</text>`,
      );
    }
  return parts.join("");
}

function freePlace(
  label: string,
  [x, y]: readonly [number, number],
  [top, bottom]: readonly [number, number],
  gap: number,
  taken: readonly Box[],
  plot: Box,
): Box | undefined {
  const width = label.length * CHARACTER;
  const candidates = [
    [x + gap, y],
    [x - gap - width, y],
    [x - width / 2, y - gap - FONT / 2],
    [x - width / 2, y + gap + FONT / 2],
    [x + gap, y - gap - 4],
    [x + gap, y + gap + 4],
    [x - gap - width, y - gap - 4],
    [x - gap - width, y + gap + 4],
    [x - gap, top - gap],
    [x - gap, bottom + gap],
  ] as const;
  for (const [left, middle] of candidates) {
    const box = { left, right: left + width, top: middle - FONT / 2 - 1, bottom: middle + FONT / 2 + 3 };
    const inside =
      box.left >= plot.left &&
      box.right <= plot.right + MARGIN.right &&
      box.top >= plot.top &&
      box.bottom <= plot.bottom;
    if (inside && !taken.some((other) => overlap(box, other))) return box;
  }
  return undefined;
}

const around = (x: number, y: number, r: number): Box => ({ left: x - r, right: x + r, top: y - r, bottom: y + r });
const overlap = (a: Box, b: Box) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Maps values to positions between `start` and `end`, with round numbers as ticks. */
function axis(values: readonly number[], scale: "linear" | "log", start: number, end: number) {
  const isLog = scale === "log";
  const forward = (value: number) => (isLog ? Math.log(value) : value);
  const usable = values.filter((value) => Number.isFinite(forward(value)));
  const low = Math.min(...usable.map(forward));
  const high = Math.max(...usable.map(forward));
  const pad = (high - low || 1) * 0.07;
  const from = low - pad;
  const to = high + pad;
  const at = (value: number) => start + ((forward(value) - from) / (to - from)) * (end - start);
  const ticks = isLog ? logTicks(Math.exp(from), Math.exp(to)) : linearTicks(from, to);
  return { at, ticks };
}

function linearTicks(from: number, to: number): number[] {
  const rough = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(6)),
  );
}

function logTicks(from: number, to: number): number[] {
  const ticks: number[] = [];
  const factors = to / from > 30 ? [1, 3] : to / from > 4 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
  for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power++)
    for (const factor of factors) {
      const tick = Number((factor * 10 ** power).toPrecision(6));
      if (tick >= from && tick <= to) ticks.push(tick);
    }
  return ticks;
}

const round = (value: number) => Math.round(value * 10) / 10;
const escapeXml = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
