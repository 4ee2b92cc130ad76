// Writes docs/licences.md: what the lock file says of every package that is installed to serve.
import { readFileSync, writeFileSync } from "node:fs";

const { packages } = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"));
const byLicence = new Map();
for (const [path, { dev, license = "unknown", version, link }] of Object.entries(packages)) {
  if (path === "" || dev || link || !path.includes("node_modules/")) continue;
  const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  byLicence.set(license, (byLicence.get(license) ?? new Set()).add(`${name} ${version}`));
}
const rows = [...byLicence]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([licence, names]) => {
    return `| ${licence} | ${[...names].sort().join(", ")} |`;
  });
const page = `# Licences of dependencies

What \`npm ci --omit=dev\` may install, by licence, from \`package-lock.json\`; \`node scripts/licences.js\` writes this page.
LGPL-3.0-or-later is libvips inside sharp's libraries: linked dynamically, unchanged, and replaceable.

| licence | packages |
|---|---|
${rows.join("\n")}
`;
writeFileSync(process.argv[2] ?? new URL("../docs/licences.md", import.meta.url), page);
