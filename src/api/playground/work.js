// What Generate and Cancel do: one request, or one after another for a comparison.
import { delay } from "./api/delay.js";
import { KeyWanted, ServerError, Unreachable } from "./api/request.js";
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
      const wantsIt = event.key === "Enter" && (event.ctrlKey || event.metaKey);
      if (wantsIt && !document.querySelector("dialog[open]")) form.requestSubmit();
    });
    const emerging = new Emerging(byId("emerging"));
    form.addEventListener("class", ({ detail: { source, index } }) => emerging.show(source, index));
    byId("cancel").addEventListener("click", () => this.#cancel());
    for (const radio of form.elements.mode) radio.addEventListener("change", () => this.showAction());
  }

  begin() {
    byId("loading").hidden = true;
    byId("form").hidden = false;
    this.showAction();
  }

  get #isComparing() {
    return byId("form").elements.mode.value === "compare";
  }

  /** The form as its mode wants it, and the button as what it will do. */
  showAction() {
    byId("compare-place").hidden = !this.#isComparing;
    const varied = this.#isComparing ? this.compare.varied.name : undefined;
    for (const [name, field] of this.form.parameterFields) field.root.classList.toggle("varied", name === varied);
    this.form.preset.root.classList.toggle("varied", varied === "preset");
    const { values } = this.#isComparing ? this.compare.read() : {};
    byId("generate-label").textContent = this.#isComparing ? `Compare${values ? ` ${values.length}` : ""}` : "Generate";
  }

  async #submit() {
    if (this.#run || byId("generate").disabled) return;
    this.form.clearErrors();
    this.#hideProblem();
    const comparison = this.#isComparing ? this.compare.read() : undefined;
    if (comparison?.problem) return this.compare.showProblem(comparison.problem);
    const body = this.form.read();
    keepForm(body, this.form.seed.isLocked);
    showStage();
    const { name, label } = this.compare.varied;
    const varied = comparison && { name, label, values: comparison.values };
    await this.#do({ body, label: this.form.classField.label, varied, jobs: [] });
  }

  /** Goes on with what the page was making when it was left. */
  async resume(work) {
    if (this.#run) return;
    if (work.varied) {
      byId("form").elements.mode.value = "compare";
      this.compare.fill(work.varied);
      this.showAction();
    }
    await this.#do(work);
  }

  /** `jobs` are those that the server has of it already: one, or one for each value so far. */
  async #do(work) {
    this.#isCancelled = false;
    this.#setBusy(true);
    try {
      await (work.varied ? this.#compare(work) : this.#generate(work));
      if (this.#isCancelled) this.#hideProblem();
    } catch (error) {
      if (this.#isCancelled) this.#hideProblem();
      this.#tell(error, () => this.#submit());
    } finally {
      forgetWork();
      this.#run = undefined;
      this.#setBusy(false);
    }
  }

  async #generate(work) {
    this.#stage.begin(work.body, work.label);
    const pictures = await this.#make(work, 0, work.body, (name, data) => this.#stage.onEvent(name, data));
    this.#stage.finish(pictures, this.onOpen);
  }

  /** One value after another, so that the times are each value's own. */
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
        const pictures = await this.#make(work, index, one, (name, data) => cell.onEvent(name, data), note);
        cell.finish(pictures, this.onOpen);
        grid.rescale();
      }
      this.#stage.finishComparison(grid.summary());
    } catch (error) {
      grid.stop({ isFaded: !this.#isCancelled });
      throw error;
    }
  }

  /** Makes the pictures of the work's request `index` and keeps them; `note` is what sets them apart from others of their seed. */
  async #make(work, index, body, onEvent, note) {
    this.#run = new Run(body, onEvent, work.jobs[index]);
    const preset = body.preset ?? this.form.model.default_preset;
    const made = await this.#run.pictures((job) => {
      work.jobs[index] = job;
      keepWork(work);
    });
    const pictures = made.map((picture) => ({ ...picture, preset, note }));
    await this.gallery.add(pictures);
    return pictures.map((picture) => ({ picture, url: this.gallery.urlOf(picture) }));
  }

  /** The run ends when the server says so: what it was not told has not happened. */
  async #cancel() {
    const run = this.#run;
    if (!run || this.#isCancelled) return;
    this.#isCancelled = true;
    this.#showCancelling(true);
    const untold = new Error("The server does not answer: not cancelled yet. It will be told as soon as it answers.");
    try {
      await run.cancel(() => {
        if (this.#run === run) this.showProblem(untold);
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
    // Not disabled: a button that is loses the focus.
    byId("cancel").setAttribute("aria-disabled", String(isUnderWay));
  }

  /** Each error where it belongs: at its field, above the buttons, or with the pictures. */
  #tell(error, onRetry) {
    if (error instanceof ServerError && error.fields.length > 0) {
      this.#stage.withdraw();
      this.#tellFields(error);
    } else if (error instanceof ServerError && error.status === 429) {
      this.#stage.withdraw();
      this.#countDown(error);
    } else if (error instanceof Unreachable) {
      // The banner says the rest.
      this.#stage.withdraw();
      this.showProblem(error);
    } else if (error instanceof Ended && this.#isCancelled) {
      this.#stage.end(error.state === "cancelled" ? "Cancelled." : error.message);
    } else {
      if (!(error instanceof Ended || error instanceof ServerError)) console.error(error);
      this.#stage.fail(error.message, onRetry, error instanceof KeyWanted ? "Enter a key" : "Try again");
    }
  }

  #tellFields(error) {
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

  /** The server is full: counts down what it asked for, then lets the reader try again. */
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
    // A button that is hidden loses the focus, which whoever uses the keyboard wants back.
    const buttons = [byId("generate"), byId("cancel")];
    const hadFocus = [...buttons, document.body].includes(document.activeElement);
    buttons[0].hidden = isBusy;
    buttons[1].hidden = !isBusy;
    this.#showCancelling(false);
    if (hadFocus) buttons[Number(isBusy)].focus({ preventScroll: true });
  }
}

/** On a narrow screen the pictures stand below the form. */
function showStage() {
  const { top } = byId("stage").getBoundingClientRect();
  if (top < 0 || top > innerHeight / 3) byId("stage").scrollIntoView({ block: "start" });
}
