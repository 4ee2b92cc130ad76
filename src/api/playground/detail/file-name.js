/** A descriptive file name: `demo-star-seed-7.png`, `demo-star-seed-7-image-2.png`. */
export function fileName(image) {
  const type = image.blob.type.replace("image/", "") || "png";
  const number = image.numImages > 1 ? `-image-${image.index}` : "";
  return `${stem(image)}${number}.${type}`;
}

/** Of the files of an edit: `{image: "demo-star-seed-7-source.png", mask: "demo-star-seed-7-mask.png"}`. */
export function sourceFiles(image) {
  const names = { image: "source", mask: "mask" };
  const files = Object.entries(names).filter(([field]) => image.body[field]);
  return Object.fromEntries(
    files.map(([field, name]) => {
      const type = /^data:image\/(\w+)/.exec(image.body[field])?.[1] ?? "png";
      return [field, `${stem(image)}-${name}.${type}`];
    }),
  );
}

function stem({ model, parameters, seed }) {
  const word = (text) =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "")
      .slice(0, 40);
  return `${word(model)}-${word(parameters.class_name ?? "no class")}-seed-${seed}`;
}
