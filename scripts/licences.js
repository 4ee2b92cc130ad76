// Writes docs/licences.md: the licences of all production packages in the lock file.
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

\`npm ci --omit=dev\` may install these packages; \`node scripts/licences.js\` writes this list from \`package-lock.json\`.
LGPL-3.0-or-later applies to libvips, which sharp's libraries contain unchanged. They link it dynamically, so it can be replaced.

| licence | packages |
|---|---|
${rows.join("\n")}
`;
writeFileSync(process.argv[2] ?? new URL("../docs/licences.md", import.meta.url), page);
