import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where Debian's Chromium and Google's Chrome keep SwiftShader, a Vulkan driver that runs on the CPU. */
const FOLDERS = ["/usr/lib/chromium", "/opt/google/chrome"];

/** Environment variables with which WebGPU runs on SwiftShader, through Vulkan's loader (Debian: libvulkan1). */
export function swiftShader(): { readonly VK_DRIVER_FILES: string } {
  const file = FOLDERS.map((folder) => join(folder, "vk_swiftshader_icd.json")).find((path) => existsSync(path));
  if (file === undefined)
    throw new Error(
      `${FOLDERS.join(" and ")} have no SwiftShader; install chromium (Debian: apt-get install chromium).`,
    );
  return { VK_DRIVER_FILES: file };
}
