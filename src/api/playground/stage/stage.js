// The right side of the page: the images of one request as they emerge.
import { duration } from "../duration.js";
import { byId, element } from "../element.js";
import { Progress } from "./progress.js";
import { Tile } from "./tile.js";
import { addWipe } from "./wipe.js";

export class Stage {
  #tiles = [];
  #progress = new Progress(byId("progress"));

  /** Shows an empty tile for each image of a request. */
  begin(body, label) {
    this.#clear();
    byId("compare").hidden = true;
    byId("stage-title").textContent = label;
    byId("stage-facts").textContent = `seed ${body.seed}`;
    this.#tiles = Array.from({ length: Number(body.num_images) || 1 }, () => new Tile());
    const tiles = byId("tiles");
    tiles.hidden = false;
    tiles.dataset.count = this.#tiles.length === 1 ? "one" : this.#tiles.length <= 4 ? "few" : "many";
    tiles.replaceChildren(...this.#tiles.map(({ root }) => root));
    byId("status").textContent = "Sending the request";
    this.#progress.start();
  }

  /** Clears the stage for the grid of a comparison. */
  beginComparison(body, label, over) {
    this.#clear();
    byId("tiles").hidden = true;
    this.#tiles = [];
    byId("stage-title").textContent = `${label}, by ${over.toLowerCase()}`;
    byId("stage-facts").textContent = `seed ${body.seed} · times exclude waiting`;
    this.#progress.start();
  }

  showPart(index, count, what) {
    this.#progress.show(index, count, `${index + 1} of ${count}: ${what}`);
    byId("status").textContent = what;
  }

  finishComparison(summary) {
    this.#progress.stop();
    byId("verdict").textContent = summary;
    byId("verdict").hidden = summary === "";
    byId("status").textContent = `Done. ${summary}`;
  }

  onEvent(name, data) {
    if (name === "queued") this.#wait(data.position);
    else if (name === "running") this.#announce("Generating");
    else if (name === "progress") this.#progress.show(data.step, data.of, this.#describe(data));
    else if (name === "preview") this.#tiles[data.index]?.preview(data);
  }

  /** `images` are `{image, url}`; `on` is `{onOpen(image), onEdit(image)}`. */
  finish(images, on) {
    this.#progress.stop();
    for (const { image, url } of images) this.#tiles[image.index]?.finish(image, url, on);
    addWipe(
      byId("stage-wipe"),
      byId("tiles"),
      images.map(({ image }) => image),
    );
    const { timing, parameters } = images[0].image;
    const slowest = Math.max(...images.map(({ image }) => image.timing.total_ms));
    const each = images.length > 1 ? [`${duration(timing.ms_per_image)} of engine time each`] : [];
    const facts = [`${parameters.steps} steps`, `guidance ${parameters.guidance_scale}`, duration(slowest), ...each];
    byId("stage-facts").textContent = [`seed ${images[0].image.seed}`, ...facts].join(" · ");
    byId("status").textContent = `Done: ${byId("stage-title").textContent}, ${byId("stage-facts").textContent}`;
  }

  /** Ends without images; previews stay, but faded. */
  fail(message, onRetry, action) {
    this.#progress.stop();
    for (const tile of this.#tiles) tile.stop();
    byId("status").textContent = "";
    const retry = element("button", { type: "button", textContent: action });
    retry.addEventListener("click", onRetry);
    byId("problem").replaceChildren(element("p", { textContent: message }), retry);
    byId("problem").hidden = false;
  }

  /** Ends after a cancellation; previews stay as they are. */
  end(message) {
    this.#progress.stop();
    for (const tile of this.#tiles) tile.stop({ isFaded: false });
    byId("note").textContent = byId("status").textContent = message;
    byId("note").hidden = false;
  }

  /** Restores the empty stage after a request that was refused. */
  withdraw() {
    this.#progress.stop();
    byId("tiles").hidden = true;
    byId("compare").hidden = true;
    byId("stage-title").textContent = "";
    byId("stage-facts").textContent = "";
    byId("status").textContent = "";
    byId("empty").hidden = false;
  }

  #clear() {
    for (const id of ["empty", "problem", "verdict", "note", "stage-wipe"]) byId(id).hidden = true;
  }

  #wait(position) {
    this.#progress.wait(position ? `Waiting: ${position} ${position === 1 ? "image" : "images"} ahead` : "Waiting …");
    this.#announce("Waiting");
  }

  #announce(words) {
    if (byId("status").textContent !== words) byId("status").textContent = words;
  }

  #describe({ step, of }) {
    const count = this.#tiles.length;
    return count > 1 ? `${step} of ${of} steps over ${count} images` : `Step ${step} of ${of}`;
  }
}
