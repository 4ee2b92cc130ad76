import { expect, it } from "vitest";
import { importModel } from "../../src/importer/import.js";
import { DIT_CHECKPOINTS } from "../families/dit/tiny-dit.js";
import { usePlayground } from "./playground.js";
import { generateButton, imageOf, openParameters, parameter } from "./visitor.js";

const service = usePlayground({}, (modelsDir) =>
  importModel({ name: "dit", ...DIT_CHECKPOINTS, precision: "fp32", modelsDir }),
);

it("the form has the parameters of the chosen model's family, and sends no others", async () => {
  const { page } = await service.visit();
  await openParameters(page);
  const shown = () =>
    page.locator("#parameters .field:visible").evaluateAll((fields) => fields.map((field) => field.dataset.field));
  const ofMar = await shown();
  expect(ofMar).toContain("temperature");
  expect(ofMar).not.toContain("sampler");
  await parameter(page, "Temperature").fill("0.9");
  await parameter(page, "Temperature").press("Tab");

  await page.getByLabel("Model", { exact: true }).selectOption("dit");
  await page.getByText("250 steps · guidance 4").waitFor();
  expect(await shown()).toEqual(["steps", "guidance_scale", "sampler"]);
  expect(await page.locator("#field-sampler label:visible").allTextContents()).toEqual(["ddpm", "ddim"]);
  await parameter(page, "Steps").fill("20");
  await page.getByRole("radio", { name: "ddim" }).check();
  const request = page.waitForRequest(`${service.address}/generate`);
  await generateButton(page).click();
  const { seed, ...body } = (await request).postDataJSON();
  expect(body).toEqual({ class: "class 0", model: "dit", steps: 20, sampler: "ddim" });
  await imageOf(page, "class 0", seed);

  await page.getByLabel("Model", { exact: true }).selectOption("demo");
  await page.getByText("32 steps · 50 diffusion steps · guidance 2").waitFor();
  expect(await shown()).toEqual(ofMar);
});
