import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { describeConfig, loadConfig } from "../../src/config.js";
import { readCompose } from "./compose-file.js";
import { manifestFaults } from "./schema.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(PROJECT, "deploy/kubernetes");

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
}
interface Container {
  readonly args: readonly string[];
  readonly env: readonly Variable[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly [key: string]: unknown;
}
interface PodSpec {
  readonly containers: readonly [Container];
  readonly terminationGracePeriodSeconds: number;
  readonly volumes?: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
}
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  // biome-ignore lint/suspicious/noExplicitAny: the schemas check what is in here.
  readonly spec: any;
}

const kustomization = parse(readFileSync(join(FOLDER, "kustomization.yaml"), "utf8"));
const manifests: Manifest[] = (kustomization.resources as string[]).flatMap((file) =>
  parseAllDocuments(readFileSync(join(FOLDER, file), "utf8")).map((document) => document.toJS()),
);
const find = (kind: string, name: string) =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)!;
const workloads = manifests.filter(({ kind }) => kind === "Deployment" || kind === "StatefulSet");
const pods = workloads.map(({ metadata, spec }) => [metadata.name, spec.template.spec as PodSpec] as const);
const ours = pods.filter(([name]) => name !== "marimba-redis");

describe("the Kubernetes manifests", () => {
  it("are all in the kustomization", () => {
    const files = readdirSync(FOLDER).filter((file) => file !== "kustomization.yaml");
    expect(files.sort()).toEqual([...kustomization.resources].sort());
  });

  it.each(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const))(
    "follow their schema: %s",
    (_, manifest) => {
      const faults = manifestFaults(manifest.apiVersion, manifest.kind);
      expect(faults(manifest)).toEqual([]);
      expect(faults({ ...manifest, spec: { ...manifest.spec, replica: 1 } })).not.toEqual([]);
    },
  );

  it("leave the namespace to the kustomization", () => {
    expect(manifests.filter(({ metadata }) => metadata.namespace !== undefined)).toEqual([]);
  });

  it("hold no secret, and name only those that the document makes", () => {
    expect(manifests.filter(({ kind }) => kind === "Secret")).toEqual([]);
    const named = pods.flatMap(([, { containers }]) =>
      containers[0].env.flatMap((v) => v.valueFrom?.secretKeyRef ?? []),
    );
    expect(named).toHaveLength(3);
    const { secretTargetRef } = find("TriggerAuthentication", "marimba-scaler").spec;
    const document = readFileSync(join(PROJECT, "docs/deployment.md"), "utf8");
    for (const { name, key } of [...named, ...secretTargetRef])
      expect(document).toMatch(new RegExp(`create secret generic ${name} .*--from-literal=${key}=`));
    const mounted = pods.flatMap(([, { volumes }]) =>
      (volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []),
    );
    expect(mounted).toEqual(["marimba-keys"]);
    expect(document).toMatch(/create secret generic marimba-keys --from-file=api-keys$/m);
  });

  it("give the API its keys from the secret's folder, and the workers none", () => {
    const spec = find("Deployment", "marimba-api").spec.template.spec as PodSpec;
    const { env, volumeMounts } = spec.containers[0] as Container & {
      volumeMounts: { name: string; mountPath: string }[];
    };
    const { mountPath } = volumeMounts.find(({ name }) => name === "keys")!;
    expect(env).toContainEqual({ name: "API_KEYS_FILE", value: `${mountPath}/api-keys` });
    expect(JSON.stringify(find("Deployment", "marimba-worker"))).not.toContain("keys");
  });

  it.each(pods)("confine %s to the restricted profile", (_, pod) => {
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    });
    expect(pod.containers[0]).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
      resources: { requests: { cpu: expect.any(String) }, limits: { memory: expect.any(String) } },
    });
  });

  it.each(ours)("set nothing for %s that the configuration doesn't know or takes", (_, { containers }) => {
    const { env } = containers[0];
    const known = describeConfig().map(({ variable }) => variable);
    const used = new Set(env.flatMap(({ value }) => /\$\((\w+)\)/.exec(value ?? "")?.[1] ?? []));
    for (const { name } of env) expect(known.includes(name) || used.has(name), name).toBe(true);
    for (const name of used) expect(env.map((variable) => variable.name)).toContain(name);
    loadConfig(Object.fromEntries(env.map(({ name, value }) => [name, value])));
  });

  it.each([
    ["marimba-api", "PORT"],
    ["marimba-worker", "WORKER_PORT"],
  ])("probe %s on its %s", (name, variable) => {
    const [container] = find("Deployment", name).spec.template.spec.containers as [Container];
    const [port] = container.ports;
    expect(container.env).toContainEqual({ name: variable, value: String(port!.containerPort) });
    const probe = (path: string) => ({ httpGet: { path, port: port!.name } });
    expect(container).toMatchObject({
      readinessProbe: probe("/health/ready"),
      livenessProbe: probe("/health/live"),
      startupProbe: { httpGet: { port: port!.name } },
    });
  });

  it.each(ours)("wait longer for %s than it takes to shut down", (_, { containers, terminationGracePeriodSeconds }) => {
    const [{ lifecycle }] = containers as unknown as [{ lifecycle?: { preStop: { sleep: { seconds: number } } } }];
    const beforeSignal = lifecycle?.preStop.sleep.seconds ?? 0;
    expect(terminationGracePeriodSeconds).toBeGreaterThan(beforeSignal + loadConfig({}).shutdownGraceS + 10);
  });

  it("select the pods that they mean", () => {
    for (const { spec } of workloads) expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    const labels = (kind: string, name: string) => find(kind, name).spec.template.metadata.labels;
    expect(find("Service", "marimba-redis").spec.selector).toEqual(labels("StatefulSet", "marimba-redis"));
    expect(find("Service", "marimba-api").spec.selector).toEqual(labels("Deployment", "marimba-api"));
    expect(find("PodDisruptionBudget", "marimba-api").spec.selector.matchLabels).toEqual(
      labels("Deployment", "marimba-api"),
    );
  });

  it("start Redis with the arguments of the compose file", () => {
    const [, { containers }] = pods.find(([name]) => name === "marimba-redis")!;
    const password = "$(REDISCLI_AUTH)";
    const { command } = readCompose(["docker-compose.yml"], { REDIS_PASSWORD: password }).services.redis!;
    expect(containers[0].args).toEqual(command);
  });

  it("scale the workers on the demo's waiting images, a batch for each, and never to none", () => {
    const { scaleTargetRef, minReplicaCount, triggers } = find("ScaledObject", "marimba-worker").spec;
    expect(find("Deployment", scaleTargetRef.name).spec).not.toHaveProperty("replicas");
    expect(minReplicaCount).toBe(1);
    const { maxBatch } = loadConfig({});
    expect(triggers).toEqual([
      {
        type: "metrics-api",
        metadata: {
          url: "http://marimba-api.NAMESPACE.svc/admin/queue",
          // GJSON; test/api/routes/operator.test.ts has the answer that it looks into.
          valueLocation: 'models.#(model=="demo").waiting',
          targetValue: String(maxBatch),
          authMode: "bearer",
        },
        authenticationRef: { name: "marimba-scaler" },
      },
    ]);
  });

  it("put the namespace into the address that KEDA asks", () => {
    const [{ source, targets }] = kustomization.replacements;
    expect(find(source.kind, source.name).kind).toBe("Service");
    const [{ select, fieldPaths, options }] = targets;
    expect([select.kind, fieldPaths, options]).toEqual([
      "ScaledObject",
      ["spec.triggers.0.metadata.url"],
      { delimiter: ".", index: 1 },
    ]);
    const { url } = find("ScaledObject", "marimba-worker").spec.triggers[0].metadata;
    expect(url.split(".")[1]).toBe("NAMESPACE");
  });
});

