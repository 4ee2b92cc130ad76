/** A descriptive file name: `demo-star-seed-7.png`, `demo-star-seed-7-image-2.png`. */
export function fileName({ model, parameters, seed, index, numImages, blob }) {
  const word = (text) =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "")
      .slice(0, 40);
  const number = numImages > 1 ? `-image-${index}` : "";
  const type = blob.type.replace("image/", "") || "png";
  return `${word(model)}-${word(parameters.class_name ?? "no class")}-seed-${seed}${number}.${type}`;
}
