// Handles Generate, Compare, Edit and Cancel: one request, or one for each value of a comparison.
import { delay } from "./api/delay.js";
import { KeyRequired, ServerError, Unreachable } from "./api/request.js";
import { Ended, Run } from "./api/run.js";
import { CompareGrid } from "./compare/compare-grid.js";
import { byId } from "./element.js";
import { keepForm } from "./form/kept-form.js";
import { forgetWork, keepWork } from "./kept-work.js";
import { Emerging } from "./stage/emerging.js";
import { Stage } from "./stage/stage.js";

export class Work {
  #stage = new Stage();
  #run;
  #isCancelled = false;

  constructor(parts) {
    Object.assign(this, parts);
    const form = byId("form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    addEventListener("keydown", (event) => {
      const isShortcut = event.key === "Enter" && (event.ctrlKey || event.metaKey);
      if (isShortcut && !document.querySelector("dialog[open]")) form.requestSubmit();
    });
    const emerging = new Emerging(byId("emerging"));
    form.addEventListener("class", ({ detail: { source, index } }) => emerging.show(source, index));
    byId("cancel").addEventListener("click", () => this.#cancel());
    for (const radio of form.elements.mode) radio.addEventListener("change", () => this.setMode(radio.value));
  }

  begin() {
    byId("loading").hidden = true;
    byId("form").hidden = false;
    this.showAction();
  }

  /** `generate`, `compare` or `edit`. */
  get mode() {
    return byId("form").elements.mode.value;
  }

  setMode(mode) {
    byId("form").elements.mode.value = mode;
    this.showAction();
  }

