// Programs that generate an image again, byte for byte, in three languages and without packages.
import { currentKey } from "../api/key.js";
import { fileName, sourceFiles } from "./file-name.js";

export const LANGUAGES = [
  ["curl", "curl", curl],
  ["typescript", "TypeScript", typescript],
  ["python", "Python", python],
];

/** With the path under which a proxy may serve the page. */
const serverAddress = () => new URL(".", location.href).href.replace(/\/$/, "");

/** Image `index` needs a job of at least `index + 1` images. Image and mask of an edit come from files. */
function bodyOf({ body, index }) {
  const { num_images: _, image: __, mask: ___, ...rest } = body;
  return index > 0 ? { ...rest, num_images: index + 1 } : rest;
}

const typeOf = ({ blob }) => blob.type || "image/png";
const addressOf = ({ body }) => `/${body.image ? "edits" : "generate"}`;

/** Escaped for JSON, so that no shell sees a quote. */
const quoted = (body) => JSON.stringify(body).replaceAll("'", "\\u0027");

function curl(image) {
  const { index } = image;
  const key = currentKey() ? `-H "Authorization: Bearer $MARIMBA_API_KEY"` : undefined;
  const lines = (...parts) => parts.filter(Boolean).join(" \\\n  ");
  const json = "-H 'Content-Type: application/json'";
  const files = Object.entries(sourceFiles(image));
  const pipe = files.length > 0 ? `${printf(image, files)} \\\n  | ` : "";
  const data = pipe ? "-d @-" : `-d '${quoted(bodyOf(image))}'`;
  const server = serverAddress();
  const address = `${server}${addressOf(image)}`;
  if (index === 0)
    return (
      pipe + lines("curl -fsS", key, `-H 'Accept: ${typeOf(image)}'`, json, data, `-o ${fileName(image)}`, address)
    );
  const job = lines(`job=$(${pipe}curl -fsS`, key, "-H 'Prefer: wait=120'", json, data, address);
  const fetchImage = lines("curl -fsS", key, `-o ${fileName(image)}`, `"${server}/jobs/$job/images/${index}"`);
  return `${job} \\
  | grep -o 'job_[A-Za-z0-9_-]*' | head -n 1)\n${fetchImage}`;
}

/** Prints the body with the files in it, which may be longer than an argument can be. */
function printf(image, files) {
  const fields = files.map(([field]) => `,"${field}":"%s"`).join("");
  const json = quoted(bodyOf(image)).replaceAll("\\", "\\\\").replaceAll("%", "%%");
  const texts = files.map(([, file]) => `"$(base64 < ${file} | tr -d '\\n')"`);
  return [`printf '${json.slice(0, -1)}${fields}}'`, ...texts].join(" \\\n  ");
}

function typescript(image) {
  const { index } = image;
  const files = sourceFiles(image);
  const readBase64 = `await readFile("FILE", "base64")`;
  const headers = {
    "Content-Type": `"application/json"`,
    ...(index === 0 ? { Accept: `"${typeOf(image)}"` } : { Prefer: `"wait=120"` }),
    ...(currentKey() && { Authorization: `\`Bearer \${process.env.MARIMBA_API_KEY}\`` }),
  };
  const headerLines = Object.entries(headers).map(
    ([name, value]) => `  ${name.includes("-") ? `"${name}"` : name}: ${value},`,
  );
  const fetchImage = `
const job = await response.json();
const image = await fetch(\`\${server}/jobs/\${job.id}/images/${index}\`, { headers });
if (!image.ok) throw new Error(await image.text());`;
  return `import { ${files.image ? "readFile, " : ""}writeFile } from "node:fs/promises";

const server = "${serverAddress()}";
const headers = {
${headerLines.join("\n")}
};
const response = await fetch(\`\${server}${addressOf(image)}\`, {
  method: "POST",
  headers,
  body: JSON.stringify(${literal(bodyOf(image), "  ", { null: "null" }, files, readBase64)}),
});
if (!response.ok) throw new Error((await response.json()).detail);${index > 0 ? fetchImage : ""}
await writeFile("${fileName(image)}", new Uint8Array(await ${index > 0 ? "image" : "response"}.arrayBuffer()));
`;
}

function python(image) {
  const { index } = image;
  const headers = [
    `"Content-Type": "application/json"`,
    index === 0 ? `"Accept": "${typeOf(image)}"` : `"Prefer": "wait=120"`,
    ...(currentKey() ? [`"Authorization": "Bearer " + os.environ["MARIMBA_API_KEY"]`] : []),
  ];
  const files = sourceFiles(image);
  const readBase64 = `base64.b64encode(open("FILE", "rb").read()).decode()`;
  const modules = [...(files.image ? ["base64"] : []), "json", ...(currentKey() ? ["os"] : []), "urllib.request"]
    .map((name) => `import ${name}`)
    .join("\n");
  const send = `response = urllib.request.urlopen(urllib.request.Request(SERVER + "${addressOf(image)}", json.dumps(body).encode(), headers))`;
  const fetchImage = `
job = json.load(response)
response = urllib.request.urlopen(urllib.request.Request(SERVER + "/jobs/" + job["id"] + "/images/${index}", headers=headers))`;
  return `${modules}

SERVER = "${serverAddress()}"
headers = {
${headers.map((line) => `    ${line},`).join("\n")}
}
body = ${literal(bodyOf(image), "", { null: "None", true: "True", false: "False", quoteKeys: true }, files, readBase64)}
${send}${index > 0 ? fetchImage : ""}
with open("${fileName(image)}", "wb") as file:
    file.write(response.read())
`;
}

/** An object in the language's syntax, one field per line; the fields in `files` are read by `read`. */
function literal(body, indent, words, files, read) {
  const value = (one) => words[String(one)] ?? JSON.stringify(one);
  const inner = `${indent}${words.quoteKeys ? "    " : "  "}`;
  const values = Object.entries(body).map(([name, one]) => [
    name,
    typeof one === "string" ? JSON.stringify(one) : value(one),
  ]);
  const reads = Object.entries(files).map(([name, file]) => [name, read.replace("FILE", file)]);
  const lines = [...values, ...reads].map(
    ([name, text]) => `${inner}${words.quoteKeys ? `"${name}"` : name}: ${text},`,
  );
  return `{\n${lines.join("\n")}\n${indent}}`;
}
