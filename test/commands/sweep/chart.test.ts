import { describe, expect, it } from "vitest";
import { type Chart, chartsSvg } from "../../../src/commands/sweep/chart.js";

const chart = (series: Chart["series"]): Chart => ({
  title: "Time & <quality>",
  x: { label: "ms", scale: "log" },
  y: { label: "distance", scale: "linear" },
  series,
});
const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);

describe("chartsSvg", () => {
  const dots = (x: number) => ({ name: "presets", isHighlighted: true, points: [{ x, y: 2, label: "fast" }] });

  it("draws dots, lines, intervals and labels, and escapes what is text", () => {
    const line = {
      name: "steps",
      points: [1, 10, 100].map((x) => ({ x, y: x, low: x - 0.5, high: x + 0.5, label: `${x} steps` })),
    };
    const svg = chartsSvg([chart([line, dots(20)])], 1, 600, 400);
    expect(svg.match(/<polyline/g)).toHaveLength(1);
    expect(svg.match(/<circle/g)).toHaveLength(4 + 2);
    expect(texts(svg)).toContain("Time &amp; &lt;quality&gt;");
    expect(texts(svg)).toEqual(
      expect.arrayContaining(["fast", "1 steps", "10 steps", "100 steps", "steps", "presets"]),
    );
    expect(svg).toContain("prefers-color-scheme: dark");
  });

  it("begins another line of the legend where a name has no room", () => {
    const names = ["a-model", "another-model", "a-model-with-a-long-name", "the-last-model"];
    const svg = chartsSvg([chart(names.map((name) => ({ ...dots(10), name })))], 1, 500, 300);
    const placed = [...svg.matchAll(/<text x="(\d+)[^"]*" y="(\d+)">([^<]*)</g)].filter(([, , , name]) =>
      names.includes(name!),
    );
    expect(placed.map(([, , , name]) => name)).toEqual(names);
    for (const [, x, , name] of placed) expect(Number(x) + 7 * name!.length).toBeLessThan(500);
    const lines = placed.map(([, , y]) => Number(y));
    expect(lines).toEqual(lines.toSorted((a, b) => a - b));
    expect(new Set(lines).size).toBeGreaterThan(1);
  });

  it("leaves out a label that finds no place, never a dot", () => {
    const crowd = {
      name: "steps",
      points: Array.from({ length: 40 }, () => ({ x: 10, y: 1, label: "a long label" })),
    };
    const svg = chartsSvg([chart([crowd])], 1, 300, 200);
    expect(svg.match(/<circle/g)).toHaveLength(40);
    expect(texts(svg).filter((text) => text === "a long label").length).toBeLessThan(10);
  });

  it("puts a label above its interval where another's stands in its way", () => {
    const points = [
      { x: 10, y: 2, low: 1, high: 3, label: "a label that is too long" },
      { x: 14, y: 2, low: 1, high: 3, label: "next" },
      { x: 1000, y: 4 },
    ];
    const svg = chartsSvg([chart([{ name: "presets", isHighlighted: true, points }])], 1, 600, 400);
    expect(texts(svg)).toEqual(expect.arrayContaining(["a label that is too long", "next"]));
  });

  it("draws a single point, and charts side by side", () => {
    const svg = chartsSvg([chart([dots(1)]), chart([dots(5)]), chart([dots(9)])], 2, 300, 200);
    expect(svg).toContain('viewBox="0 0 600 400"');
    expect(svg).toContain("translate(0 200)");
    expect(svg).not.toMatch(/NaN|Infinity/);
  });
});
