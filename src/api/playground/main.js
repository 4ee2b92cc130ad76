// The page at /: asks the server what it can do, draws the form, and puts the parts together.
import { markLost, whenBack } from "./api/connection.js";
import { KeyWanted, onKeyWanted, requestJson, Unreachable } from "./api/request.js";
import { showConnection } from "./banner.js";
import { CompareField } from "./compare/compare-field.js";
import { Detail } from "./detail/detail.js";
import { byId, element } from "./element.js";
import { Form } from "./form/form.js";
import { recallForm } from "./form/kept-form.js";
import { Gallery } from "./gallery/gallery.js";
import { recallWork } from "./kept-work.js";
import { askForKey, showKeyButton } from "./key-dialog.js";
import { Work } from "./work.js";

async function start() {
  showConnection();
  onKeyWanted(askForKey);
  showKeyButton();
  byId("key-button").addEventListener("click", () => askForKey());
  const gallery = new Gallery((picture) => detail.open(picture));
  const detail = new Detail(gallery, (body) => again(body));
  const kept = gallery.load();

  const [description, models] = await patiently(() =>
    Promise.all([requestJson("/playground/form.json"), requestJson("/models")]),
  );
  const form = new Form(description, models);
  const compare = new CompareField(() => work.showAction());
  const work = new Work({ form, compare, gallery, onOpen: (picture) => detail.open(picture) });
  async function again(body) {
    try {
      await form.fill(body);
    } catch (error) {
      work.showProblem(error);
    }
    form.classField.focus();
  }
  byId("form").addEventListener("model", (event) => compare.setModel(event.detail, description.fields));
  await patiently(() => form.useModel(form.modelField.chosen));
  await recallForm(form).catch(() => {});
  work.begin();
  await kept;
  const left = await patiently(recallWork);
  if (left) await work.resume(left);
}

/** Tries until the server answers. */
async function patiently(ask) {
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
  const isKeyWanted = error instanceof KeyWanted;
  if (!isKeyWanted) console.error(error);
  const again = element("button", { type: "button", textContent: isKeyWanted ? "Enter a key" : "Try again" });
  again.addEventListener("click", async () => {
    if (!isKeyWanted || (await askForKey())) location.reload();
  });
  const className = isKeyWanted ? "" : "error";
  byId("loading").replaceChildren(element("p", { className, textContent: error.message }), again);
});