  get #isComparing() {
    return this.mode === "compare";
  }

  /** Adapts the page and the button's label to the mode. */
  showAction() {
    const isEditing = this.mode === "edit";
    document.body.classList.toggle("editing", isEditing);
    byId("editor").hidden = byId("edit-place").hidden = !isEditing;
    byId("compare-place").hidden = !this.#isComparing;
    const varied = this.#isComparing ? this.compare.varied.name : undefined;
    for (const [name, field] of this.form.parameterFields) field.root.classList.toggle("varied", name === varied);
    this.form.preset.root.classList.toggle("varied", varied === "preset");
    const { values } = this.#isComparing ? this.compare.read() : {};
    const labels = { generate: "Generate", compare: `Compare${values ? ` ${values.length}` : ""}`, edit: "Redraw" };
    byId("generate-label").textContent = labels[this.mode];
  }

  async #submit() {
    if (this.#run || byId("generate").disabled) return;
    this.form.clearErrors();
    this.#hideProblem();
    const comparison = this.#isComparing ? this.compare.read() : undefined;
    if (comparison?.problem) return this.compare.showProblem(comparison.problem);
    const edit = this.mode === "edit" ? this.editor.read() : undefined;
    if (edit?.problem) return this.editor.showError(edit.problem);
    const fields = this.form.read();
    keepForm(fields, this.form.seed.isLocked);
    const body = { ...fields, ...edit?.request };
    showStage();
    const { name, label } = this.compare.varied;
    const varied = comparison && { name, label, values: comparison.values };
    await this.#do({ body, label: this.form.classField.label, varied, jobs: [] });
  }

  /** Resumes the work that was under way when the page was left. */
  async resume(work) {
    if (this.#run) return;
    if (work.varied) {
      this.compare.fill(work.varied);
      this.setMode("compare");
    }
    if (work.body.image && !this.editor.request) await this.editor.fill(work.body);
    await this.#do(work);
  }

  /** `work.jobs` are the jobs already submitted: one, or one for each value so far. */
  async #do(work) {
    this.#isCancelled = false;
    this.#setBusy(true);
    try {
      await (work.varied ? this.#compare(work) : this.#generate(work));
      if (this.#isCancelled) this.#hideProblem();
    } catch (error) {
      if (this.#isCancelled) this.#hideProblem();
      this.#showError(error, () => this.#submit());
    } finally {
      forgetWork();
      this.#run = undefined;
      this.#setBusy(false);
    }
  }

  async #generate(work) {
    this.#stage.begin(work.body, work.label);
    const images = await this.#request(work, 0, work.body, (name, data) => this.#stage.onEvent(name, data));
    this.#stage.finish(images, this);
  }

  /** One value at a time, so that the values do not slow each other down. */
  async #compare(work) {
    const { body, label, varied } = work;
    const grid = new CompareGrid(varied, varied.values, Number(body.num_images) || 1);
    this.#stage.beginComparison(body, label, varied.label);
    try {
      for (const [index, value] of varied.values.entries()) {
        if (this.#isCancelled) throw new Ended("Cancelled.", "cancelled");
        this.#stage.showPart(index, varied.values.length, `${varied.label} ${value}`);
        const cell = grid.cell(index);
        const one = { ...body, [varied.name]: value };
        const note = `${varied.label.toLowerCase()} ${value}`;
        const images = await this.#request(work, index, one, (name, data) => cell.onEvent(name, data), note);
        cell.finish(images, this);
        grid.rescale();
      }
      this.#stage.finishComparison(grid.summary());
    } catch (error) {
      grid.stop({ isFaded: !this.#isCancelled });
      throw error;
    }
  }

  /** Generates the images of request `index` and stores them; `note` distinguishes them from others with the same seed. */
  async #request(work, index, body, onEvent, note) {
    this.#run = new Run(body, onEvent, work.jobs[index]);
    const preset = body.preset ?? this.form.model.default_preset;
    const made = await this.#run.images((job) => {
      work.jobs[index] = job;
      keepWork(work);
    });
    const images = made.map((image) => ({ ...image, preset, note }));
    await this.gallery.add(images);
    return images.map((image) => ({ image, url: this.gallery.urlOf(image) }));
  }

  /** The run ends when the server confirms the cancellation. */
  async #cancel() {
    const run = this.#run;
    if (!run || this.#isCancelled) return;
    this.#isCancelled = true;
    this.#showCancelling(true);
    const pending = new Error("The server does not respond. The job is not cancelled yet; this page keeps trying.");
    try {
      await run.cancel(() => {
        if (this.#run === run) this.showProblem(pending);
      });
    } catch (error) {
      if (this.#run !== run) return;
      this.showProblem(new Error(`Not cancelled: ${error.message}`));
      this.#isCancelled = false;
      this.#showCancelling(false);
    }
  }

  #showCancelling(isUnderWay) {
    byId("cancel").textContent = isUnderWay ? "Cancelling …" : "Cancel";
    // A disabled button would lose the focus.
    byId("cancel").setAttribute("aria-disabled", String(isUnderWay));
  }

  /** Shows each error in its place: at its field, above the buttons, or with the images. */
  #showError(error, onRetry) {
    if (error instanceof ServerError && error.fields.length > 0) {
      this.#stage.withdraw();
      this.#showFieldErrors(error);
    } else if (error instanceof ServerError && error.status === 429) {
      this.#stage.withdraw();
      this.#countDown(error);
    } else if (error instanceof Unreachable) {
      // The banner reports the lost connection.
      this.#stage.withdraw();
      this.showProblem(error);
    } else if (error instanceof Ended && this.#isCancelled) {
      this.#stage.end(error.state === "cancelled" ? "Cancelled." : error.message);
    } else {
      if (!(error instanceof Ended || error instanceof ServerError)) console.error(error);
      this.#stage.fail(error.message, onRetry, error instanceof KeyRequired ? "Enter a key" : "Try again");
    }
  }

  #showFieldErrors(error) {
    const ofVaried = (field) => this.#isComparing && field.pointer === `/${this.compare.varied.name}`;
    const others = this.form.showErrors(error.fields.filter((field) => !ofVaried(field)));
    const varied = error.fields.find(ofVaried);
    if (varied) this.compare.showProblem(`A value ${varied.message}.`);
    if (others.length > 0) this.showProblem(error);
  }

  showProblem(error) {
    byId("form-problem").textContent = error.message;
    byId("form-problem").hidden = false;
  }

  #hideProblem() {
    byId("form-problem").hidden = true;
  }

  /** The queue is full: counts down `Retry-After`, then enables the button again. */
  async #countDown(error) {
    byId("generate").disabled = true;
    for (let left = Math.ceil(error.retryAfterS ?? 1); left > 0; left--) {
      byId("generate-label").textContent = `Try again in ${left} s`;
      this.showProblem(error);
      await delay(1000);
    }
    byId("generate").disabled = false;
    this.#hideProblem();
    this.showAction();
  }

  #setBusy(isBusy) {
    // A hidden button loses the focus, so move it to the visible one for keyboard users.
    const buttons = [byId("generate"), byId("cancel")];
    const hadFocus = [...buttons, document.body].includes(document.activeElement);
    buttons[0].hidden = isBusy;
    buttons[1].hidden = !isBusy;
    this.#showCancelling(false);
    if (hadFocus) buttons[Number(isBusy)].focus({ preventScroll: true });
  }
}

/** On a narrow screen, scrolls to the images below the form. */
function showStage() {
  const { top } = byId("stage").getBoundingClientRect();
  if (top < 0 || top > innerHeight / 3) byId("stage").scrollIntoView({ block: "start" });
}
