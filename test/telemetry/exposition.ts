/** Reads the text format of Prometheus independently of the library that writes it. */

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export function readExposition(text: string): Family[] {
  const families = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>();
  let family: { name: string; type: string; help: string; samples: Sample[] } | undefined;
  const open = (name: string) => {
    if (!families.has(name)) families.set(name, { name, type: "", help: "", samples: [] });
    family = families.get(name)!;
    return family;
  };
  for (const line of text.split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment;
      if (kind === "HELP") open(name!).help = rest!;
      else open(name!).type = rest!;
    } else if (line !== "") {
      family!.samples.push(readSample(line));
    }
  }
  return [...families.values()];
}

function readSample(line: string): Sample {
  const parts = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (!parts) throw new Error(`This is no sample: ${line}`);
  const labels = [...(parts[2] ?? "").matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, name, value]) => [name!, value!] as const,
  );
  return { name: parts[1]!, labels: Object.fromEntries(labels), value: readValue(parts[3]!) };
}

const readValue = (text: string): number => (text === "+Inf" ? Infinity : text === "Nan" ? Number.NaN : Number(text));

/** The sum of a name's samples that have these labels; 0 where there is none. */
export function sum(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return readExposition(text)
    .flatMap(({ samples }) => samples)
    .filter((sample) => sample.name === name && Object.entries(labels).every(([k, v]) => sample.labels[k] === v))
    .reduce((total, { value }) => total + value, 0);
}
