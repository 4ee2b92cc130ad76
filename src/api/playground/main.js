// The page at /: loads the form's description and the models, draws the form, and connects the parts.
import { markLost, whenBack } from "./api/connection.js";
import { KeyRequired, onKeyRequired, requestJson, Unreachable } from "./api/request.js";
import { showConnection } from "./banner.js";
import { CompareField } from "./compare/compare-field.js";
import { Detail } from "./detail/detail.js";
import { Editor } from "./edit/editor.js";
import { keepEdit, recallEdit } from "./edit/kept-edit.js";
import { takeFiles } from "./edit/open-image.js";
import { byId, element } from "./element.js";
import { Form } from "./form/form.js";
import { recallForm } from "./form/kept-form.js";
import { Gallery } from "./gallery/gallery.js";
import { recallWork } from "./kept-work.js";
import { askForKey, showKeyButton } from "./key-dialog.js";
import { Work } from "./work.js";

async function start() {
  showConnection();
  onKeyRequired(askForKey);
  showKeyButton();
  byId("key-button").addEventListener("click", () => askForKey());
  const gallery = new Gallery((image) => detail.open(image));
  const detail = new Detail(
    gallery,
    (body) => again(body),
    (image) => edit(image),
  );
  const kept = gallery.load();

  const [description, models] = await retryUntilReachable(() =>
    Promise.all([requestJson("playground/form.json"), requestJson("models")]),
  );
  const form = new Form(description, models);
  const compare = new CompareField(() => work.showAction());
  const editor = new Editor(form.edit, () => work.setMode("edit"));
  const work = new Work({ form, compare, editor, gallery, onOpen: (image) => detail.open(image), onEdit: edit });
  async function again(body) {
    try {
      await form.fill(body);
      if (body.image) await editor.fill(body);
      else if (work.mode === "edit") work.setMode("generate");
    } catch (error) {
      work.showProblem(error);
    }
    form.classField.focus();
  }
  async function edit({ blob, body }) {
    try {
      await form.useModelOf(body);
      form.classField.set(body.class);
    } catch (error) {
      work.showProblem(error);
    }
    await editor.open(blob, "The image");
    editor.focus();
  }
  for (const [name, subject] of Object.entries({ image: "The image", mask: "The mask", extend: "The extension" }))
    form.elsewhere.set(name, editor.errorsOf(subject));
  takeFiles((file) => editor.open(file, file.name));
  byId("form").addEventListener("model", ({ detail: model }) => {
    compare.setModel(model, description.fields);
    editor.setModel(model);
  });
  await retryUntilReachable(() => form.useModel(form.modelField.chosen));
  await recallForm(form).catch(() => {});
  const parts = { editor, form, work };
  await recallEdit(parts).catch(() => {});
  keepEdit(parts);
  work.begin();
  await kept;
  const left = await retryUntilReachable(recallWork);
  if (left) await work.resume(left);
}

/** Retries until the server responds. */
async function retryUntilReachable(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      markLost();
      await whenBack();
    }
  }
}

start().catch((error) => {
  const isKeyRequired = error instanceof KeyRequired;
  if (!isKeyRequired) console.error(error);
  const again = element("button", { type: "button", textContent: isKeyRequired ? "Enter a key" : "Try again" });
  again.addEventListener("click", async () => {
    if (!isKeyRequired || (await askForKey())) location.reload();
  });
  const className = isKeyRequired ? "" : "error";
  byId("loading").replaceChildren(element("p", { className, textContent: error.message }), again);
});
