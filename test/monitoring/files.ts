import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const ROOT = new URL("../../", import.meta.url);
export const path = (name: string): string => fileURLToPath(new URL(name, ROOT));
export const RULES = "deploy/prometheus/rules.yml";
export const RULE_TESTS = "test/monitoring/rules.test.yml";
export const DASHBOARD = "deploy/grafana/dashboards/marimba.json";

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export const readText = (name: string): string => readFileSync(path(name), "utf8");

export function readRules(): Rule[] {
  const { groups } = parse(readText(RULES)) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** The alerts that the tests of the rules expect to fire, and those that they expect not to, at some time. */
export function readRuleTests(): { fired: Set<string>; quiet: Set<string> } {
  const { tests } = parse(readText(RULE_TESTS)) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
  };
  const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
  const names = (fires: boolean) =>
    new Set(cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname));
  return { fired: names(true), quiet: names(false) };
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}

export function readDashboard() {
  return JSON.parse(readText(DASHBOARD)) as {
    uid: string;
    panels: Panel[];
    templating: { list: { name: string; type: string; definition?: string }[] };
  };
}

/** What is asked for with every model chosen. */
export const withVariables = (expr: string): string =>
  expr.replaceAll("$model", ".*").replaceAll("$__rate_interval", "5s");

/** The names of metrics in an expression of PromQL, recorded ones (with colons) among them. */
export function metricNames(expr: string): string[] {
  return [...new Set(expr.match(/\b(?:marimba|process|nodejs)[_:][a-z0-9_:]+/g) ?? [])];
}

/** The labels that an expression selects or groups by. */
export function labelNames(expr: string): string[] {
  const selected = [...expr.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, name]) => name!);
  const grouped = [...expr.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/\s*,\s*/));
  return [...new Set([...selected, ...grouped])];
}