describe("the manifests for GPUs", () => {
  const overlay = parse(readFileSync(join(PROJECT, "deploy/kubernetes-gpu/kustomization.yaml"), "utf8"));
  const [{ target, patch }] = overlay.patches;
  const worker = structuredClone(find(target.kind, target.name));
  for (const { op, path, value } of parse(patch) as { op: string; path: string; value: unknown }[]) {
    const words = path.split("/").slice(1);
    const last = words.pop()!.replace("~1", "/");
    // biome-ignore lint/suspicious/noExplicitAny: a path into a manifest.
    const parent = words.reduce((part: any, word) => part[word], worker);
    expect(last in parent, path).toBe(op === "replace");
    if (last === "-") parent.push(value);
    else parent[last] = value;
  }
  const [container] = worker.spec.template.spec.containers;

  it("change the workers of the others, and still follow the schema", () => {
    expect(overlay.resources).toEqual(["../kubernetes"]);
    expect(manifestFaults(worker.apiVersion, worker.kind)(worker)).toEqual([]);
  });

  it("give each worker the image for CUDA, a GPU, and a batch for it", () => {
    expect(container.image).toMatch(/-cuda$/);
    expect(container.resources.limits).toMatchObject({ cpu: "2", "nvidia.com/gpu": 1 });
    const env = Object.fromEntries((container.env as Variable[]).map(({ name, value }) => [name, value]));
    expect(env).toMatchObject({ MAX_BATCH: "64", WORKER_PORT: "8081" });
  });
});
