// Light or dark theme: the system's, unless the user chose one. Loaded before the page is drawn, so that nothing flashes.
(() => {
  const NAME = "marimba.theme";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem(NAME);
    } catch {
      return null;
    }
  }

  function show(theme) {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  }

  show(chosen());

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const isDark = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
    const label = () => button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", () => {
      const wanted = isDark() ? "light" : "dark";
      const isSystems = wanted === (dark.matches ? "dark" : "light");
      show(isSystems ? null : wanted);
      try {
        if (isSystems) localStorage.removeItem(NAME);
        else localStorage.setItem(NAME, wanted);
      } catch {
        // Storage is unavailable: the choice lasts as long as the page.
      }
      label();
    });
    dark.addEventListener("change", label);
    label();
  });
})();
