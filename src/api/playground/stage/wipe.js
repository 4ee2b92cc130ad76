// Compares edited images with what they were: a slider uncovers the images before, from the left.
import { element } from "../element.js";

/** Shows the slider in `label` if the image in `place` was edited; `place` may hold several. */
export function addWipe(label, place, images) {
  const slider = label.querySelector("input");
  label.hidden = images.every((image) => !image.body.image);
  const show = () => {
    place.style.setProperty("--wipe", `${slider.value}%`);
    slider.style.setProperty("--filled", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${slider.value} % of the width`);
  };
  slider.value = "0";
  slider.oninput = show;
  show();
}

/** The image before an edit, at its place in the edited image; null if the image was not edited. */
export function beforeImage({ body, width, height }) {
  if (!body.image) return null;
  const canvas = element("canvas", { className: "before", width, height, aria: { hidden: "true" } });
  const before = new Image();
  before.onload = () => {
    const left = body.extend?.left ? width - before.naturalWidth : 0;
    const top = body.extend?.top ? height - before.naturalHeight : 0;
    canvas.getContext("2d").drawImage(before, left, top);
  };
  before.src = body.image;
  return canvas;
}
