// Programs that generate an image again, byte for byte, in three languages and without packages.
import { currentKey } from "../api/key.js";
import { fileName } from "./file-name.js";

export const LANGUAGES = [
  ["curl", "curl", curl],
  ["typescript", "TypeScript", typescript],
  ["python", "Python", python],
];

/** With the path under which a proxy may serve the page. */
const serverAddress = () => new URL(".", location.href).href.replace(/\/$/, "");

/** Image `index` needs a job of at least `index + 1` images. */
function bodyOf({ body, index }) {
  const { num_images: _, ...rest } = body;
  return index > 0 ? { ...rest, num_images: index + 1 } : rest;
}

/** Escaped for JSON, so that no shell sees a quote. */
const quoted = (body) => JSON.stringify(body).replaceAll("'", "\\u0027");

function curl(image) {
  const { index } = image;
  const key = currentKey() ? `-H "Authorization: Bearer $MARIMBA_API_KEY"` : undefined;
  const lines = (...parts) => parts.filter(Boolean).join(" \\\n  ");
  const json = "-H 'Content-Type: application/json'";
  const data = `-d '${quoted(bodyOf(image))}'`;
  const server = serverAddress();
  const address = `${server}/generate`;
  if (index === 0)
    return lines("curl -fsS", key, "-H 'Accept: image/png'", json, data, `-o ${fileName(image)}`, address);
  const job = lines("job=$(curl -fsS", key, "-H 'Prefer: wait=120'", json, data, address);
  const fetchImage = lines("curl -fsS", key, `-o ${fileName(image)}`, `"${server}/jobs/$job/images/${index}"`);
  return `${job} \\
  | grep -o 'job_[A-Za-z0-9_-]*' | head -n 1)\n${fetchImage}`;
}

function typescript(image) {
  const { index } = image;
  const headers = {
    "Content-Type": `"application/json"`,
    ...(index === 0 ? { Accept: `"image/png"` } : { Prefer: `"wait=120"` }),
    ...(currentKey() && { Authorization: `\`Bearer \${process.env.MARIMBA_API_KEY}\`` }),
  };
  const headerLines = Object.entries(headers).map(
    ([name, value]) => `  ${name.includes("-") ? `"${name}"` : name}: ${value},`,
  );
  const fetchImage = `
const job = await response.json();
const image = await fetch(\`\${server}/jobs/\${job.id}/images/${index}\`, { headers });
if (!image.ok) throw new Error(await image.text());`;
  return `import { writeFile } from "node:fs/promises";

const server = "${serverAddress()}";
const headers = {
${headerLines.join("\n")}
};
const response = await fetch(\`\${server}/generate\`, {
  method: "POST",
  headers,
  body: JSON.stringify(${literal(bodyOf(image), "  ", { null: "null" })}),
});
if (!response.ok) throw new Error((await response.json()).detail);${index > 0 ? fetchImage : ""}
await writeFile("${fileName(image)}", new Uint8Array(await ${index > 0 ? "image" : "response"}.arrayBuffer()));
`;
}

function python(image) {
  const { index } = image;
  const headers = [
    `"Content-Type": "application/json"`,
    index === 0 ? `"Accept": "image/png"` : `"Prefer": "wait=120"`,
    ...(currentKey() ? [`"Authorization": "Bearer " + os.environ["MARIMBA_API_KEY"]`] : []),
  ];
  const modules = ["json", ...(currentKey() ? ["os"] : []), "urllib.request"]
    .map((name) => `import ${name}`)
    .join("\n");
  const send = `response = urllib.request.urlopen(urllib.request.Request(SERVER + "/generate", json.dumps(body).encode(), headers))`;
  const fetchImage = `
job = json.load(response)
response = urllib.request.urlopen(urllib.request.Request(SERVER + "/jobs/" + job["id"] + "/images/${index}", headers=headers))`;
  return `${modules}

SERVER = "${serverAddress()}"
headers = {
${headers.map((line) => `    ${line},`).join("\n")}
}
body = ${literal(bodyOf(image), "", { null: "None", true: "True", false: "False", quoteKeys: true })}
${send}${index > 0 ? fetchImage : ""}
with open("${fileName(image)}", "wb") as file:
    file.write(response.read())
`;
}

/** An object in the language's syntax, one field per line. */
function literal(body, indent, words) {
  const value = (one) => words[String(one)] ?? JSON.stringify(one);
  const inner = `${indent}${words.quoteKeys ? "    " : "  "}`;
  const lines = Object.entries(body).map(
    ([name, one]) =>
      `${inner}${words.quoteKeys ? `"${name}"` : name}: ${typeof one === "string" ? JSON.stringify(one) : value(one)},`,
  );
  return `{\n${lines.join("\n")}\n${indent}}`;
}
