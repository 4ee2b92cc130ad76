// The right side of the page: progress, the picture, its timings, and the curl line that makes it again.

const byId = (id) => document.getElementById(id);

const SPANS = ["queue", "batch_wait", "transformer", "diffusion", "decode", "encode"];
/** Pictures smaller than this are enlarged without blurring. */
const SMALL_PIXELS = 128;

byId("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(byId("curl").textContent);
  byId("copy").textContent = "Copied";
  setTimeout(() => {
    byId("copy").textContent = "Copy";
  }, 1500);
});
// Browsers give pages the clipboard only on https and localhost.
byId("copy").hidden = !navigator.clipboard;

export function clearResult() {
  byId("problem").hidden = true;
  byId("status").textContent = "Asking …";
  // On a narrow screen it stands below the form.
  byId("frame").scrollIntoView({ block: "nearest" });
}

export function showProblem(error) {
  byId("problem").textContent = error.message;
  byId("problem").hidden = false;
  byId("status").textContent = "";
  byId("progress").hidden = true;
}

export function showProgress({ state, position, progress }) {
  const bar = byId("progress");
  bar.hidden = false;
  if (progress) {
    bar.max = progress.of;
    bar.value = progress.step;
  } else {
    bar.removeAttribute("value");
  }
  byId("status").textContent = describeProgress(state, position, progress);
}

function describeProgress(state, position, progress) {
  if (state === "queued") return position ? `Waiting behind ${position} …` : "Waiting …";
  return progress ? `Step ${progress.step} of ${progress.of}` : "Starting …";
}

/** Shows a completed job; `asked` is the body that made it. */
export function showResult(job, asked) {
  const [image] = job.images;
  const picture = byId("picture");
  picture.src = image.url;
  picture.alt = `A generated picture of class ${job.parameters.class_name ?? "none"}`;
  picture.classList.toggle("small", image.width < SMALL_PIXELS);
  picture.hidden = false;
  byId("placeholder").hidden = true;
  byId("progress").hidden = true;
  byId("status").textContent =
    `${job.parameters.class_name ?? "no class"} · seed ${job.seed} · ${milliseconds(job.timing.total_ms)}`;
  showTimings(job.timing);
  byId("curl").textContent = curlLine(job, asked);
  byId("details").hidden = false;
}

function showTimings(timing) {
  const parts = SPANS.map((span, index) => {
    const part = document.createElement("div");
    part.className = `span-${index}`;
    part.style.flexGrow = timing[`${span}_ms`];
    return part;
  });
  byId("bar").replaceChildren(...parts);
  const rows = SPANS.map((span, index) => row(span.replace("_", " "), timing[`${span}_ms`], `span-${index}`));
  byId("spans").replaceChildren(...rows, row("total", timing.total_ms));
}

function row(name, ms, colour) {
  const group = document.createElement("div");
  if (colour) {
    const swatch = document.createElement("span");
    swatch.className = `swatch ${colour}`;
    group.append(swatch);
  } else {
    group.className = "total";
  }
  const term = document.createElement("dt");
  const value = document.createElement("dd");
  term.textContent = name;
  value.textContent = milliseconds(ms);
  group.append(term, value);
  return group;
}

function milliseconds(ms) {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

function curlLine({ parameters, seed }, asked) {
  const body = { ...asked, seed };
  const file = `${(parameters.class_name ?? "none").replace(/[^a-z0-9]+/gi, "-")}-${seed}.png`;
  // Escaped for JSON, so that no shell sees a quote.
  const quoted = JSON.stringify(body).replaceAll("'", "\\u0027");
  return [
    `curl -fsS ${location.origin}/generate`,
    "-H 'Accept: image/png'",
    "-H 'Content-Type: application/json'",
    `-d '${quoted}'`,
    `-o ${file}`,
  ].join(" \\\n  ");
}
