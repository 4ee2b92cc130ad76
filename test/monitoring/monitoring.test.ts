import { execFileSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { deployments } from "../commands/deployment.js";
import { generate } from "../commands/marimba.js";
import { eventually } from "../eventually.js";
import { type Family, readExposition } from "../telemetry/exposition.js";
import {
  labelNames,
  metricNames,
  path,
  RULE_TESTS,
  RULES,
  readDashboard,
  readRules,
  readRuleTests,
  readText,
  withVariables,
} from "./files.js";
import { startPrometheus } from "./prometheus.js";

const { deploy } = deployments();

/** What a real `serve` over Redis, which is API and worker, tells after an image, a refusal and a failure. */
let text: string;
let families: Family[];

async function serve() {
  const marimba = deploy().start("serve");
  const address = await marimba.address();
  await marimba.prints(/^Ready/m);
  expect((await generate(address, { class: 0 })).status).toBe(200);
  expect((await generate(address, { class: -1 })).status).toBe(400);
  expect((await generate(address, { class: 0, steps: 64, deadline_ms: 1 })).status).toBe(504);
  return { marimba, address };
}

describe("what the service tells Prometheus", () => {
  beforeAll(async () => {
    text = await (await fetch(`${(await serve()).address}/metrics`)).text();
    families = readExposition(text);
  });
  const own = () => families.filter(({ name }) => name.startsWith("marimba_"));
  /** Names as an expression may have them. */
  const exposed = () => {
    const suffixes = (type: string) =>
      type === "histogram" || type === "summary" ? ["_bucket", "_sum", "_count"] : [""];
    return new Set(families.flatMap(({ name, type }) => suffixes(type).map((suffix) => name + suffix)));
  };
  const labels = () =>
    new Set(families.flatMap(({ samples }) => samples.flatMap((sample) => Object.keys(sample.labels))));

  it("follows the conventions for names, types, units and help", () => {
    expect(own().length).toBeGreaterThan(35);
    for (const { name, type, help } of families) {
      expect(name).toMatch(/^(marimba|process|nodejs)_[a-z0-9_]+$/);
      expect(["counter", "gauge", "histogram", "summary"], name).toContain(type);
      expect(name.endsWith("_total"), name).toBe(type === "counter");
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|hours|kb|kib|mb|mib|percent|count|sum|bucket|info_total)$/);
      expect(help.length, name).toBeGreaterThan(0);
    }
    for (const { name, help } of own()) expect(help, name).toMatch(/^[A-Z0-9].*\.$/);
    for (const { samples } of families)
      for (const sample of samples)
        for (const label of Object.keys(sample.labels)) expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/);
  });

  it("has labels in bounded sets only", () => {
    const values = new Map<string, Set<string>>();
    for (const { samples } of own())
      for (const sample of samples)
        for (const [label, value] of Object.entries(sample.labels))
          values.set(label, (values.get(label) ?? new Set()).add(value));
    values.delete("le");
    expect([...values.keys()].sort()).toEqual([
      "code",
      "command",
      "hash",
      "method",
      "model",
      "node",
      "part",
      "precision",
      "route",
      "state",
      "status",
      "version",
    ]);
    expect([...values.get("model")!]).toEqual(["demo"]);
    expect([...values.get("part")!].sort()).toEqual(["decode", "diffusion", "encode", "transformer"]);
  });

  it("is all in the table of docs/operations.md, and nothing else is", () => {
    const rows = [...readText("docs/operations.md").matchAll(/^\| `(marimba_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$/gm)];
    const documented = rows.map(([, name, type, , help]) => ({ name, type, help }));
    expect(documented).toEqual(own().map(({ name, type, help }) => ({ name, type, help })));
    for (const [, name, , listed] of rows) {
      const { samples } = own().find((family) => family.name === name)!;
      const named = new Set(samples.flatMap((sample) => Object.keys(sample.labels)).filter((label) => label !== "le"));
      if (samples.length > 0) expect([...named].sort().join(", "), name).toBe(listed);
    }
  });

  it("is what the dashboard asks for", () => {
    const { panels, templating } = readDashboard();
    const asked = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(asked.length).toBeGreaterThan(30);
    for (const { definition } of templating.list) if (definition) asked.push(definition);
    for (const expr of asked) {
      const names = metricNames(expr);
      expect(names.length, expr).toBeGreaterThan(0);
      for (const name of names) expect(exposed(), expr).toContain(name);
      for (const label of labelNames(expr)) expect([...labels(), "instance", "job"], expr).toContain(label);
    }
    // Nothing that is measured is left without an image.
    const shown = new Set(asked.flatMap(metricNames).map((name) => name.replace(/_(bucket|sum|count)$/, "")));
    const hidden = own()
      .map(({ name }) => name)
      .filter((name) => !shown.has(name));
    expect(hidden).toEqual(["marimba_image_batch_size"]);
  });

  it("is what the rules are made of; every alert says what it means", () => {
    const rules = readRules();
    const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
    for (const { alert, record, expr, labels: own, annotations } of rules) {
      for (const name of metricNames(expr))
        expect(name.includes(":") ? recorded : exposed(), `${alert ?? record}: ${expr}`).toContain(name);
      for (const label of labelNames(expr)) expect([...labels(), "instance", "job"], expr).toContain(label);
      if (alert === undefined) continue;
      expect(["critical", "warning", "info"], alert).toContain(own?.severity);
      expect(Object.keys(annotations ?? {}), alert).toEqual(["summary", "description"]);
    }
  });

  it("passes promtool, and so do rules, configuration and the tests of the rules", () => {
    execFileSync("promtool", ["check", "metrics"], { input: text });
    execFileSync("promtool", ["check", "rules", path(RULES)]);
    execFileSync("promtool", ["check", "config", path("deploy/prometheus/prometheus.yml")]);
    execFileSync("promtool", ["test", "rules", path(RULE_TESTS)]);
  });
});

it("fires every alert in the tests of the rules, and keeps each quiet in others", () => {
  const alerts = readRules().flatMap(({ alert }) => alert ?? []);
  const { fired, quiet } = readRuleTests();
  expect([...fired].sort()).toEqual([...alerts].sort());
  expect([...quiet].sort()).toEqual([...alerts].sort());
});

it("gives a real Prometheus an answer to everything that dashboard and rules ask, and fires an alert", async () => {
  const { marimba, address } = await serve();
  const prometheus = await startPrometheus(address, readText(RULES).replaceAll(/for: \d+m/g, "for: 1s"));
  try {
    await prometheus.scrapes(3);
    await generate(address, { class: 1 });
    await prometheus.scrapes(2);
    const empty: string[] = [];
    for (const { targets = [] } of readDashboard().panels)
      for (const { expr } of targets) if ((await prometheus.query(withVariables(expr))).length === 0) empty.push(expr);
    expect(empty).toEqual([]);
    for (const rule of await prometheus.rules())
      expect([rule.name, rule.health, rule.lastError]).toEqual([rule.name, "ok", undefined]);

    expect(await prometheus.firing()).not.toContain("MarimbaTargetDown");
    marimba.kill("SIGKILL");
    await eventually(async () => expect(await prometheus.firing()).toContain("MarimbaTargetDown"));
  } finally {
    await prometheus.stop();
  }
});

describe("the dashboard", () => {
  it("takes its data from the source that is chosen, and overlaps nowhere", () => {
    const { panels, templating, uid } = readDashboard();
    expect(uid).toBe("marimba");
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ["datasource", "datasource"],
      ["model", "query"],
    ]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { type, title, datasource, targets = [] } of panels) {
      if (type === "row") continue;
      for (const { uid } of [datasource!, ...targets.map((target) => target.datasource)])
        expect(uid, title).toBe("$" + "{datasource}");
    }
    const taken = new Set<string>();
    for (const {
      gridPos: { x, y, w, h },
    } of panels)
      for (let i = x; i < x + w; i++)
        for (let j = y; j < y + h; j++) {
          expect(taken).not.toContain(`${i},${j}`);
          expect(i).toBeLessThan(24);
          taken.add(`${i},${j}`);
        }
  });
});
